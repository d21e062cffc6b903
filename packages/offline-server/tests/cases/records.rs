//! Reading records: pages, single ones, entity tags.

use serde_json::{Value, json};

use crate::support::{TestServer, assert_problem, body};

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let server = TestServer::start().await;
    let creates: Vec<_> = (0..25).map(|number| server.create(&format!("e{number:02}"))).collect();
    server.send(&creates).await;
    let token = server.token("ana", "acme");
    let mut ids = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/workspaces/acme/records/expense?limit=10{after}");
        let page: Value = body(server.get(&token, &path).await).await;
        let records = page["records"].as_array().unwrap();
        ids.extend(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
        match page.get("next") {
            Some(next) => after = format!("&after={}", next.as_str().unwrap()),
            None => break,
        }
    }
    let expected: Vec<_> = (0..25).map(|number| format!("e{number:02}")).collect();
    assert_eq!(ids, expected);
    let exact: Value = body(server.get(&token, "/workspaces/acme/records/expense?limit=25").await).await;
    assert_eq!((exact["records"].as_array().unwrap().len(), exact.get("next")), (25, None));
    let none: Value = body(server.get(&token, "/workspaces/acme/records/invoice").await).await;
    assert_eq!(none, json!({ "records": [] }));
}

#[tokio::test]
async fn a_page_of_large_records_ends_early() {
    let server = TestServer::start().await;
    let line =
        json!({ "description": "x".repeat(180), "quantity": 1, "unitPriceMinor": 100, "taxRateBp": 1900 });
    let invoice = |number: usize| {
        server.command(
            "INVOICE_DRAFT_CREATE_V1",
            json!({ "invoiceId": format!("i{number:02}"), "customer": "Acme", "currency": "EUR", "lines": vec![&line; 900] }),
        )
    };
    for batch in [0..10, 10..20] {
        let commands: Vec<_> = batch.map(invoice).collect();
        server.send(&commands).await;
    }
    let page: Value =
        body(server.get(&server.token("ana", "acme"), "/workspaces/acme/records/invoice?limit=100").await)
            .await;
    let records = page["records"].as_array().unwrap().len();
    assert!((1..20).contains(&records), "{records} records in one page");
    assert_eq!(page["next"], format!("i{:02}", records - 1));
}

#[tokio::test]
async fn a_record_has_an_entity_tag_that_saves_its_transfer() {
    let server = TestServer::start().await;
    server.send_one(&server.create("e1")).await;
    let get = |tag: &'static str| {
        let get = server.client.get(format!("{}/workspaces/acme/records/expense/e1", server.url));
        get.bearer_auth(server.token("ana", "acme")).header("if-none-match", tag).send()
    };
    let plain = server.get(&server.token("ana", "acme"), "/workspaces/acme/records/expense/e1").await;
    assert_eq!(plain.headers()["etag"], "\"1\"");
    for tag in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let response = get(tag).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["etag"]),
            (304, &"\"1\"".parse().unwrap())
        );
        assert_eq!(response.headers()["sync-protocol"], "1");
    }
    for tag in ["\"2\"", "1", ""] {
        assert_eq!(get(tag).await.unwrap().status(), 200, "{tag}");
    }
    server.send_one(&server.update("e1", json!({ "version": 1 }))).await;
    assert_eq!(get("\"1\"").await.unwrap().headers()["etag"], "\"2\"");
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let get = |path: &'static str| server.get(&token, path);
    assert_problem(get("/workspaces/acme/records/expense/none").await, 404, "record-not-found").await;
    assert_problem(get("/workspaces/acme/records/NO/none").await, 404, "record-not-found").await;
    assert_problem(get("/workspaces/acme/records/NO").await, 404, "not-found").await;
    assert_problem(get("/workspaces/acme/records/%ff").await, 404, "not-found").await;
    assert_problem(get("/workspaces/acme/records/expense/%ff").await, 404, "not-found").await;
    for query in [
        "?limit=0",
        "?limit=-1",
        "?limit=x",
        "?after=%20",
        "?after=",
        "?limit=1&limit=1",
        "?offset=7",
        "?workspace=globex",
    ] {
        let path = format!("/workspaces/acme/records/expense{query}");
        assert_problem(server.get(&token, &path).await, 400, "invalid-request").await;
    }
}
