//! The decision table of the write side, column "single", over HTTP. The names begin with the row's number; rows 15 and 16 (a killed process)
//! are in `apps/server`, and rows 5, 6, 13 and 14 are about batches only.

use futures_util::future::join_all;
use offline_domain::{CommandHandler, ConflictPolicy, Context, Effect, Records, Rejection, Touch, Write};
use offline_protocol::{RecordKey, RecordKind};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestServer, assert_problem, body, expense_payload};

/// Deletes an expense; the ERP has no command that does.
struct ExpenseDrop;

impl CommandHandler for ExpenseDrop {
    type Payload = erp::ExpenseSubmitV1;
    const TYPE: &'static str = "EXPENSE_DROP_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn touches(&self, payload: &erp::ExpenseSubmitV1) -> Vec<Touch> {
        vec![Touch::update(key(payload))]
    }

    fn handle(&self, _: &Context, _: &Records, payload: erp::ExpenseSubmitV1) -> Result<Effect, Rejection> {
        Ok(Effect { writes: vec![Write { key: key(&payload), data: None }], result: Value::Null })
    }
}

fn key(payload: &erp::ExpenseSubmitV1) -> RecordKey {
    RecordKey::new(RecordKind::new(erp::EXPENSE).unwrap(), payload.expense_id.clone())
}

/// Status, whether it says to be a replay, entity tag, place.
fn head(response: &Response) -> (u16, bool, Option<&str>, Option<&str>) {
    let text = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
    (response.status().as_u16(), text("idempotency-replayed") == Some("true"), text("etag"), text("location"))
}

#[tokio::test]
async fn row_01_single_a_creation_is_201_with_its_place_and_version() {
    let server = TestServer::start().await;
    let response = server.post_expense("e 1".replace(' ', "%").as_str(), "k1").send().await.unwrap();
    assert_eq!(head(&response), (201, false, Some("\"1\""), Some("/workspaces/acme/expenses/e%251")));
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["sync-protocol"], "1");
    let place = response.headers()["location"].to_str().unwrap().to_owned();
    let applied: Value = body(response).await;
    let versions = json!([{ "kind": "expense", "id": "e%1", "version": 1 }]);
    assert_eq!(applied, json!({ "versions": versions, "result": null, "changeSeq": 1 }));
    let record: Value = body(server.get(&server.token("ana", "acme"), &place).await).await;
    assert_eq!((&record["data"]["createdBy"], &record["updatedBy"]), (&json!("ana"), &json!("ana")));
    assert_eq!(
        (server.count("receipt").await, server.count("record").await, server.count("change").await),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn row_01_single_an_update_and_an_action_are_200_with_the_new_version() {
    let server = TestServer::start().await;
    server.post_expense("e1", "k1").send().await.unwrap();
    let change = json!({ "amountMinor": 5190 });
    let update = server.write(Method::PATCH, "/expenses/e1", "k2", &change).header("if-match", "\"1\"");
    assert_eq!(head(&update.send().await.unwrap()), (200, false, Some("\"2\""), None));
    // An action needs no body, and no media type then.
    let submit = server.client.post(format!("{}/workspaces/acme/expenses/e1/submit", server.url));
    let submit = submit.bearer_auth(server.token("ana", "acme")).header("idempotency-key", "k3");
    assert_eq!(head(&submit.send().await.unwrap()), (200, false, Some("\"3\""), None));
    let record = server.expense("e1").await.unwrap();
    assert_eq!(
        (&record["data"]["amountMinor"], &record["data"]["state"]),
        (&json!(5190), &json!("submitted"))
    );
}

#[tokio::test]
async fn row_02_single_the_same_key_again_gets_the_same_answer() {
    let server = TestServer::start().await;
    let first = server.post_expense("e1", "k1").send().await.unwrap();
    let first_head = (first.status(), first.headers()["etag"].clone(), first.headers()["location"].clone());
    let first: Value = body(first).await;
    server
        .write(Method::PATCH, "/expenses/e1", "k2", &json!({ "amountMinor": 1 }))
        .header("if-match", "\"1\"")
        .send()
        .await
        .unwrap();
    // Quoted or not, with blanks or without: the same key, the same content.
    for key in ["k1", "\"k1\""] {
        let replay =
            server.post_expense("e1", key).body(format!(" {} ", expense_payload("e1"))).send().await.unwrap();
        assert_eq!(replay.headers()["idempotency-replayed"], "true");
        assert_eq!(
            (replay.status(), replay.headers()["etag"].clone(), replay.headers()["location"].clone()),
            first_head
        );
        assert_eq!(body(replay).await, first);
    }
    assert_eq!((server.count("receipt").await, server.count("change").await), (2, 2));
}

#[tokio::test]
async fn row_02_single_a_retry_may_come_in_a_batch_and_the_other_way_round() {
    let server = TestServer::start().await;
    server.post_expense("e1", "key-of-e1").send().await.unwrap();
    let mut create = server.create("e1");
    create["idempotencyKey"] = json!("key-of-e1");
    let outcome = server.send_one(&create).await;
    assert_eq!((&outcome["status"], &outcome["replayed"]), (&json!("applied"), &json!(true)));

    let mut create = server.create("e2");
    create["idempotencyKey"] = json!("key-of-e2");
    server.send_one(&create).await;
    let single = server.post_expense("e2", "key-of-e2").send().await.unwrap();
    assert_eq!(head(&single), (201, true, Some("\"1\""), Some("/workspaces/acme/expenses/e2")));
    assert_eq!(server.count("change").await, 2);
}

#[tokio::test]
async fn row_03_single_the_same_key_with_another_content_is_refused_and_the_first_verdict_stays() {
    let server = TestServer::start().await;
    server.post_expense("e1", "k1").send().await.unwrap();
    let mut other = expense_payload("e1");
    other["amountMinor"] = json!(1);
    let refused = server.write(Method::POST, "/expenses", "k1", &other).send().await.unwrap();
    assert_problem(refused, 422, "idempotency-key-reused").await;
    // Another request altogether: another path, another version.
    let action = server.write(Method::POST, "/expenses/e1/submit", "k1", &json!({})).send().await.unwrap();
    assert_problem(action, 422, "idempotency-key-reused").await;
    let submit = |version: &'static str| {
        server.write(Method::POST, "/expenses/e1/submit", "k2", &json!({})).header("if-match", version).send()
    };
    assert_eq!(submit("\"1\"").await.unwrap().status(), 200);
    assert_problem(submit("\"2\"").await.unwrap(), 422, "idempotency-key-reused").await;
    assert!(head(&server.post_expense("e1", "k1").send().await.unwrap()).1);
    assert_eq!(server.expense("e1").await.unwrap()["data"]["amountMinor"], 4990);
}

#[tokio::test]
async fn row_04_single_the_same_key_at_the_same_time_takes_effect_once() {
    let server = TestServer::start().await;
    let responses = join_all((0..16).map(|_| server.post_expense("e1", "k1").send())).await;
    let heads: Vec<_> = responses.iter().map(|response| head(response.as_ref().unwrap())).collect();
    assert!(heads.iter().all(|head| (head.0, head.2) == (201, Some("\"1\""))), "{heads:?}");
    assert_eq!(heads.iter().filter(|head| head.1).count(), 15);
    assert_eq!(server.count("change").await, 1);
}

#[tokio::test]
async fn row_07_single_a_missing_or_malformed_key_is_refused_and_not_stored() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let post = || server.write_as(&token, Method::POST, "/workspaces/acme/expenses", &expense_payload("e1"));
    assert_problem(post().send().await.unwrap(), 400, "idempotency-key-missing").await;
    let long = "x".repeat(129);
    for key in ["", "\"\"", "a b", "\"a b\"", "\"a", "\"a\"; p", &long] {
        let response = post().header("idempotency-key", key).send().await.unwrap();
        assert_problem(response, 400, "idempotency-key-invalid").await;
    }
    let raw = reqwest::header::HeaderValue::from_bytes("ü".as_bytes()).unwrap();
    assert_problem(
        post().header("idempotency-key", raw).send().await.unwrap(),
        400,
        "idempotency-key-invalid",
    )
    .await;
    let twice = post().header("idempotency-key", "a").header("idempotency-key", "a").send().await.unwrap();
    assert_problem(twice, 400, "idempotency-key-invalid").await;
    assert_eq!((server.count("receipt").await, server.count("record").await), (0, 0));
    assert_eq!(post().header("idempotency-key", "x".repeat(128)).send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn row_08_single_a_version_that_is_not_the_current_one_is_412_with_the_snapshot() {
    let server = TestServer::start().await;
    server.post_expense("e1", "k1").send().await.unwrap();
    let ben = server.token("ben", "acme");
    server.send_as(&ben, &[server.update("e1", json!({ "version": 1 }))]).await;
    let stale = || {
        let update = server.write(Method::PATCH, "/expenses/e1", "k2", &json!({ "amountMinor": 1 }));
        update.header("if-match", "\"1\"").send()
    };
    let response = stale().await.unwrap();
    assert_eq!(head(&response), (412, false, Some("\"2\""), None));
    let problem = assert_problem(response, 412, "version-conflict").await;
    assert_eq!((&problem["expectedVersion"], &problem["serverVersion"]), (&json!(1), &json!(2)));
    assert_eq!((&problem["kind"], &problem["id"]), (&json!("expense"), &json!("e1")));
    assert_eq!(
        (&problem["changedBy"], &problem["changedAt"]),
        (&json!("ben"), &json!("2026-11-22T18:00:00.000Z"))
    );
    assert_eq!(problem["serverSnapshot"], server.expense("e1").await.unwrap()["data"]);

    // A replay keeps the verdict and reads the snapshot afresh; a new key with the version seen now goes through.
    server.send_as(&ben, &[server.update("e1", json!({ "version": 2 }))]).await;
    let replay = stale().await.unwrap();
    assert_eq!(head(&replay), (412, true, Some("\"3\""), None));
    assert_eq!(assert_problem(replay, 412, "version-conflict").await["serverVersion"], 3);
    let latest = server.write(Method::PATCH, "/expenses/e1", "k3", &json!({ "amountMinor": 1 }));
    assert_eq!(latest.header("if-match", "\"3\"").send().await.unwrap().status(), 200);
    assert_eq!(stale().await.unwrap().status(), 412);
}

#[tokio::test]
async fn row_08_single_if_match_is_a_list_and_a_weak_or_foreign_tag_matches_nothing() {
    let server = TestServer::start().await;
    server.post_expense("e1", "k1").send().await.unwrap();
    let change = |key: &str, amount: u32, tags: &str| {
        let update = server.write(Method::PATCH, "/expenses/e1", key, &json!({ "amountMinor": amount }));
        update.header("if-match", tags).send()
    };
    for tags in ["1", "\"1", "\"1\" \"2\"", "*, \"1\"", ""] {
        assert_problem(change("k2", 1, tags).await.unwrap(), 400, "invalid-request").await;
    }
    for (key, tags) in [("k3", "W/\"1\""), ("k4", "\"one\""), ("k5", "\"01\", W/\"1\"")] {
        for replayed in [false, true] {
            let response = change(key, 1, tags).await.unwrap();
            assert_eq!(head(&response), (412, replayed, Some("\"1\""), None), "{tags}");
            let problem = assert_problem(response, 412, "version-conflict").await;
            assert_eq!((&problem["expectedVersion"], &problem["serverVersion"]), (&Value::Null, &json!(1)));
        }
    }
    let response = change("k6", 1, "\"2\", \"3\"").await.unwrap();
    assert_eq!(assert_problem(response, 412, "version-conflict").await["expectedVersion"], 2);
    // Whichever it is, and after a retry too, when the record has the version that it got, or yet another one.
    assert_eq!(head(&change("k7", 2, "\"2\", \"1\"").await.unwrap()), (200, false, Some("\"2\""), None));
    assert_eq!(head(&change("k7", 2, "\"2\", \"1\"").await.unwrap()), (200, true, Some("\"2\""), None));
    assert_eq!(head(&change("k8", 3, "\"1\", \"2\"").await.unwrap()), (200, false, Some("\"3\""), None));
    assert_eq!(head(&change("k7", 2, "\"2\", \"1\"").await.unwrap()), (200, true, Some("\"2\""), None));
    assert_problem(change("k7", 9, "\"2\", \"1\"").await.unwrap(), 422, "idempotency-key-reused").await;
    assert_eq!(server.expense("e1").await.unwrap()["data"]["amountMinor"], 3);
    assert_eq!((server.count("receipt").await, server.count("change").await), (7, 3));
    for tags in ["\"1\"", "\"1\", W/\"2\"", "\"x\""] {
        let update = server.write(Method::PATCH, "/expenses/e9", "k9", &json!({ "amountMinor": 1 }));
        let update = update.header("if-match", tags).send().await.unwrap();
        assert!([404, 422].contains(&update.status().as_u16()), "{tags}: {}", update.status());
    }
    // A creation looks at no version, so it does not pretend to.
    let create = server.post_expense("e2", "k3").header("if-match", "\"1\"").send().await.unwrap();
    assert_problem(create, 400, "invalid-request").await;
    // Where the version is checked only when it is given, a star asks for any.
    let submit = server.write(Method::POST, "/expenses/e1/submit", "k10", &json!({})).header("if-match", "*");
    assert_eq!(submit.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn row_08_single_a_condition_that_no_command_can_keep_is_refused_and_never_ignored() {
    let server = TestServer::start().await;
    server.post_expense("e1", "k1").send().await.unwrap();
    for tag in ["*", "\"1\"", "\"9\"", "W/\"1\"", "*, \"1\"", "nonsense"] {
        let update = server.write(Method::PATCH, "/expenses/e1", "k2", &json!({ "amountMinor": 1 }));
        let update = update.header("if-match", "\"1\"").header("if-none-match", tag);
        assert_problem(update.send().await.unwrap(), 400, "invalid-request").await;
        let create = server.post_expense("e2", "k3").header("if-none-match", tag);
        assert_problem(create.send().await.unwrap(), 400, "invalid-request").await;
    }
    assert_eq!((server.count("receipt").await, server.count("record").await), (1, 1));
    // No record says when it was modified, so this one is ignored, as it has to be (RFC 9110, 13.1.4).
    let submit = server.write(Method::POST, "/expenses/e1/submit", "k4", &json!({}));
    let submit = submit.header("if-unmodified-since", "Mon, 01 Jan 2001 00:00:00 GMT").send().await.unwrap();
    assert_eq!((submit.status().as_u16(), submit.headers().get("last-modified")), (200, None));
}

#[tokio::test]
async fn row_08_single_if_none_match_asks_that_there_is_no_record_yet() {
    let server = TestServer::start().await;
    let product =
        json!({ "productId": "p1", "sku": "L", "name": "Lamp", "unit": "piece", "taxRateBp": 1900 });
    server.send_one(&server.command("PRODUCT_CREATE_V1", product)).await;
    let count = |movement: &str, key: &str| {
        let payload = json!({ "movementId": movement, "productId": "p1", "location": "shop", "counted": 7 });
        server.write(Method::POST, "/stock-counts", key, &payload)
    };
    assert_problem(count("m1", "k1").send().await.unwrap(), 428, "version-required").await;
    for replayed in [false, true] {
        let first = count("m1", "k1").header("if-none-match", "*").send().await.unwrap();
        assert_eq!(head(&first), (201, replayed, Some("\"1\""), Some("/workspaces/acme/stock-counts/m1")));
    }
    let conflict = count("m2", "k2").header("if-none-match", "*").send().await.unwrap();
    let problem = assert_problem(conflict, 412, "version-conflict").await;
    assert_eq!((&problem["serverVersion"], &problem["serverSnapshot"]["quantity"]), (&json!(1), &json!(7)));
    // What is to be changed and is not there cannot be changed.
    let update = server.write(Method::PATCH, "/expenses/e1", "k3", &json!({ "amountMinor": 1 }));
    let update = update.header("if-none-match", "*").send().await.unwrap();
    assert_problem(update, 404, "record-not-found").await;
}

#[tokio::test]
async fn row_09_single_a_guarded_update_without_a_version_is_428() {
    let server = TestServer::start().await;
    server.post_expense("e1", "k1").send().await.unwrap();
    let update = || server.write(Method::PATCH, "/expenses/e1", "k2", &json!({ "amountMinor": 1 }));
    assert_problem(update().send().await.unwrap(), 428, "version-required").await;
    assert_problem(update().header("if-match", "*").send().await.unwrap(), 428, "version-required").await;
    assert_eq!(server.count("receipt").await, 1);
    // It was not stored: the same key with the version is a first time.
    assert_eq!(
        head(&update().header("if-match", "\"1\"").send().await.unwrap()),
        (200, false, Some("\"2\""), None)
    );
}

#[tokio::test]
async fn row_10_single_a_creation_under_an_id_that_exists_is_409_with_the_snapshot() {
    let server = TestServer::start().await;
    server.post_expense("e1", "k1").send().await.unwrap();
    for replayed in [false, true] {
        let response = server.post_expense("e1", "k2").send().await.unwrap();
        assert_eq!(head(&response), (409, replayed, Some("\"1\""), None));
        let problem = assert_problem(response, 409, "already-exists").await;
        assert_eq!((&problem["expectedVersion"], &problem["serverVersion"]), (&json!(null), &json!(1)));
        assert_eq!(problem["serverSnapshot"]["description"], "Train to Basel");
    }
    assert_eq!(server.count("receipt").await, 2);
}

#[tokio::test]
async fn row_11_single_an_update_of_a_deleted_record_is_409_with_its_version() {
    let server =
        TestServer::adapted(async |server| server.registry = erp::registry().with(ExpenseDrop).unwrap())
            .await;
    server.post_expense("e1", "k1").send().await.unwrap();
    let drop = server.client.delete(format!("{}/workspaces/acme/expenses/e1", server.url));
    let drop = drop.bearer_auth(server.token("ana", "acme")).header("idempotency-key", "k2");
    assert_eq!(
        head(&drop.header("if-match", "\"1\"").send().await.unwrap()),
        (200, false, Some("\"2\""), None)
    );
    assert!(server.expense("e1").await.is_none());
    for replayed in [false, true] {
        let update = server.write(Method::PATCH, "/expenses/e1", "k3", &json!({ "amountMinor": 1 }));
        let response = update.header("if-match", "\"2\"").send().await.unwrap();
        assert_eq!(head(&response), (409, replayed, Some("\"2\""), None));
        let problem = assert_problem(response, 409, "deleted").await;
        assert_eq!((&problem["serverVersion"], &problem["serverSnapshot"]), (&json!(2), &json!(null)));
    }
    // Its id is not free either, and in a batch it is the same.
    let again =
        assert_problem(server.post_expense("e1", "k4").send().await.unwrap(), 409, "already-exists").await;
    assert_eq!(again["serverSnapshot"], json!(null));
    let outcome = server.send_one(&server.update("e1", json!({ "version": 2 }))).await;
    assert_eq!((&outcome["reason"], &outcome["serverVersion"]), (&json!("deleted"), &json!(2)));
}

#[tokio::test]
async fn row_12_single_a_rule_refuses_with_its_reason_and_stays_with_it() {
    let server = TestServer::start().await;
    let mut negative = expense_payload("e1");
    negative["amountMinor"] = json!(-100);
    for replayed in [false, true] {
        let response = server.write(Method::POST, "/expenses", "k1", &negative).send().await.unwrap();
        assert_eq!(head(&response), (422, replayed, None, None));
        let problem = assert_problem(response, 422, "rule-violated").await;
        assert_eq!(problem["errors"][0]["pointer"], "/amountMinor");
        assert_eq!(problem["title"], "The amount of an expense must be more than zero");
    }
    assert_eq!((server.count("receipt").await, server.count("record").await), (1, 0));
}

#[tokio::test]
async fn every_status_of_the_table_says_no_store() {
    let server = TestServer::start().await;
    for (key, id) in [("k1", "e1"), ("k2", "e1"), ("", "e1")] {
        let response = server.post_expense(id, key).send().await.unwrap();
        assert_ne!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}
