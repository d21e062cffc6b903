//! The decision table of the write side, column "single", from row 17 on: trouble, who may ask, and what is understood.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use offline_protocol::{Limits, RecordKey, RecordSnapshot, Timestamp, UserId, Verdict, WorkspaceId};
use offline_server::{KEY_WAIT, Membership, Page, PageQuery, Store, StoreError, Work};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{TestServer, assert_problem, body, expense_payload};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A store whose writes are in the test's hand; it reads as the real one does.
struct Held {
    store: Arc<dyn Store>,
    arrived: Arc<Semaphore>,
    go: Arc<Semaphore>,
    trouble: Option<fn() -> StoreError>,
    /// The answers that get lost behind the commit.
    losing: AtomicU32,
}

impl Store for Held {
    fn run(&self, work: Work) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        Box::pin(async move {
            self.arrived.add_permits(1);
            self.go.acquire().await.unwrap().forget();
            match self.trouble {
                Some(trouble) => Err(trouble()),
                None => {
                    let done = self.store.run(work).await;
                    let lost = self.losing.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
                    if lost {
                        Err(StoreError::OutcomeUnknown("the connection was lost".into()))
                    } else {
                        done
                    }
                }
            }
        })
    }

    fn record<'a>(
        &'a self,
        membership: &'a Membership,
        key: &'a RecordKey,
    ) -> BoxFuture<'a, Result<Option<RecordSnapshot>, StoreError>> {
        self.store.record(membership, key)
    }

    fn page<'a>(
        &'a self,
        membership: &'a Membership,
        query: &'a PageQuery,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.store.page(membership, query)
    }

    fn prune(&self, results: Timestamp, receipts: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.prune(results, receipts)
    }
}

/// A server whose writes wait for a permit of the second semaphore, and say at the first one that they do.
async fn held(wait: Duration) -> (TestServer, Arc<Semaphore>, Arc<Semaphore>) {
    let (arrived, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (told, gate) = (Arc::clone(&arrived), Arc::clone(&go));
    let wrap = |store| {
        Arc::new(Held { store, arrived: told, go: gate, trouble: None, losing: 0.into() }) as Arc<dyn Store>
    };
    (
        TestServer::adapted(async |server| {
            server.store = wrap(Arc::clone(&server.store));
            server.key_wait = wait;
        })
        .await,
        arrived,
        go,
    )
}

/// A server whose store fails.
async fn troubled(trouble: fn() -> StoreError) -> TestServer {
    let free = || Arc::new(Semaphore::new(Semaphore::MAX_PERMITS / 2));
    let wrap = |store| {
        Arc::new(Held { store, arrived: free(), go: free(), trouble: Some(trouble), losing: 0.into() })
            as Arc<dyn Store>
    };
    TestServer::start_with(wrap, Limits::default()).await
}

#[tokio::test]
async fn row_04_single_while_the_first_runs_for_too_long_the_second_is_409() {
    let (server, arrived, go) = held(Duration::ZERO).await;
    let first = tokio::spawn(server.post_expense("e1", "k1").send());
    arrived.acquire().await.unwrap().forget();
    let response = server.post_expense("e1", "k1").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1");
    assert_problem(response, 409, "request-in-progress").await;
    // Another key does not wait, nor does the same key of another user.
    let other = tokio::spawn(server.post_expense("e2", "k2").send());
    arrived.acquire().await.unwrap().forget();
    go.add_permits(3);
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
    assert_eq!(other.await.unwrap().unwrap().status(), 201);
    let replay = server.post_expense("e1", "k1").send().await.unwrap();
    assert_eq!(
        (replay.status().as_u16(), replay.headers()["idempotency-replayed"].as_bytes()),
        (201, &b"true"[..])
    );
    assert_eq!(server.count("change").await, 2);
}

#[tokio::test]
async fn row_04_single_the_second_waits_for_the_first_and_gets_its_answer() {
    assert_eq!(KEY_WAIT, Duration::from_secs(2), "what the protocol says");
    let (server, arrived, go) = held(Duration::from_secs(3600)).await;
    let first = tokio::spawn(server.post_expense("e1", "k1").send());
    arrived.acquire().await.unwrap().forget();
    let second = tokio::spawn(server.post_expense("e1", "k1").send());
    let third = tokio::spawn(server.post_expense("e1", "k1").send());
    go.add_permits(3);
    let first = first.await.unwrap().unwrap();
    assert!(first.headers().get("idempotency-replayed").is_none());
    for later in [second, third] {
        let later = later.await.unwrap().unwrap();
        assert_eq!(
            (later.status().as_u16(), later.headers()["idempotency-replayed"].as_bytes()),
            (201, &b"true"[..])
        );
    }
    assert_eq!(server.count("change").await, 1);
}

#[tokio::test]
async fn row_17_an_unknown_commit_is_503_and_a_retry_finds_out_single_and_batch() {
    let free = || Arc::new(Semaphore::new(Semaphore::MAX_PERMITS / 2));
    let wrap = |store| {
        Arc::new(Held { store, arrived: free(), go: free(), trouble: None, losing: 2.into() })
            as Arc<dyn Store>
    };
    let server = TestServer::start_with(wrap, Limits::default()).await;
    let batch = json!({ "commands": [server.create("e2")] }).to_string();
    let single = || server.post_expense("e1", "k1").send();
    let batch = || server.post(&server.token("ana", "acme")).body(batch.clone()).send();
    for response in [single().await.unwrap(), batch().await.unwrap()] {
        assert_eq!(response.headers()["retry-after"], "1");
        let problem = assert_problem(response, 503, "outcome-unknown").await;
        assert!(!problem.to_string().contains("connection was lost"));
    }
    let found = single().await.unwrap();
    assert_eq!(
        (found.status().as_u16(), found.headers()["idempotency-replayed"].as_bytes()),
        (201, &b"true"[..])
    );
    let outcome = &body(batch().await.unwrap()).await["outcomes"][0];
    assert_eq!((&outcome["status"], &outcome["replayed"]), (&json!("applied"), &json!(true)));
    assert_eq!((server.count("receipt").await, server.count("change").await), (2, 2));
}

#[tokio::test]
async fn row_18_and_31_single_a_store_that_takes_no_writes_is_503_and_reads_go_on() {
    let server = troubled(|| StoreError::Unavailable("no space left on device".into())).await;
    let response = server.post_expense("e1", "k1").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    let problem = assert_problem(response, 503, "storage-unavailable").await;
    assert!(!problem.to_string().contains("space left"), "says nothing of the machine");
    let list = server.get(&server.token("ana", "acme"), "/workspaces/acme/expenses").await;
    assert_eq!(list.status(), 200);
}

#[tokio::test]
async fn row_19_single_a_command_older_than_the_memory_of_keys_is_410() {
    let server = TestServer::start().await;
    let made = |id: &str, key: &str| {
        server.post_expense(id, key).header("command-created-at", "2026-11-22T17:59:00.000Z")
    };
    assert_eq!(made("e1", "k1").send().await.unwrap().status(), 201);
    server.advance(DAY * 402);
    assert_problem(made("e2", "k2").send().await.unwrap(), 410, "command-expired").await;
    // What is known is answered as ever, and what does not say its age is new.
    assert_eq!(made("e1", "k1").send().await.unwrap().headers()["idempotency-replayed"], "true");
    assert_eq!(server.post_expense("e2", "k2").send().await.unwrap().status(), 201);
    for nonsense in ["yesterday", "", "2026-13-01T00:00:00.000Z"] {
        let refused =
            server.post_expense("e3", "k3").header("command-created-at", nonsense).send().await.unwrap();
        assert_problem(refused, 400, "invalid-request").await;
    }
}

#[tokio::test]
async fn row_20_single_the_same_key_of_another_user_or_in_another_workspace_is_another_key() {
    let server = TestServer::start().await;
    let posts = [("ana", "acme", "e1"), ("ben", "acme", "e2"), ("ben", "globex", "e1")];
    for (user, workspace, id) in posts {
        let token = server.token(user, workspace);
        let path = format!("/workspaces/{workspace}/expenses");
        let post = server.write_as(&token, Method::POST, &path, &expense_payload(id));
        let response = post.header("idempotency-key", "the-same").send().await.unwrap();
        assert_eq!(response.status(), 201);
        assert!(response.headers().get("idempotency-replayed").is_none());
    }
    assert_eq!(server.count("receipt").await, 3);
}

#[tokio::test]
async fn row_21_single_a_workspace_that_is_not_the_tokens_does_not_exist() {
    let server = TestServer::start().await;
    let ben = server.token("ben", "acme");
    let mut answers = Vec::new();
    // Ben is a member of globex, but this is his token for acme.
    for workspace in ["globex", "nowhere", "NO!"] {
        let path = format!("/workspaces/{workspace}/expenses");
        let post = server.write_as(&ben, Method::POST, &path, &expense_payload("e1"));
        let response = post.header("idempotency-key", "k").send().await.unwrap();
        answers.push(assert_problem(response, 404, "workspace-not-found").await);
        for path in [format!("{path}/e1"), path] {
            answers.push(assert_problem(server.get(&ben, &path).await, 404, "workspace-not-found").await);
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let acme = WorkspaceId::new("acme").unwrap();
    server.members.remove_member(&acme, &UserId::new("ana").unwrap()).await.unwrap();
    let removed = server.post_expense("e1", "k1").send().await.unwrap();
    assert_problem(removed, 404, "workspace-not-found").await;
    assert_eq!((server.count("receipt").await, server.count("record").await), (0, 0));
}

#[tokio::test]
async fn row_22_single_a_record_of_another_workspace_does_not_exist() {
    let server = TestServer::start().await;
    let cleo = server.token("cleo", "globex");
    let theirs =
        server.write_as(&cleo, Method::POST, "/workspaces/globex/expenses", &expense_payload("secret"));
    assert_eq!(theirs.header("idempotency-key", "k").send().await.unwrap().status(), 201);
    let ana = server.token("ana", "acme");
    let mut answers = Vec::new();
    for id in ["secret", "nothing"] {
        let path = format!("/expenses/{id}");
        answers.push(
            assert_problem(
                server.get(&ana, &format!("/workspaces/acme{path}")).await,
                404,
                "record-not-found",
            )
            .await,
        );
        let update = server.write(Method::PATCH, &path, &format!("k-{id}"), &json!({ "amountMinor": 1 }));
        let response = update.header("if-match", "\"1\"").send().await.unwrap();
        assert!(response.headers().get("etag").is_none());
        answers.push(assert_problem(response, 404, "record-not-found").await);
    }
    assert_eq!((&answers[0], &answers[1]), (&answers[2], &answers[3]));
    assert_eq!(server.post_expense("secret", "k9").send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn row_23_single_without_a_valid_token_nothing_is_executed() {
    let server = TestServer::start().await;
    let post = |token: &str| {
        let path = "/workspaces/acme/expenses";
        server
            .write_as(token, Method::POST, path, &expense_payload("e1"))
            .header("idempotency-key", "k1")
            .send()
    };
    let token = server.token("ana", "acme");
    for bad in ["", "nonsense", &format!("{token}x")] {
        let response = post(bad).await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_problem(response, 401, "unauthorized").await;
    }
    server.advance(Duration::from_secs(3601));
    assert_problem(post(&token).await.unwrap(), 401, "unauthorized").await;
    assert_eq!(server.count("receipt").await, 0);
}

#[tokio::test]
async fn row_26_single_a_payload_of_another_shape_is_refused_with_pointers_and_not_stored() {
    let server = TestServer::start().await;
    let cases = [
        ("amountMinor", json!(12.5), "/amountMinor"),
        ("amountMinor", json!(9_007_199_254_740_992_u64), "/amountMinor"),
        ("currency", json!("EURO"), "/currency"),
        ("expenseId", json!("a/b"), "/expenseId"),
        ("expenseId", json!(7), "/expenseId"),
        ("userId", json!("ben"), ""),
        ("workspaceId", json!("globex"), ""),
    ];
    for (field, value, pointer) in cases {
        let mut payload = expense_payload("e1");
        payload[field] = value;
        let response = server.write(Method::POST, "/expenses", "k1", &payload).send().await.unwrap();
        let problem = assert_problem(response, 422, "invalid-payload").await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{field}: {problem}");
    }
    for payload in [json!(null), json!([]), json!("x"), json!(1), json!({})] {
        for (method, path) in [(Method::POST, "/expenses"), (Method::POST, "/expenses/e1/submit")] {
            if payload == json!({}) && path != "/expenses" {
                continue;
            }
            let response = server.write(method, path, "k1", &payload).send().await.unwrap();
            assert_problem(response, 422, "invalid-payload").await;
        }
    }
    assert_eq!((server.count("receipt").await, server.count("record").await), (0, 0));
}

#[tokio::test]
async fn row_26_single_a_payload_that_names_another_record_than_its_path_is_refused() {
    let server = TestServer::start().await;
    server.post_expense("e1", "k1").send().await.unwrap();
    for id in [json!("e2"), json!(null), json!(1)] {
        let payload = json!({ "expenseId": id, "amountMinor": 1 });
        let update = server.write(Method::PATCH, "/expenses/e1", "k2", &payload).header("if-match", "\"1\"");
        let problem = assert_problem(update.send().await.unwrap(), 422, "invalid-payload").await;
        assert_eq!(problem["errors"][0]["pointer"], "/expenseId");
    }
    let same = json!({ "expenseId": "e1", "amountMinor": 1 });
    let update = server.write(Method::PATCH, "/expenses/e1", "k2", &same).header("if-match", "\"1\"");
    assert_eq!(update.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn row_27_and_28_single_what_is_too_large_is_413() {
    let server = TestServer::start().await;
    let mut large = expense_payload("e1");
    large["description"] = json!("x".repeat(256 * 1024));
    let response = server.write(Method::POST, "/expenses", "k1", &large).send().await.unwrap();
    assert_problem(response, 413, "command-too-large").await;
    let response =
        server.post_expense("e1", "k1").body(" ".repeat(4 * 1024 * 1024 + 1)).send().await.unwrap();
    let problem = assert_problem(response, 413, "request-too-large").await;
    assert_eq!(problem["limits"]["maxBodyBytes"], 4_194_304);
    assert_eq!(server.count("receipt").await, 0);
}

#[tokio::test]
async fn row_29_single_what_is_not_the_json_we_know_is_400_or_415() {
    let server = TestServer::start().await;
    let payload = expense_payload("e1").to_string();
    let twice = payload.replacen('{', r#"{"currency":"EUR","#, 1);
    let deep = payload.replace(r#""CHF""#, &format!("{}1{}", "[".repeat(70), "]".repeat(70)));
    let abyss = payload.replace(r#""CHF""#, &format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)));
    for body in [
        String::new(),
        "hello".into(),
        payload.replace("4990", "NaN"),
        format!("{payload} x"),
        twice,
        deep,
        abyss,
    ] {
        let response = server.post_expense("e1", "k1").body(body).send().await.unwrap();
        assert_problem(response, 400, "invalid-request").await;
    }
    let invalid =
        server.post_expense("e1", "k1").body(b"{\n\"currency\":\"\xff\"}".to_vec()).send().await.unwrap();
    let problem = assert_problem(invalid, 400, "invalid-request").await;
    assert_eq!(problem["detail"], "The body must be JSON in UTF-8, and is not at line 2, column 13");
    let huge = server.post_expense("e1", "k1").body(payload.replace("4990", "1e999")).send().await.unwrap();
    assert_problem(huge, 422, "invalid-payload").await;
    let post = server.client.post(format!("{}/workspaces/acme/expenses", server.url));
    let post = post.bearer_auth(server.token("ana", "acme")).header("idempotency-key", "k1");
    let typed = post
        .try_clone()
        .unwrap()
        .header("content-type", "text/plain")
        .body(payload.clone())
        .send()
        .await
        .unwrap();
    assert_problem(typed, 415, "unsupported-media-type").await;
    let in_charset = |charset: &str| {
        let typed =
            post.try_clone().unwrap().header("content-type", format!("application/json; charset={charset}"));
        typed.body(payload.clone())
    };
    for charset in ["iso-8859-1", "utf-16", "\"us-ascii\"", "utf-8; charset=utf-16"] {
        let refused = in_charset(charset).send().await.unwrap();
        assert_problem(refused, 415, "unsupported-media-type").await;
    }
    assert_problem(post.try_clone().unwrap().send().await.unwrap(), 415, "unsupported-media-type").await;
    assert_eq!(server.count("receipt").await, 0);
    for (charset, replayed) in [("utf-8", false), ("\"UTF-8\"", true)] {
        let answer = in_charset(charset).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed")),
            (201, replayed)
        );
    }
}

#[tokio::test]
async fn row_02_single_a_whole_number_may_be_written_as_a_fraction_and_is_the_same_content() {
    let server = TestServer::start().await;
    let payload = expense_payload("e1").to_string();
    for (number, replayed) in [("4990.0", false), ("4.99e3", true), ("4990", true)] {
        let body = payload.replace("4990", number);
        let answer = server.post_expense("e1", "k1").body(body).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed")),
            (201, replayed)
        );
    }
    let half = server.post_expense("e2", "k2").body(payload.replace("4990", "4990.5")).send().await.unwrap();
    assert_problem(half, 422, "invalid-payload").await;
    let mut create = server.create("e3");
    create["payload"]["amountMinor"] = json!(4990.0);
    create["seq"] = json!(3.0);
    assert_eq!(server.send_one(&create).await["status"], "applied");
    let stored: Value =
        body(server.get(&server.token("ana", "acme"), "/workspaces/acme/expenses/e3").await).await;
    assert_eq!(stored["data"]["amountMinor"].to_string(), "4990");
}

#[tokio::test]
async fn row_32_a_store_that_is_closing_is_503_single_and_batch() {
    let server = troubled(|| StoreError::Closed).await;
    let single = server.post_expense("e1", "k1").send().await.unwrap();
    let batch = json!({ "commands": [server.create("e1")] }).to_string();
    let batch = server.post(&server.token("ana", "acme")).body(batch).send().await.unwrap();
    for response in [single, batch] {
        assert_eq!(response.headers()["retry-after"], "1");
        assert_problem(response, 503, "shutting-down").await;
    }
}

#[tokio::test]
async fn row_33_single_a_wrong_client_clock_changes_nothing_but_what_is_shown() {
    let server = TestServer::start().await;
    let past = server.post_expense("e1", "k1").header("command-created-at", "2026-01-01T00:00:00Z");
    let future = server.post_expense("e2", "k2").header("command-created-at", "2099-01-01T00:00:00Z");
    for (post, id) in [(past, "e1"), (future, "e2")] {
        assert_eq!(post.send().await.unwrap().status(), 201);
        assert_eq!(server.expense(id).await.unwrap()["updatedAt"], "2026-11-22T18:00:00.000Z");
    }
}
