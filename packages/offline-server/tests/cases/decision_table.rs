//! The decision table of the write side, row by row, over HTTP. The names begin with the row's number; rows 15 and 16 (a killed process) are in `apps/server`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{TestServer, code, statuses};

#[tokio::test]
async fn row_01_a_new_command_is_applied_and_stored() {
    let server = TestServer::start().await;
    let create = server.create("e1");
    let outcome = server.send_one(&create).await;
    assert_eq!(outcome["commandId"], create["commandId"]);
    assert_eq!(outcome["status"], "applied");
    assert_eq!(outcome["versions"], json!([{ "kind": "expense", "id": "e1", "version": 1 }]));
    assert_eq!((&outcome["replayed"], &outcome["changeSeq"]), (&json!(false), &json!(1)));
    let record = server.expense("e1").await.unwrap();
    assert_eq!((&record["version"], &record["updatedBy"]), (&json!(1), &json!("ana")));
    assert_eq!(record["data"]["createdBy"], "ana");
    assert_eq!(
        (server.count("receipt").await, server.count("record").await, server.count("change").await),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn row_02_the_same_key_again_gets_the_same_outcome() {
    let server = TestServer::start().await;
    let create = server.create("e1");
    let first = server.send_one(&create).await;
    server.send_one(&server.update("e1", json!({ "version": 1 }))).await;
    // Another trace id and time make no other command of it.
    let mut retry = create.clone();
    retry["clientTraceId"] = json!("another");
    retry["createdAt"] = json!("2026-11-22T17:59:59.000Z");
    let second = server.send_one(&retry).await;
    assert_eq!(second["replayed"], true);
    assert_eq!((&second["versions"], &second["changeSeq"]), (&first["versions"], &first["changeSeq"]));
    assert_eq!((server.count("receipt").await, server.count("change").await), (2, 2));
}

#[tokio::test]
async fn row_03_the_same_key_with_another_content_is_refused_and_the_first_verdict_stays() {
    let server = TestServer::start().await;
    let create = server.create("e1");
    server.send_one(&create).await;
    let mut other = create.clone();
    other["payload"]["amountMinor"] = json!(1);
    let outcome = server.send_one(&other).await;
    assert_eq!((outcome["status"].as_str(), code(&outcome)), (Some("rejected"), "idempotency-key-reused"));
    assert_eq!(server.send_one(&create).await["replayed"], true);
    assert_eq!(server.expense("e1").await.unwrap()["data"]["amountMinor"], 4990);
}

#[tokio::test]
async fn row_04_the_same_key_at_the_same_time_takes_effect_once() {
    let server = TestServer::start().await;
    let create = server.create("e1");
    let outcomes = join_all((0..16).map(|_| server.send_one(&create))).await;
    let applied = |replayed: bool| {
        let is = |outcome: &&Value| outcome["status"] == "applied" && outcome["replayed"] == replayed;
        outcomes.iter().filter(is).count()
    };
    assert_eq!((applied(false), applied(true)), (1, 15));
    assert_eq!(server.count("change").await, 1);
}

#[tokio::test]
async fn row_05_the_same_key_twice_in_a_batch_takes_effect_once() {
    let server = TestServer::start().await;
    let create = server.create("e1");
    let outcomes = server.send(&[create.clone(), create]).await;
    assert_eq!(statuses(&outcomes), ["applied", "applied"]);
    assert_eq!((&outcomes[0]["replayed"], &outcomes[1]["replayed"]), (&json!(false), &json!(true)));
    assert_eq!((server.count("receipt").await, server.count("change").await), (1, 1));
}

#[tokio::test]
async fn row_06_the_same_key_twice_in_a_batch_with_another_content_is_refused() {
    let server = TestServer::start().await;
    let create = server.create("e1");
    let mut other = server.create("e2");
    other["idempotencyKey"] = create["idempotencyKey"].clone();
    let outcomes = server.send(&[create, other]).await;
    assert_eq!(
        (statuses(&outcomes), code(&outcomes[1])),
        (vec!["applied", "rejected"], "idempotency-key-reused")
    );
    assert_eq!(server.count("record").await, 1);
}

#[tokio::test]
async fn row_07_a_missing_or_malformed_key_is_refused_and_not_stored() {
    let server = TestServer::start().await;
    for key in [json!(null), json!(""), json!("a b"), json!("ü"), json!("x".repeat(129)), json!(7)] {
        let mut create = server.create("e1");
        if key.is_null() {
            create.as_object_mut().unwrap().remove("idempotencyKey");
        } else {
            create["idempotencyKey"] = key;
        }
        let outcome = server.send_one(&create).await;
        assert_eq!(
            (outcome["status"].as_str(), code(&outcome)),
            (Some("rejected"), "idempotency-key-invalid")
        );
        assert_eq!(outcome["problem"]["errors"][0]["pointer"], "/idempotencyKey");
        assert_eq!(outcome["commandId"], create["commandId"]);
    }
    assert_eq!((server.count("receipt").await, server.count("record").await), (0, 0));
}

#[tokio::test]
async fn row_08_a_version_that_is_not_the_current_one_is_a_conflict_with_the_snapshot() {
    let server = TestServer::start().await;
    server.send_one(&server.create("e1")).await;
    let ben = server.token("ben", "acme");
    server.send_as(&ben, &[server.update("e1", json!({ "version": 1 }))]).await;
    let stale = server.update("e1", json!({ "version": 1 }));
    let outcome = server.send_one(&stale).await;
    assert_eq!(
        (outcome["status"].as_str(), outcome["reason"].as_str()),
        (Some("conflict"), Some("version-conflict"))
    );
    assert_eq!((&outcome["expectedVersion"], &outcome["serverVersion"]), (&json!(1), &json!(2)));
    assert_eq!((&outcome["kind"], &outcome["id"]), (&json!("expense"), &json!("e1")));
    assert_eq!(
        (&outcome["changedBy"], &outcome["changedAt"]),
        (&json!("ben"), &json!("2026-11-22T18:00:00.000Z"))
    );
    let now = server.expense("e1").await.unwrap();
    assert_eq!(outcome["serverSnapshot"], now["data"]);

    // A replay keeps the verdict and reads the snapshot afresh.
    server.send_as(&ben, &[server.update("e1", json!({ "version": 2 }))]).await;
    let replay = server.send_one(&stale).await;
    assert_eq!((&replay["replayed"], &replay["serverVersion"]), (&json!(true), &json!(3)));
    assert_eq!(replay["serverSnapshot"], server.expense("e1").await.unwrap()["data"]);

    // "Retry with latest": the same command under a new key, against the version it has seen now.
    let mut latest = stale.clone();
    latest["idempotencyKey"] = json!("latest");
    latest["expected"] = json!({ "version": 3 });
    assert_eq!(server.send_one(&latest).await["status"], "applied");
    assert_eq!(server.send_one(&stale).await["status"], "conflict");
}

#[tokio::test]
async fn row_09_a_guarded_update_without_a_version_is_refused() {
    let server = TestServer::start().await;
    server.send_one(&server.create("e1")).await;
    let mut update = server.update("e1", json!(null));
    update.as_object_mut().unwrap().remove("expected");
    let outcome = server.send_one(&update).await;
    assert_eq!((outcome["status"].as_str(), code(&outcome)), (Some("rejected"), "version-required"));
    assert_eq!(server.count("receipt").await, 1);
    let submit = server.command("EXPENSE_SUBMIT_V1", json!({ "expenseId": "e1" }));
    assert_eq!(server.send_one(&submit).await["status"], "applied");
}

#[tokio::test]
async fn row_10_a_creation_under_an_id_that_exists_is_a_conflict() {
    let server = TestServer::start().await;
    server.send_one(&server.create("e1")).await;
    let again = server.create("e1");
    for replayed in [false, true] {
        let outcome = server.send_one(&again).await;
        assert_eq!(
            (outcome["status"].as_str(), outcome["reason"].as_str()),
            (Some("conflict"), Some("already-exists"))
        );
        assert_eq!((&outcome["expectedVersion"], &outcome["replayed"]), (&json!(null), &json!(replayed)));
        assert_eq!(outcome["serverSnapshot"]["description"], "Train to Basel");
    }
}

#[tokio::test]
async fn row_08_and_10_a_creation_that_expects_a_version_finds_it_or_makes_nothing() {
    let server = TestServer::start().await;
    let expecting = |id: &str, expected: Value| {
        let mut create = server.create(id);
        create["expected"] = expected;
        create
    };
    let wrong = expecting("e1", json!({ "version": 3 }));
    for replayed in [false, true] {
        let outcome = server.send_one(&wrong).await;
        assert_eq!((outcome["status"].as_str(), code(&outcome)), (Some("rejected"), "record-not-found"));
        assert_eq!(outcome["replayed"], replayed);
    }
    assert_eq!((server.count("receipt").await, server.count("record").await), (1, 0));
    // Zero is the version of no record. An own command before it is the order alone.
    let first = expecting("e1", json!({ "version": 0 }));
    let second = expecting("e2", json!({ "after": first["commandId"] }));
    assert_eq!(statuses(&server.send(&[first, second]).await), ["applied", "applied"]);
    // What exists stays a conflict, whatever is expected of it: a second try with the version that the first one was shown.
    let again = server.send_one(&expecting("e1", json!({ "version": 1 }))).await;
    assert_eq!((&again["reason"], &again["expectedVersion"]), (&json!("already-exists"), &json!(1)));
}

#[tokio::test]
async fn row_12_a_rule_refuses_with_its_reason_and_stays_with_it() {
    let server = TestServer::start().await;
    let mut negative = server.create("e1");
    negative["payload"]["amountMinor"] = json!(-100);
    for replayed in [false, true] {
        let outcome = server.send_one(&negative).await;
        assert_eq!((outcome["status"].as_str(), code(&outcome)), (Some("rejected"), "rule-violated"));
        assert_eq!(outcome["problem"]["errors"][0]["pointer"], "/amountMinor");
        assert_eq!(outcome["problem"]["title"], "The amount of an expense must be more than zero");
        assert_eq!(outcome["replayed"], replayed);
    }
    assert_eq!((server.count("receipt").await, server.count("record").await), (1, 0));

    server.send_one(&server.create("e2")).await;
    server.send_one(&server.command("EXPENSE_SUBMIT_V1", json!({ "expenseId": "e2" }))).await;
    let late = server.send_one(&server.update("e2", json!({ "version": 2 }))).await;
    assert_eq!(code(&late), "rule-violated");
}

#[tokio::test]
async fn row_13_what_depends_on_an_item_that_was_not_applied_is_held_behind_the_root() {
    let server = TestServer::start().await;
    let mut negative = server.create("e1");
    negative["payload"]["amountMinor"] = json!(-1);
    let update = server.update("e1", json!({ "after": negative["commandId"] }));
    let second = server.update("e1", json!({ "after": update["commandId"] }));
    let mut linked = server.create("e2");
    linked["dependsOn"] = json!([update["commandId"]]);
    let batch = [negative.clone(), update.clone(), second, linked.clone()];
    let outcomes = server.send(&batch).await;
    assert_eq!(statuses(&outcomes), ["rejected", "held", "held", "held"]);
    for held in &outcomes[1..] {
        assert_eq!(held["by"], negative["commandId"]);
    }
    // In a batch of its own, too: behind a command that was refused, and behind one that nobody knows.
    assert_eq!(server.send_one(&update).await["by"], negative["commandId"]);
    let unknown = server.id();
    linked["dependsOn"] = json!([unknown]);
    assert_eq!(server.send_one(&linked).await["by"], json!(unknown));
    assert_eq!((server.count("receipt").await, server.count("record").await), (1, 0));

    // Edited and sent again under a new key, everything follows.
    negative["payload"]["amountMinor"] = json!(100);
    negative["idempotencyKey"] = json!("edited");
    let mut batch = batch;
    batch[0] = negative;
    assert_eq!(statuses(&server.send(&batch).await), ["applied"; 4]);
    assert_eq!(server.expense("e1").await.unwrap()["version"], 3);
}

#[tokio::test]
async fn row_13_no_command_is_held_behind_itself() {
    let server = TestServer::start().await;
    // The update stands before the creation that it waits for: once the creation is judged, the update can follow.
    let create = server.create("e1");
    let update = server.update("e1", json!({ "after": create["commandId"] }));
    let outcomes = server.send(&[update.clone(), create.clone()]).await;
    assert_eq!((statuses(&outcomes), &outcomes[0]["by"]), (vec!["held", "applied"], &create["commandId"]));
    assert_eq!(server.send_one(&update).await["versions"][0]["version"], 2);

    // A refused command and its edited self in one batch.
    let mut negative = server.create("e2");
    negative["payload"]["amountMinor"] = json!(-1);
    let mut edited = negative.clone();
    edited["payload"]["amountMinor"] = json!(1);
    edited["idempotencyKey"] = json!("edited");
    assert_eq!(statuses(&server.send(&[negative, edited]).await), ["rejected", "applied"]);
}

#[tokio::test]
async fn row_13_a_malformed_item_holds_what_names_it() {
    let server = TestServer::start().await;
    let mut broken = server.create("e1");
    broken["payload"]["amountMinor"] = json!("a lot");
    let mut linked = server.create("e2");
    linked["dependsOn"] = json!([broken["commandId"]]);
    let outcomes = server.send(&[broken.clone(), linked]).await;
    assert_eq!(statuses(&outcomes), ["rejected", "held"]);
    assert_eq!(outcomes[1]["by"], broken["commandId"]);
}

#[tokio::test]
async fn row_14_what_does_not_depend_on_a_refused_item_goes_on() {
    let server = TestServer::start().await;
    let mut negative = server.create("e1");
    negative["payload"]["amountMinor"] = json!(-1);
    let batch = [server.create("e0"), negative, json!({ "nonsense": true }), server.create("e2")];
    assert_eq!(statuses(&server.send(&batch).await), ["applied", "rejected", "rejected", "applied"]);
}

#[tokio::test]
async fn an_expected_version_may_be_the_one_that_an_own_earlier_command_produced() {
    let server = TestServer::start().await;
    let create = server.create("e1");
    let first = server.update("e1", json!({ "after": create["commandId"] }));
    let second = server.update("e1", json!({ "after": first["commandId"] }));
    assert_eq!(statuses(&server.send(&[create.clone(), first]).await), ["applied"; 2]);
    assert_eq!(server.send_one(&second).await["versions"][0]["version"], 3);

    // Somebody else came in between: a conflict, not an overwrite.
    let third = server.update("e1", json!({ "after": second["commandId"] }));
    server.send_as(&server.token("ben", "acme"), &[server.update("e1", json!({ "version": 3 }))]).await;
    assert_eq!(server.send_one(&third).await["status"], "conflict");

    // A command that wrote another record produced no version of this one.
    let other = server.create("e9");
    server.send_one(&other).await;
    let unrelated = server.send_one(&server.update("e1", json!({ "after": other["commandId"] }))).await;
    assert_eq!(
        (code(&unrelated), &unrelated["problem"]["errors"][0]["pointer"]),
        ("invalid-command", &json!("/expected/after"))
    );
    let itself = server.id();
    let mut circular = server.update("e1", json!({ "after": itself }));
    circular["commandId"] = json!(itself);
    assert_eq!(code(&server.send_one(&circular).await), "invalid-command");
}

#[tokio::test]
async fn a_command_that_was_applied_is_never_applied_under_another_key() {
    let server = TestServer::start().await;
    let create = server.create("e1");
    let mut update = server.update("e1", json!({ "after": create["commandId"] }));
    server.send(&[create, update.clone()]).await;
    update["idempotencyKey"] = json!("another");
    let outcome = server.send_one(&update).await;
    assert_eq!((outcome["status"].as_str(), &outcome["replayed"]), (Some("applied"), &json!(true)));
    update["payload"]["description"] = json!("another");
    assert_eq!(code(&server.send_one(&update).await), "idempotency-key-reused");
    assert_eq!(server.expense("e1").await.unwrap()["version"], 2);
}
