//! The decision table of the write side, from row 19 on: who may ask, and what is understood. The names begin with the row's number; rows 15 and 16 (a killed process) are in `apps/server`.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use offline_protocol::{Limits, RecordKey, RecordSnapshot, Timestamp, Verdict};
use offline_server::{Membership, Page, PageQuery, Store, StoreError, Work};
use serde_json::{Value, json};

use crate::support::{TestServer, assert_problem, body, code, expense_payload, statuses};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn row_19_a_command_older_than_the_memory_of_keys_is_not_executed() {
    let server = TestServer::start().await;
    let known = server.create("e1");
    server.send_one(&known).await;
    let unknown = server.create("e2");
    // Made a minute before the server's start; 48 hours of a wrong clock are allowed for.
    server.advance(DAY * 402 - Duration::from_secs(60));
    let late = server.create("e3");
    assert_eq!(server.send_one(&late).await["status"], "applied");
    server.advance(Duration::from_secs(120));
    let outcome = server.send_one(&unknown).await;
    assert_eq!((outcome["status"].as_str(), code(&outcome)), (Some("rejected"), "command-expired"));
    assert_eq!(server.send_one(&known).await["replayed"], true);
    assert_eq!((server.count("receipt").await, server.count("record").await), (2, 2));
}

#[tokio::test]
async fn row_20_the_same_key_of_another_user_or_in_another_workspace_is_another_key() {
    let server = TestServer::start().await;
    let mut of_ana = server.create("e1");
    let mut of_ben = server.create("e2");
    let mut elsewhere = server.create("e1");
    elsewhere["workspaceId"] = json!("globex");
    for command in [&mut of_ana, &mut of_ben, &mut elsewhere] {
        command["idempotencyKey"] = json!("the-same");
        command["commandId"] = json!("01930000-0000-7000-8000-00000000ffff");
    }
    assert_eq!(server.send_one(&of_ana).await["status"], "applied");
    let ben = server.send_as(&server.token("ben", "acme"), &[of_ben]).await;
    assert_eq!((statuses(&ben), &ben[0]["replayed"]), (vec!["applied"], &json!(false)));
    let globex = server.send_as(&server.token("ben", "globex"), &[elsewhere]).await;
    assert_eq!((statuses(&globex), &globex[0]["changeSeq"]), (vec!["applied"], &json!(1)));
    assert_eq!(server.count("receipt").await, 3);
}

#[tokio::test]
async fn row_21_a_workspace_that_is_not_the_tokens_does_not_exist() {
    let server = TestServer::start().await;
    let mut foreign = server.create("e1");
    foreign["workspaceId"] = json!("globex");
    let mut missing = server.create("e1");
    missing["workspaceId"] = json!("nowhere");
    // Ben is a member of globex, but this is his token for acme.
    let outcomes =
        server.send_as(&server.token("ben", "acme"), &[foreign, missing, server.create("e2")]).await;
    assert_eq!(statuses(&outcomes), ["rejected", "rejected", "applied"]);
    assert_eq!(outcomes[0]["problem"], outcomes[1]["problem"]);
    assert_eq!(code(&outcomes[0]), "workspace-not-found");
    assert_eq!(server.count("receipt").await, 1);

    let ana = server.token("ana", "acme");
    let read = |path: &'static str| server.get(&ana, path);
    let globex =
        assert_problem(read("/workspaces/globex/records/expense").await, 404, "workspace-not-found").await;
    let nowhere =
        assert_problem(read("/workspaces/nowhere/records/expense").await, 404, "workspace-not-found").await;
    let invalid =
        assert_problem(read("/workspaces/NO!/records/expense/e1").await, 404, "workspace-not-found").await;
    assert_eq!((&globex, &globex), (&nowhere, &invalid));
}

#[tokio::test]
async fn row_21_a_removed_member_is_out_with_his_next_request() {
    let server = TestServer::start().await;
    let ana = server.token("ana", "acme");
    server.send_one(&server.create("e1")).await;
    let workspace = offline_protocol::WorkspaceId::new("acme").unwrap();
    server.members.remove_member(&workspace, &offline_protocol::UserId::new("ana").unwrap()).await.unwrap();
    let response = server.get(&ana, "/workspaces/acme/records/expense/e1").await;
    assert_problem(response, 404, "workspace-not-found").await;
    let outcome = server.send_one(&server.create("e2")).await;
    assert_eq!((outcome["status"].as_str(), code(&outcome)), (Some("rejected"), "workspace-not-found"));
    assert_eq!(server.count("record").await, 1);
}

#[tokio::test]
async fn row_22_a_record_of_another_workspace_does_not_exist() {
    let server = TestServer::start().await;
    let mut theirs = server.create("secret");
    theirs["workspaceId"] = json!("globex");
    let created = server.send_as(&server.token("cleo", "globex"), &[theirs.clone()]).await;
    assert_eq!(statuses(&created), ["applied"]);
    assert!(server.expense("secret").await.is_none());
    let update = server.send_one(&server.update("secret", json!({ "version": 1 }))).await;
    let nothing = server.send_one(&server.update("nothing", json!({ "version": 1 }))).await;
    assert_eq!((code(&update), &update["problem"]), ("record-not-found", &nothing["problem"]));
    let after = server.send_one(&server.update("secret", json!({ "after": theirs["commandId"] }))).await;
    assert_eq!((after["status"].as_str(), &after["by"]), (Some("held"), &theirs["commandId"]));
    assert_eq!(server.send_one(&server.create("secret")).await["status"], "applied");
}

#[tokio::test]
async fn row_23_without_a_valid_token_nothing_is_executed() {
    let server = TestServer::start().await;
    let batch = json!({ "commands": [server.create("e1")] }).to_string();
    let without =
        server.client.post(format!("{}/sync/commands", server.url)).body(batch.clone()).send().await;
    let problem = without.unwrap();
    assert_eq!(problem.headers()["www-authenticate"], "Bearer");
    assert_problem(problem, 401, "unauthorized").await;
    let token = server.token("ana", "acme");
    server.advance(Duration::from_secs(3601));
    let expired = server.post(&token).body(batch).send().await.unwrap();
    assert_problem(expired, 401, "unauthorized").await;
    assert_eq!(server.count("receipt").await, 0);
}

#[tokio::test]
async fn row_25_an_unknown_type_is_refused_and_not_stored() {
    let server = TestServer::start().await;
    let unknown = server.command("EXPENSE_CREATE_V2", expense_payload("e1"));
    let outcome = server.send_one(&unknown).await;
    assert_eq!(code(&outcome), "unknown-command-type");
    let detail = outcome["problem"]["detail"].as_str().unwrap();
    assert!(detail.contains("EXPENSE_CREATE_V1"), "names the accepted ones: {detail}");
    let unversioned = server.command("EXPENSE_CREATE", expense_payload("e1"));
    assert_eq!(code(&server.send_one(&unversioned).await), "invalid-command-type");
    assert_eq!(server.count("receipt").await, 0);
}

#[tokio::test]
async fn row_26_a_payload_of_another_shape_is_refused_with_pointers_and_not_stored() {
    let server = TestServer::start().await;
    let cases = [
        ("amountMinor", json!(12.5), "/amountMinor"),
        ("amountMinor", json!("12"), "/amountMinor"),
        ("amountMinor", json!(null), "/amountMinor"),
        ("amountMinor", json!(9_007_199_254_740_992_u64), "/amountMinor"),
        ("amountMinor", json!(u64::MAX), "/amountMinor"),
        ("currency", json!("EURO"), "/currency"),
        ("spentOn", json!("2026-02-30"), "/spentOn"),
        ("description", json!("x".repeat(501)), "/description"),
        ("description", json!(" "), "/description"),
        ("expenseId", json!("a/b"), "/expenseId"),
        ("userId", json!("ben"), "/userId"),
        ("workspaceId", json!("globex"), "/workspaceId"),
        ("version", json!(7), "/version"),
    ];
    for (field, value, pointer) in cases {
        let mut create = server.create("e1");
        create["payload"][field] = value;
        let outcome = server.send_one(&create).await;
        assert_eq!(
            (outcome["status"].as_str(), code(&outcome)),
            (Some("rejected"), "invalid-payload"),
            "{field}"
        );
        let error = &outcome["problem"]["errors"][0];
        let found = error["pointer"].as_str().unwrap();
        assert!(found == pointer || found.is_empty(), "{field}: {error}");
    }
    for payload in [json!(null), json!([]), json!("x"), json!({})] {
        let outcome = server.send_one(&server.command("EXPENSE_CREATE_V1", payload)).await;
        assert_eq!(code(&outcome), "invalid-payload");
    }
    assert_eq!((server.count("receipt").await, server.count("record").await), (0, 0));
}

#[tokio::test]
async fn row_27_an_item_that_is_too_large_is_refused_alone() {
    let server = TestServer::start().await;
    let mut large = server.create("e1");
    large["payload"]["description"] = json!("x".repeat(256 * 1024));
    let outcomes = server.send(&[large.clone(), server.create("e2")]).await;
    assert_eq!((statuses(&outcomes), code(&outcomes[0])), (vec!["rejected", "applied"], "command-too-large"));
    assert_eq!(outcomes[0]["commandId"], large["commandId"]);
}

#[tokio::test]
async fn row_28_a_body_that_is_too_large_is_refused_as_a_whole_with_the_limits() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let create = server.create("e1");
    let many = json!({ "commands": vec![create; 1001] }).to_string();
    let items = server.post(&token).body(many).send().await.unwrap();
    let problem = assert_problem(items, 413, "request-too-large").await;
    assert_eq!(
        problem["limits"],
        json!({ "maxItems": 1000, "maxBodyBytes": 4194304, "maxItemBytes": 262144 })
    );

    let large = " ".repeat(4 * 1024 * 1024 + 1);
    let declared = server.post(&token).body(large.clone()).send().await.unwrap();
    assert_problem(declared, 413, "request-too-large").await;
    let bomb = server.post(&token).header("content-encoding", "gzip").body(gzip(large.as_bytes()));
    assert_problem(bomb.send().await.unwrap(), 413, "request-too-large").await;
    assert_eq!(server.count("receipt").await, 0);
}

#[tokio::test]
async fn row_28_a_stream_without_a_length_is_cut_at_the_limit() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let limits = Limits { max_body_bytes: 1024, ..Limits::default() };
    let server = TestServer::start_with(|store| store, limits).await;
    let mut stream = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /sync/commands HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n",
        server.token("ana", "acme")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..5 {
        stream.write_all(format!("100\r\n{}\r\n", " ".repeat(256)).as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer[..read]));
}

#[tokio::test]
async fn row_29_what_is_not_the_json_we_know_is_refused_as_a_whole() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let create = server.create("e1").to_string();
    let twice = create.replacen('{', r#"{"seq":1,"#, 1);
    let deep = create.replace(r#""CHF""#, &format!("{}1{}", "[".repeat(70), "]".repeat(70)));
    let abyss = create.replace(r#""CHF""#, &format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)));
    let item = |item: &str| format!(r#"{{"commands":[{item}]}}"#);
    let nan = create.replace("4990", "NaN");
    let bodies = [
        String::new(),
        "hello".into(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        r#"{"commands":{}}"#.into(),
        r#"{"commands":[],"more":1}"#.into(),
        r#"{"commands":[],"commands":[]}"#.into(),
        r#"{"commands":[]} x"#.into(),
        item(&twice),
        item(&deep),
        item(&abyss),
        item(&nan),
    ];
    for body in bodies {
        let excerpt: String = body.chars().take(60).collect();
        let response = server.post(&token).body(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 400, "{excerpt}");
        assert_problem(response, 400, "invalid-request").await;
    }
    let invalid_text = server.post(&token).body(b"{\"commands\":[\"\xff\"]}".to_vec()).send().await.unwrap();
    assert_problem(invalid_text, 400, "invalid-request").await;
    let garbage =
        server.post(&token).header("content-encoding", "gzip").body("not gzip").send().await.unwrap();
    assert_problem(garbage, 400, "invalid-request").await;
    let plain = server.client.post(format!("{}/sync/commands", server.url)).bearer_auth(&token);
    let typed = plain.header("content-type", "text/plain").body(item(&create)).send().await.unwrap();
    assert_problem(typed, 415, "unsupported-media-type").await;
    for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
        let twice = server.post(&token).header("content-encoding", "identity").header(name, value);
        let twice = twice.body(item(&create)).send().await.unwrap();
        assert_problem(twice, 415, "unsupported-media-type").await;
    }
    let brotli = server.post(&token).header("content-encoding", "br").body("x").send().await.unwrap();
    assert_problem(brotli, 415, "unsupported-media-type").await;
    assert_eq!(server.count("receipt").await, 0);
}

#[tokio::test]
async fn row_29_a_number_that_nobody_can_hold_is_the_items_own_fault() {
    let server = TestServer::start().await;
    let create = server.create("e1");
    let body = format!(
        r#"{{"commands":[{},{}]}}"#,
        create.to_string().replace("4990", "1e999"),
        server.create("e2")
    );
    let response = server.post(&server.token("ana", "acme")).body(body).send().await.unwrap();
    let outcomes = crate::support::body(response).await["outcomes"].as_array().unwrap().clone();
    assert_eq!((statuses(&outcomes), code(&outcomes[0])), (vec!["rejected", "applied"], "invalid-command"));
    assert_eq!(outcomes[0]["commandId"], create["commandId"]);
}

/// A store whose disk is full.
struct FullDisk(Arc<dyn Store>);

impl Store for FullDisk {
    fn run(&self, _: Work) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        Box::pin(async { Err(StoreError::Unavailable("no space left on device".into())) })
    }

    fn record<'a>(
        &'a self,
        membership: &'a Membership,
        key: &'a RecordKey,
    ) -> BoxFuture<'a, Result<Option<RecordSnapshot>, StoreError>> {
        self.0.record(membership, key)
    }

    fn page<'a>(
        &'a self,
        membership: &'a Membership,
        query: &'a PageQuery,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.0.page(membership, query)
    }

    fn prune(&self, results: Timestamp, receipts: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.prune(results, receipts)
    }
}

#[tokio::test]
async fn row_31_a_full_disk_is_said_and_reads_go_on() {
    let server = TestServer::start_with(|store| Arc::new(FullDisk(store)), Limits::default()).await;
    let token = server.token("ana", "acme");
    let batch = json!({ "commands": [server.create("e1")] }).to_string();
    let response = server.post(&token).body(batch).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    let problem = assert_problem(response, 503, "storage-unavailable").await;
    assert!(!problem.to_string().contains("space left"), "says nothing of the machine");
    assert_eq!(server.get(&token, "/workspaces/acme/records/expense").await.status(), 200);
}

#[tokio::test]
async fn row_33_a_wrong_client_clock_changes_nothing_but_what_is_shown() {
    let server = TestServer::start().await;
    let mut past = server.create("e1");
    past["createdAt"] = json!("2026-01-01T00:00:00Z");
    let mut future = server.update("e1", json!({ "after": past["commandId"] }));
    future["createdAt"] = json!("2099-01-01T00:00:00Z");
    assert_eq!(statuses(&server.send(&[past, future]).await), ["applied"; 2]);
    assert_eq!(server.expense("e1").await.unwrap()["updatedAt"], "2026-11-22T18:00:00.000Z");
    let hello = body(server.client.get(format!("{}/sync/hello", server.url)).send().await.unwrap()).await;
    assert_eq!(hello["serverTime"], "2026-11-22T18:00:00.000Z");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_body_is_one_whole_member() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let batch = json!({ "commands": [server.create("e1")] }).to_string();
    let (whole, empty) = (gzip(batch.as_bytes()), gzip(b""));
    let cut = whole[..whole.len() - 1].to_vec();
    let mut wrong_sum = whole.clone();
    *wrong_sum.iter_mut().rev().nth(5).unwrap() ^= 1;
    let halves = [gzip(&batch.as_bytes()[..50]), gzip(&batch.as_bytes()[50..])].concat();
    // Four megabytes of these unpack to nothing, and took seconds to do so.
    let many = [empty.repeat(100_000), whole.clone()].concat();
    for body in [cut, wrong_sum, halves, many, [whole.clone(), vec![0]].concat(), empty] {
        let post = server.post(&token).header("content-encoding", "gzip").body(body);
        assert_problem(post.send().await.unwrap(), 400, "invalid-request").await;
    }
    assert_eq!(server.count("receipt").await, 0);
    let post = server.post(&token).header("content-encoding", "gzip").body(whole);
    assert_eq!(post.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_compressed_batch_is_understood() {
    let server = TestServer::start().await;
    let batch = json!({ "commands": [server.create("e1")] }).to_string();
    let post = server.post(&server.token("ana", "acme")).header("content-encoding", "gzip");
    let response = post.body(gzip(batch.as_bytes())).send().await.unwrap();
    assert_eq!(body(response).await["outcomes"][0]["status"], "applied");
}

#[tokio::test]
async fn an_empty_batch_has_no_outcomes() {
    let server = TestServer::start().await;
    assert_eq!(server.send(&[]).await, Vec::<Value>::new());
}
