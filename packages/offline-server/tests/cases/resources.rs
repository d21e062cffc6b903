//! The resources themselves: what their table may say, their reads, their methods.

use offline_domain::{Registry, Resource};
use offline_protocol::{Limits, Retention};
use offline_server::{KEY_WAIT, Rates, ResourceError, Server, SqlHandlers, SystemClock, Tokens, resources};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::{
    place::Place,
    support::{SECRET, TestServer, assert_problem, body, statuses},
};

#[tokio::test]
async fn row_25_single_a_table_that_contradicts_the_commands_is_refused_at_the_start() {
    let place = Place::new().await;
    let opened = place.open().await;
    let clock = Arc::new(SystemClock);
    let server = |registry: Registry| Server {
        store: opened.store.clone(),
        memberships: opened.members.clone(),
        registry,
        sql: SqlHandlers::new(),
        tokens: Tokens::new(SECRET, clock.clone()),
        clock: clock.clone(),
        limits: Limits::default(),
        retention: Retention::default(),
        key_wait: KEY_WAIT,
        live: None,
        rates: Rates::default(),
        metrics: Default::default(),
        traces: Default::default(),
    };
    let refused = |table: &[Resource]| resources(server(erp::registry()), table).map(drop).unwrap_err();
    let notes = |path: &'static str| Resource::new(path, "note", "noteId");
    assert_eq!(
        refused(&[notes("notes").create("NOTE_CREATE_V1")]),
        ResourceError::UnknownType("NOTE_CREATE_V1")
    );
    assert_eq!(refused(&[notes("notes").create("nonsense")]), ResourceError::UnknownType("nonsense"));
    for path in ["", "records", "No", "a/b", "{id}", "*"] {
        assert_eq!(refused(&[notes(path)]), ResourceError::Segment(path));
        assert_eq!(
            refused(&[notes("notes").action(path, "EXPENSE_SUBMIT_V1")]),
            ResourceError::Segment(path)
        );
    }
    assert_eq!(refused(&[notes("a"), notes("a")]), ResourceError::Twice("a"));
    let twice = notes("a").create("EXPENSE_CREATE_V1").create("EXPENSE_CREATE_V1");
    assert_eq!(refused(&[twice]), ResourceError::Twice("EXPENSE_CREATE_V1"));
    assert_eq!(refused(&[Resource::new("a", "No", "id")]), ResourceError::Kind("No"));
    let erp = resources(server(erp::registry()), &erp::resources());
    assert!(erp.is_ok());
    let nothing = resources(server(Registry::new()), &erp::resources()).map(drop);
    assert_eq!(nothing, Err(ResourceError::UnknownType("EXPENSE_CREATE_V1")));
}

#[tokio::test]
async fn every_row_of_the_erps_table_answers() {
    let server = TestServer::start().await;
    for resource in erp::resources() {
        let list =
            server.get(&server.token("ana", "acme"), &format!("/workspaces/acme/{}", resource.path)).await;
        assert_eq!(body(list).await, json!({ "records": [] }), "{}", resource.path);
    }
}

#[tokio::test]
async fn a_resource_reads_as_the_records_of_its_kind_do() {
    let server = TestServer::start().await;
    let creates: Vec<_> = (0..5).map(|number| server.create(&format!("e{number}"))).collect();
    server.send(&creates).await;
    let ana = server.token("ana", "acme");
    for query in ["", "?limit=2", "?limit=2&after=e1", "?after=e9", "?limit=0", "?limit=x", "?after="] {
        let resource = server.get(&ana, &format!("/workspaces/acme/expenses{query}")).await;
        let records = server.get(&ana, &format!("/workspaces/acme/records/expense{query}")).await;
        assert_eq!(resource.status(), records.status());
        assert_eq!(body(resource).await, body(records).await, "{query}");
    }
    let one = server.get(&ana, "/workspaces/acme/expenses/e1").await;
    assert_eq!(one.headers()["etag"], "\"1\"");
    let one: Value = body(one).await;
    assert_eq!(one, server.expense("e1").await.unwrap());
    let known = server.client.get(format!("{}/workspaces/acme/expenses/e1", server.url)).bearer_auth(&ana);
    let known = known.header("if-none-match", "\"1\"").send().await.unwrap();
    assert_eq!((known.status().as_u16(), &known.headers()["etag"]), (304, &"\"1\"".parse().unwrap()));
    assert_problem(server.get(&ana, "/workspaces/acme/expenses/none").await, 404, "record-not-found").await;
    assert_problem(server.get(&ana, "/workspaces/acme/invoices/e1").await, 404, "record-not-found").await;
    assert_problem(server.get(&ana, "/workspaces/acme/expenses/%ff").await, 404, "not-found").await;
    assert_problem(server.get(&ana, "/workspaces/acme/nothing").await, 404, "not-found").await;
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_a_version_like_any_other() {
    let server = TestServer::start().await;
    server.post_expense("e1", "k1").send().await.unwrap();
    let before = server.expense("e1").await.unwrap();
    let said = json!({ "amountMinor": before["data"]["amountMinor"] });
    for (key, seen, payload) in [("k2", 1, json!({})), ("k3", 2, said)] {
        for replayed in [None, Some("true")] {
            let change = server.write(Method::PATCH, "/expenses/e1", key, &payload);
            let response = change.header("if-match", format!("\"{seen}\"")).send().await.unwrap();
            let header = response.headers().get("idempotency-replayed").map(|value| value.to_str().unwrap());
            assert_eq!((response.status().as_u16(), header), (200, replayed));
            assert_eq!(response.headers()["etag"], format!("\"{}\"", seen + 1));
        }
    }
    // What comes after such a command speaks of its version, and each command has its place in the log.
    let mut nothing = server.command("EXPENSE_UPDATE_V1", json!({ "expenseId": "e1" }));
    nothing["expected"] = json!({ "version": 3 });
    let after = server.update("e1", json!({ "after": nothing["commandId"] }));
    assert_eq!(statuses(&server.send(&[nothing, after]).await), ["applied", "applied"]);
    assert_eq!((server.count("receipt").await, server.count("change").await), (5, 5));
}

#[tokio::test]
async fn a_method_that_a_path_does_not_know_is_405_with_those_it_does() {
    let server = TestServer::start().await;
    let cases = [
        (Method::PUT, "/expenses", ["GET", "POST"]),
        (Method::POST, "/expenses/e1", ["GET", "PATCH"]),
        (Method::PATCH, "/expenses/e1/submit", ["POST", "POST"]),
        (Method::GET, "/expenses/e1/submit", ["POST", "POST"]),
    ];
    for (method, path, known) in cases {
        let response = server.write(method, path, "k1", &json!({})).send().await.unwrap();
        let allow = response.headers()["allow"].to_str().unwrap().to_owned();
        assert!(known.iter().all(|known| allow.contains(known)), "{path}: {allow}");
        assert_problem(response, 405, "method-not-allowed").await;
    }
}
