//! What the rules of the ERP promise when many write at once: numbers without a gap, sums without a loss.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use offline_protocol::{RecordId, RecordKey, RecordKind};
use reqwest::Method;
use serde_json::{Value, json};

use super::store::{member, put_at};
use crate::support::{TestServer, assert_problem, body, statuses};

/// How many send at once, half of them as Ben.
const SENDERS: usize = 8;

async fn send_all_at_once(server: &TestServer, batches: &[Vec<Value>]) -> Vec<Vec<Value>> {
    let send = |(index, batch): (usize, &Vec<Value>)| {
        let token = server.token(if index % 2 == 0 { "ana" } else { "ben" }, "acme");
        let batch = batch.clone();
        async move { server.send_as(&token, &batch).await }
    };
    join_all(batches.iter().enumerate().map(send)).await
}

async fn data(server: &TestServer, kind: &str, id: &str) -> Value {
    let path = format!("/workspaces/acme/records/{kind}/{id}");
    let record: Value = body(server.get(&server.token("ana", "acme"), &path).await).await;
    record["data"].clone()
}

fn draft(id: &str) -> Value {
    let line = json!({ "description": "Work", "quantity": 1, "unitPriceMinor": 100, "taxRateBp": 1900 });
    json!({ "invoiceId": id, "customer": "Globex", "currency": "EUR", "lines": [line] })
}

#[tokio::test(flavor = "multi_thread")]
async fn invoice_numbers_have_no_gap_however_many_issue_at_once() {
    let server = TestServer::start().await;
    let series = server.command("INVOICE_SERIES_OPEN_V1", json!({ "series": "re", "prefix": "RE-" }));
    assert_eq!(server.send_one(&series).await["status"], "applied");
    let mut batches = Vec::new();
    for sender in 0..SENDERS {
        let mut batch = Vec::new();
        for number in 0..6 {
            let id = format!("i{sender}-{number}");
            let made = server.send_one(&server.command("INVOICE_DRAFT_CREATE_V1", draft(&id))).await;
            assert_eq!(made["status"], "applied");
            let payload = json!({ "invoiceId": id, "series": "re", "issuedOn": "2026-11-22" });
            let mut issue = server.command("INVOICE_ISSUE_V1", payload);
            // Every third one saw another version: it is refused, and must take no number.
            issue["expected"] = json!({ "version": if number % 3 == 2 { 9 } else { 1 } });
            batch.push(issue);
        }
        batches.push(batch);
    }
    let first = send_all_at_once(&server, &batches).await;
    let again = send_all_at_once(&server, &batches).await;
    let mut given = BTreeSet::new();
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(statuses(first), ["applied", "applied", "conflict", "applied", "applied", "conflict"]);
        for (outcome, replayed) in first.iter().zip(again) {
            assert_eq!((&outcome["result"], &outcome["status"]), (&replayed["result"], &replayed["status"]));
            given.extend(outcome["result"]["sequence"].as_i64());
        }
    }
    assert_eq!(given, (1..=32).collect());
    assert_eq!(data(&server, "invoice-series", "re").await["nextNumber"], 33);
    let mut printed = BTreeSet::new();
    for sender in 0..SENDERS {
        for number in 0..6 {
            let invoice = data(&server, "invoice", &format!("i{sender}-{number}")).await;
            assert_eq!(invoice["state"], if number % 3 == 2 { "draft" } else { "issued" });
            printed.extend(invoice["issue"]["number"].as_str().map(str::to_owned));
        }
    }
    assert_eq!(printed, (1..=32).map(|number| format!("RE-{number:05}")).collect());
}

#[tokio::test]
async fn no_two_series_come_to_the_same_invoice_numbers() {
    let server = TestServer::start().await;
    let open = |workspace: &str, series: &str, prefix: &str| {
        let payload = json!({ "series": series, "prefix": prefix });
        let mut command = server.command("INVOICE_SERIES_OPEN_V1", payload);
        command["workspaceId"] = json!(workspace);
        command
    };
    // In one batch, in a later one, and one at a time; another workspace has numbers of its own.
    let outcomes = server.send(&[open("acme", "a", "INV-"), open("acme", "b", "INV-")]).await;
    assert_eq!(statuses(&outcomes), ["applied", "rejected"]);
    assert_eq!(server.send_one(&open("acme", "c", "INV-2")).await["status"], "rejected");
    let single = json!({ "series": "d", "prefix": "INV-" });
    let response = server.write(Method::POST, "/invoice-series", "d", &single).send().await.unwrap();
    let problem = assert_problem(response, 422, "rule-violated").await;
    assert_eq!(
        (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
        (&json!("/prefix"), &json!("taken"))
    );
    let outcomes = server.send_as(&server.token("ben", "globex"), &[open("globex", "a", "INV-")]).await;
    assert_eq!(statuses(&outcomes), ["applied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn series_from_before_that_share_a_prefix_give_no_number_twice_however_many_issue_at_once() {
    let server = TestServer::start().await;
    // As they could be opened before prefixes were compared.
    let ana = member(&server.opened(), "acme").await;
    for (number, (code, next)) in (900..).zip([("old-1", 5), ("old-2", 3)]) {
        let key = RecordKey::new(RecordKind::new("invoice-series").unwrap(), RecordId::new(code).unwrap());
        let data = json!({ "prefix": "INV-", "digits": 4, "nextNumber": next });
        server.store.run(put_at(&ana, number, key, Some(data))).await.unwrap();
    }
    let mut batches = Vec::new();
    for sender in 0..SENDERS {
        let mut batch = Vec::new();
        for number in 0..4 {
            let id = format!("i{sender}-{number}");
            batch.push(server.command("INVOICE_DRAFT_CREATE_V1", draft(&id)));
            let series = format!("old-{}", 1 + (sender + number) % 2);
            let payload = json!({ "invoiceId": id, "series": series, "issuedOn": "2026-11-22" });
            let mut issue = server.command("INVOICE_ISSUE_V1", payload);
            issue["expected"] = json!({ "version": 1 });
            batch.push(issue);
        }
        batches.push(batch);
    }
    let outcomes = send_all_at_once(&server, &batches).await.concat();
    let given: BTreeSet<_> = outcomes
        .iter()
        .filter_map(|outcome| outcome["result"]["number"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(given, (5..37).map(|number| format!("INV-{number:04}")).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_and_payments_come_to_their_sums_however_many_book_at_once() {
    let server = TestServer::start().await;
    let line = json!({ "productId": "p1", "description": "Lamp", "quantity": 1, "unitPriceMinor": 780, "taxRateBp": 0 });
    let order = json!({ "orderId": "o1", "customerId": "c1", "currency": "EUR", "lines": [line] });
    let product =
        json!({ "productId": "p1", "sku": "L", "name": "Lamp", "unit": "piece", "taxRateBp": 1900 });
    let mut confirm = server.command("SALES_ORDER_CONFIRM_V1", json!({ "orderId": "o1" }));
    confirm["expected"] = json!({ "version": 1 });
    let made = server
        .send(&[
            server.command("CUSTOMER_CREATE_V1", json!({ "customerId": "c1", "name": "Globex" })),
            server.command("PRODUCT_CREATE_V1", product),
            server.command("SALES_ORDER_CREATE_V1", order),
            confirm,
        ])
        .await;
    assert_eq!(statuses(&made), ["applied"; 4]);
    // 1 + 2 + ... + 39 is 780: all payments together are the order's total.
    let amounts: Vec<i64> = (1..=39).collect();
    let batches: Vec<Vec<Value>> = (0..SENDERS)
        .map(|sender| {
            let own = amounts.iter().skip(sender).step_by(SENDERS);
            own.flat_map(|amount| {
                let payment = json!({
                    "paymentId": format!("y{amount}"), "orderId": "o1", "amountMinor": amount, "currency": "EUR",
                    "method": "cash", "paidOn": "2026-11-22",
                });
                let movement = json!({
                    "movementId": format!("m{amount}"), "productId": "p1", "location": "shop", "delta": -amount,
                    "reason": "sale",
                });
                [server.command("PAYMENT_RECORD_V1", payment), server.command("INVENTORY_ADJUST_V1", movement)]
            })
            .collect()
        })
        .collect();
    for round in ["first", "replayed"] {
        for outcomes in send_all_at_once(&server, &batches).await {
            assert!(outcomes.iter().all(|outcome| outcome["status"] == "applied"), "{round}");
        }
        let order = data(&server, "sales-order", "o1").await;
        assert_eq!((&order["paidMinor"], &order["state"]), (&json!(780), &json!("paid")), "{round}");
        assert_eq!(data(&server, "stock", "shop:p1").await["quantity"], -780, "{round}");
    }
}
