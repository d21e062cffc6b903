//! What somebody might try: other people's records, bodies of every wrong shape. Forged tokens are in `tokens.rs`.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{TestServer, assert_problem, body, code, expense_payload, forge::with, statuses};

#[tokio::test]
async fn nothing_of_one_workspace_is_seen_in_another() {
    let server = TestServer::start().await;
    let mut theirs = server.create("e1");
    theirs["workspaceId"] = json!("globex");
    theirs["payload"]["description"] = json!("the secret of globex");
    server.send_as(&server.token("cleo", "globex"), &[theirs.clone()]).await;
    server.send_one(&server.create("e0")).await;

    let ana = server.token("ana", "acme");
    let mut seen = String::new();
    for path in [
        "/workspaces/acme/records/expense",
        "/workspaces/acme/records/expense?limit=1000&after=%21",
        "/workspaces/acme/records/expense/e1",
        "/workspaces/acme/records/invoice",
        "/workspaces/globex/records/expense",
        "/workspaces/globex/records/expense/e1",
        "/workspaces/acme%2F..%2Fglobex/records/expense/e1",
        "/workspaces/acme/../globex/records/expense/e1",
        "/workspaces//records/expense/e1",
    ] {
        seen += &server.get(&ana, path).await.text().await.unwrap();
    }
    // Their command id and key, in every place where one can stand.
    let mut depends = server.create("e2");
    depends["dependsOn"] = json!([theirs["commandId"]]);
    let mut same_id = server.create("e3");
    same_id["commandId"] = theirs["commandId"].clone();
    let mut same_key = server.create("e4");
    same_key["idempotencyKey"] = theirs["idempotencyKey"].clone();
    let batch = [theirs, depends, same_id, same_key, server.update("e1", json!({ "version": 1 }))];
    let outcomes = server.send(&batch).await;
    assert_eq!(statuses(&outcomes), ["rejected", "held", "applied", "applied", "rejected"]);
    seen += &json!(outcomes).to_string();
    assert!(!seen.contains("secret") && !seen.contains("cleo"), "{seen}");
}

#[tokio::test]
async fn an_expired_token_is_said_even_to_who_sends_megabytes() {
    let server = TestServer::start().await;
    let response = server.post("nonsense").body(" ".repeat(8 * 1024 * 1024)).send().await.unwrap();
    assert_problem(response, 401, "unauthorized").await;
}

#[tokio::test]
async fn garbage_is_answered_with_a_stable_code_and_stores_nothing() {
    let server = TestServer::start().await;
    let ten_megabytes = "x".repeat(10 * 1024 * 1024);
    let response = server
        .post(&server.token("ana", "acme"))
        .body(
            json!({ "commands": [with(server.create("e1"), "clientTraceId", json!(ten_megabytes))] })
                .to_string(),
        )
        .send()
        .await
        .unwrap();
    assert_problem(response, 413, "request-too-large").await;
    let items = [
        (with(server.create("e1"), "type", json!("EXPENSE_CREATE_V9")), "unknown-command-type"),
        (with(server.create("e1"), "type", json!("EXPENSE_CREATE")), "invalid-command-type"),
        (with(server.create("e1"), "type", json!("expense_create_v1")), "invalid-command-type"),
        (with(server.create("e1"), "type", json!("DROP TABLE record; --_V1")), "invalid-command-type"),
        (with(server.create("e1"), "commandId", json!("not-a-uuid")), "invalid-command"),
        (
            with(server.create("e1"), "commandId", json!("0193000000007000800000000000ffff")),
            "invalid-command",
        ),
        (with(server.create("e1"), "commandId", json!(null)), "invalid-command"),
        (with(server.create("e1"), "payload", json!(null)), "invalid-command"),
        (with(server.create("e1"), "payload", json!("x")), "invalid-payload"),
        (with(server.create("e1"), "payload", json!({ "a": 1 })), "invalid-payload"),
        (with(server.create("e1"), "seq", json!(-1)), "invalid-command"),
        (with(server.create("e1"), "seq", json!(1e300)), "invalid-command"),
        (with(server.create("e1"), "createdAt", json!("0000-00-00")), "invalid-command"),
        (with(server.create("e1"), "createdAt", json!("2026-11-22T17:59:00+01:00")), "invalid-command"),
        (with(server.create("e1"), "touches", json!([{ "kind": "expense", "id": "e7" }])), "invalid-command"),
        (with(server.create("e1"), "userId", json!("ben")), "invalid-command"),
        (with(server.create("e1"), "workspaceId", json!("../acme")), "invalid-command"),
        (json!(null), "invalid-command"),
        (json!(17), "invalid-command"),
        (json!([[]]), "invalid-command"),
        (json!({}), "invalid-command"),
    ];
    let (commands, codes): (Vec<_>, Vec<_>) = items.into_iter().unzip();
    let outcomes = server.send(&commands).await;
    let found: Vec<_> = outcomes.iter().map(code).collect();
    assert_eq!(found, codes);
    assert_eq!(
        (server.count("receipt").await, server.count("record").await, server.count("change").await),
        (0, 0, 0)
    );
    assert_eq!(server.send_one(&server.create("e1")).await["status"], "applied");
}

#[tokio::test]
async fn a_name_that_would_look_like_another_one_is_refused() {
    let server = TestServer::start().await;
    let customer = |id: &str, name: &str| json!({ "customerId": id, "name": name });
    // Shown as: Globex - account 0815 of the bank.
    let turned = customer("c1", "Globex - account \u{202e}5180\u{202c} of the bank");
    let outcome = server.send_one(&server.command("CUSTOMER_CREATE_V1", turned.clone())).await;
    assert_eq!((code(&outcome), errors(&outcome["problem"])), ("invalid-payload", 1));
    let single = server.write(reqwest::Method::POST, "/customers", "k", &turned).send().await.unwrap();
    let problem = assert_problem(single, 422, "invalid-payload").await;
    let error = &problem["errors"][0];
    assert_eq!((&error["pointer"], &error["code"]), (&json!("/name"), &json!("control-character")));
    assert_eq!(server.count("receipt").await, 0);
    let hebrew = customer("c1", "\u{5d7}\u{5d1}\u{5e8}\u{5d4} (Globex)\u{200f} \u{5d1}\u{5e2}\"\u{5de}");
    let single = server.write(reqwest::Method::POST, "/customers", "k", &hebrew).send().await.unwrap();
    assert_eq!(single.status(), 201);
}

#[tokio::test]
async fn of_a_payload_full_of_faults_no_more_is_said_than_somebody_reads() {
    let server = TestServer::start().await;
    let lines = |line: Value, many: usize| vec![line; many];
    let posting = |lines: Vec<Value>| json!({ "entryId": "p", "postedOn": "2026-11-20", "currency": "CHF", "description": "x", "lines": lines });
    // Of the wrong shape, and of the right one with wrong values.
    for lines in
        [lines(json!({}), 50_000), lines(json!({ "account": "", "side": "debit", "amountMinor": 1 }), 500)]
    {
        let outcome = server.send_one(&server.command("LEDGER_POST_V1", posting(lines.clone()))).await;
        assert_eq!((code(&outcome), errors(&outcome["problem"])), ("invalid-payload", 20));
        let single = server.write(reqwest::Method::POST, "/ledger-entries", "k", &posting(lines));
        let problem = assert_problem(single.send().await.unwrap(), 422, "invalid-payload").await;
        assert_eq!(errors(&problem), 20);
    }
}

fn errors(problem: &Value) -> usize {
    problem["errors"].as_array().unwrap().len()
}

#[tokio::test]
async fn conflicts_with_large_records_are_told_a_few_megabytes_at_a_time() {
    let server = TestServer::start().await;
    let line = json!({ "description": "d".repeat(180), "quantity": 1, "unitPriceMinor": 1, "taxRateBp": 0 });
    let lines = vec![line; 900];
    let draft = json!({ "invoiceId": "i1", "customer": "c", "currency": "CHF", "lines": lines });
    server.send_one(&server.command("INVOICE_DRAFT_CREATE_V1", draft)).await;
    let stale = |number: u32| {
        let payload = json!({ "invoiceId": "i1", "customer": format!("c{number}") });
        with(server.command("INVOICE_DRAFT_UPDATE_V1", payload), "expected", json!({ "version": 7 }))
    };
    let stale: Vec<_> = (0..40).map(stale).collect();
    for update in &stale {
        assert_eq!(server.send_one(update).await["status"], "conflict");
    }
    // All of them again, as after a restore of the client: as many as fit, the others to be asked for again, until all are told.
    let (mut waiting, mut rounds) = (stale, 0);
    while !waiting.is_empty() {
        let outcomes = server.send(&waiting).await;
        let size = json!(outcomes).to_string().len();
        assert!(size < 5 * 1024 * 1024, "{size}");
        let again: Vec<bool> = statuses(&outcomes).iter().map(|status| *status == "retry").collect();
        let told = again.iter().filter(|again| !**again).count();
        assert!(told >= 1 && outcomes[..told].iter().all(|outcome| outcome["replayed"] == true));
        waiting =
            waiting.into_iter().zip(again).filter_map(|(update, again)| again.then_some(update)).collect();
        rounds += 1;
    }
    assert_eq!(rounds, 3);
}

#[tokio::test]
async fn row_28_a_batch_whose_records_are_too_large_together_is_refused_and_half_of_it_is_judged() {
    let server = TestServer::start().await;
    let ana = super::store::member(&server.opened(), "acme").await;
    // Two records of 20 MB; no command makes such, but a thousand commands can touch a thousand of a quarter of a megabyte.
    for number in 0..2_u128 {
        let (kind, id) = (erp::EXPENSE.parse().unwrap(), format!("e{number}").parse().unwrap());
        let data = json!("x".repeat(20_000_000));
        let key = offline_protocol::RecordKey::new(kind, id);
        server.store.run(super::store::put_at(&ana, number + 1, key, Some(data))).await.unwrap();
    }
    let update = |id: &str| server.update(id, json!({ "version": 7 }));
    let both = json!({ "commands": [update("e0"), update("e1")] }).to_string();
    let halves = [[update("e0")], [update("e1")], [server.create("e2")]];
    let token = server.token("ana", "acme");
    // At the same time as others, which share the transaction.
    let (refused, judged) = tokio::join!(
        server.post(&token).body(both).send(),
        futures_util::future::join_all(halves.iter().map(|half| server.send(half))),
    );
    let problem = assert_problem(refused.unwrap(), 413, "request-too-large").await;
    assert_eq!(problem["limits"]["maxItems"], 1000);
    let judged: Vec<_> = judged.iter().map(|outcomes| outcomes[0]["status"].as_str().unwrap()).collect();
    assert_eq!(judged, ["conflict", "conflict", "applied"]);
    assert_eq!(server.count("receipt").await, 5);
}

#[tokio::test]
async fn row_28_a_kind_that_is_read_as_a_whole_counts_with_the_records_beside_it() {
    let server = TestServer::start().await;
    let ana = super::store::member(&server.opened(), "acme").await;
    for (number, kind) in [(900, erp::EXPENSE), (901, erp::INVOICE_SERIES)] {
        let key = offline_protocol::RecordKey::new(kind.parse().unwrap(), "large".parse().unwrap());
        let work = super::store::put_at(&ana, number, key, Some(json!("x".repeat(20_000_000))));
        server.store.run(work).await.unwrap();
    }
    let series = server.command("INVOICE_SERIES_OPEN_V1", json!({ "series": "a", "prefix": "A-" }));
    let update = server.update("large", json!({ "version": 1 }));
    let both = json!({ "commands": [series, update] }).to_string();
    let token = server.token("ana", "acme");
    let response = server.post(&token).body(both).send().await.unwrap();
    assert_problem(response, 413, "request-too-large").await;
    // Each alone is judged; neither of these contents is one.
    for command in [series, update] {
        assert_eq!(code(&server.send_one(&command).await), "rule-violated");
    }
}

#[tokio::test]
async fn a_list_of_millions_is_too_large_and_still_has_to_be_json() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let millions = "1,".repeat(2_000_000);
    for (body, status, code) in [
        (format!("{{\"commands\":[{millions}1]}}"), 413, "request-too-large"),
        (format!("{{\"commands\":[{millions}]}}"), 400, "invalid-request"),
        (format!("{{\"commands\":[{millions}1],\"commands\":[]}}"), 400, "invalid-request"),
        (format!("{{\"commands\":[{millions}1]}}}}"), 400, "invalid-request"),
    ] {
        assert_problem(server.post(&token).body(body).send().await.unwrap(), status, code).await;
    }
}

#[tokio::test]
async fn every_answer_says_that_it_is_ours() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    for path in ["/", "/nothing", "/sync", "/sync/nothing", "/workspaces/acme", "/favicon.ico"] {
        let response = server.get(&token, path).await;
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        assert_problem(response, 404, "not-found").await;
    }
    let put = server.client.put(format!("{}/sync/commands", server.url)).send().await.unwrap();
    assert_eq!(put.headers()["allow"], "POST");
    assert_problem(put, 405, "method-not-allowed").await;
    for (protocol, status) in [("1", 200), ("2", 200), ("0", 426), ("x", 400)] {
        let hello = server.client.get(format!("{}/sync/hello", server.url)).header("sync-protocol", protocol);
        let hello = hello.send().await.unwrap();
        assert_eq!(
            (hello.status().as_u16(), &hello.headers()["sync-protocol"]),
            (status, &"1".parse().unwrap())
        );
    }
    let hello =
        server.client.get(format!("{}/sync/hello", server.url)).header("sync-protocol", "0").send().await;
    assert_problem(hello.unwrap(), 426, "client-too-old").await;
    let hello = server.client.get(format!("{}/sync/hello", server.url)).send().await.unwrap();
    assert_eq!(hello.headers()["cache-control"], "no-store");
    let hello: Value = body(hello).await;
    assert_eq!((&hello["protocol"], &hello["minimumClient"]), (&json!(1), &json!(1)));
    assert_eq!(hello["acceptedTypes"], json!(erp::registry().accepted()));
}

#[tokio::test]
async fn large_answers_are_compressed_when_the_client_understands_it() {
    let server = TestServer::start().await;
    let creates: Vec<_> = (0..50).map(|number| server.create(&format!("e{number}"))).collect();
    server.send(&creates).await;
    let get = server.client.get(format!("{}/workspaces/acme/records/expense", server.url));
    let get = get.bearer_auth(server.token("ana", "acme")).header("accept-encoding", "gzip");
    let response = get.send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert!(response.bytes().await.unwrap().len() < 2000);
}

#[tokio::test]
async fn a_write_is_answered_as_what_it_was_whatever_coding_its_sender_accepts() {
    let server = TestServer::start().await;
    for (number, accepted) in
        ["identity;q=0", "br, *;q=0", "IDENTITY ; Q=0.000", "*;q=0", "", "br"].into_iter().enumerate()
    {
        let id = format!("e{number}");
        let answer = server.post_expense(&id, &id).header("accept-encoding", accepted).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201, "{accepted:?}");
        assert!(!answer.headers().contains_key("content-encoding"));
    }
    let creates: Vec<_> = (10..50).map(|number| server.create(&format!("e{number}"))).collect();
    server.send(&creates).await;
    let get = server.client.get(format!("{}/workspaces/acme/expenses", server.url));
    let get = get.bearer_auth(server.token("ana", "acme"));
    for (accepted, coding) in
        [("gzip, identity;q=0", Some("gzip")), ("gzip, *;q=0", Some("gzip")), ("br, *;q=0", None)]
    {
        let answer = get.try_clone().unwrap().header("accept-encoding", accepted).send().await.unwrap();
        let given =
            answer.headers().get("content-encoding").map(|coding| coding.to_str().unwrap().to_owned());
        assert_eq!((answer.status().as_u16(), given.as_deref()), (200, coding), "{accepted:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// One field of a good batch is replaced by nonsense: the server answers 200 or 400, every outcome has a code, and it lives on.
    #[test]
    fn no_field_of_nonsense_brings_the_server_down(
        field in prop::sample::select(vec!["commandId", "workspaceId", "deviceId", "seq", "type", "payload", "idempotencyKey",
            "createdAt", "clientTraceId", "expected", "dependsOn"]),
        nonsense in nonsense(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = TestServer::start().await;
            let mut command = server.command("EXPENSE_CREATE_V1", expense_payload("e1"));
            command[field] = nonsense;
            let outcomes = server.send(&[command, server.create("e2")]).await;
            assert_eq!(outcomes.len(), 2);
            assert!(["applied", "rejected", "held"].contains(&outcomes[0]["status"].as_str().unwrap()));
            assert_eq!(outcomes[1]["status"], "applied");
        });
    }
}

fn nonsense() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
