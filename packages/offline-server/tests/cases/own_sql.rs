//! Commands with SQL of their own: the host's tables, the records and the receipt change together or not at all. The host is the example `tickets`.

#[path = "../../examples/tickets/shop.rs"]
pub(crate) mod shop;

use std::{
    os::unix::process::ExitStatusExt as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::future::join_all;
use offline_domain::Rejection;
use offline_protocol::{Limits, Retention, UserId, WorkspaceId};
use offline_server::{Identity, KEY_WAIT, Server, SqlError, SqlHandlers, SystemClock, Tokens, submit};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    place::Place,
    support::{SECRET, TestServer, assert_problem, body, code, statuses},
};

/// A server of the shop, whose own SQL may be another one.
async fn server_with(sql: SqlHandlers) -> TestServer {
    let server = TestServer::adapted(async |server| {
        server.registry = shop::registry(erp::registry()).unwrap();
        server.sql = sql;
    })
    .await;
    server.place.execute(shop::SQLITE_TABLES, shop::POSTGRES_TABLES).await;
    server
}

pub(crate) async fn server() -> TestServer {
    server_with(shop::sql()).await
}

fn ticket(id: &str) -> Value {
    json!({ "ticketId": id, "show": "Hamlet" })
}

fn sell(server: &TestServer, id: &str, key: &str) -> RequestBuilder {
    server.write(Method::POST, "/tickets", key, &ticket(id))
}

/// Seats left, sales, receipts, records.
pub(crate) async fn books(place: &Place) -> (i64, i64, i64, i64) {
    let left = place.number("SELECT seats_left FROM show WHERE name = 'Hamlet'").await;
    let sales = place.number("SELECT count(*) FROM sale").await;
    (left, sales, place.count("receipt").await, place.count("record").await)
}

#[tokio::test]
async fn own_sql_takes_effect_once_with_the_receipt() {
    let server = server().await;
    for replayed in [None, Some("true")] {
        let response = sell(&server, "t1", "k1").send().await.unwrap();
        let header = response.headers().get("idempotency-replayed").map(|value| value.to_str().unwrap());
        assert_eq!((response.status().as_u16(), header), (201, replayed));
        assert_eq!(body(response).await["result"], json!({ "seatsLeft": 2 }));
    }
    assert_eq!(books(&server.place).await, (2, 1, 1, 1));

    // In a batch, twice, beside commands without any.
    let sale = server.command("TICKET_SELL_V1", ticket("t2"));
    let batch = [server.create("e1"), sale.clone(), sale, server.create("e2")];
    let outcomes = server.send(&batch).await;
    assert_eq!(statuses(&outcomes), ["applied"; 4]);
    assert_eq!(
        (&outcomes[1]["result"], &outcomes[1]["replayed"]),
        (&json!({ "seatsLeft": 1 }), &json!(false))
    );
    assert_eq!(
        (&outcomes[2]["result"], &outcomes[2]["replayed"]),
        (&json!({ "seatsLeft": 1 }), &json!(true))
    );
    assert_eq!(books(&server.place).await, (1, 2, 4, 4));
}

#[tokio::test]
async fn what_own_sql_wrote_before_a_rule_refused_is_undone_and_the_refusal_stays() {
    let server = server().await;
    server.place.execute("UPDATE show SET seats_left = 0", "UPDATE show SET seats_left = 0").await;
    for replayed in [false, true] {
        let response = sell(&server, "t1", "k1").send().await.unwrap();
        assert_eq!(response.headers().contains_key("idempotency-replayed"), replayed);
        let problem = assert_problem(response, 422, "rule-violated").await;
        assert_eq!(problem["title"], "The show is sold out");
    }
    assert_eq!(books(&server.place).await, (0, 0, 1, 0));
    // In its batch it is in the way of what depends on it, and of nothing else.
    let sale = server.command("TICKET_SELL_V1", ticket("t2"));
    let mut after = server.create("e1");
    after["dependsOn"] = json!([sale["commandId"]]);
    let outcomes = server.send(&[sale, after, server.create("e2")]).await;
    assert_eq!(statuses(&outcomes), ["rejected", "held", "applied"]);
}

#[tokio::test]
async fn a_conflict_is_found_before_own_sql_runs() {
    let server = server().await;
    sell(&server, "t1", "k1").send().await.unwrap();
    assert_problem(sell(&server, "t1", "k2").send().await.unwrap(), 409, "already-exists").await;
    assert_eq!(books(&server.place).await, (2, 1, 2, 1));
}

/// Sells, and then fails in this way as long as `broken` says so.
fn failing(broken: &Arc<AtomicU32>, fail: fn() -> Result<Value, SqlError>) -> SqlHandlers {
    let (on_sqlite, on_postgres) = (Arc::clone(broken), Arc::clone(broken));
    let take = |broken: &AtomicU32| {
        broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    };
    SqlHandlers::new()
        .sqlite::<shop::TicketSell>(move |sql, _| {
            sql.execute("UPDATE show SET seats_left = seats_left - 1", [])?;
            if take(&on_sqlite) { fail() } else { Ok(Value::Null) }
        })
        .postgres::<shop::TicketSell>(move |sql, _| {
            let broken = take(&on_postgres);
            Box::pin(async move {
                sql.execute("UPDATE show SET seats_left = seats_left - 1", &[]).await?;
                if broken { fail() } else { Ok(Value::Null) }
            })
        })
}

#[tokio::test]
async fn own_sql_that_fails_or_panics_leaves_nothing_behind_and_the_same_key_may_come_again() {
    let ways: [fn() -> Result<Value, SqlError>; 2] =
        [|| Err(SqlError::Failed("the printer is on fire".into())), || panic!("a bug of the host's")];
    for way in ways {
        let broken = Arc::new(AtomicU32::new(2));
        let server = server_with(failing(&broken, way)).await;
        let problem = assert_problem(sell(&server, "t1", "k1").send().await.unwrap(), 500, "internal").await;
        assert!(!problem.to_string().contains("printer"), "says nothing of the cause");
        assert_eq!(books(&server.place).await, (3, 0, 0, 0));
        // What stands beside it in a batch goes on.
        let sale = server.command("TICKET_SELL_V1", ticket("t2"));
        let outcomes = server.send(&[server.create("e1"), sale, server.create("e2")]).await;
        assert_eq!(statuses(&outcomes), ["applied", "retry", "applied"]);
        assert_eq!(books(&server.place).await, (3, 0, 2, 2));
        assert_eq!(sell(&server, "t1", "k1").send().await.unwrap().status(), 201);
        assert_eq!(books(&server.place).await, (2, 0, 3, 3));
    }
}

#[tokio::test]
async fn when_the_receipt_cannot_be_stored_own_sql_has_not_happened() {
    let server = server().await;
    server
        .place
        .execute(
            "CREATE TRIGGER no_receipts BEFORE INSERT ON receipt BEGIN SELECT RAISE(ABORT, 'no'); END",
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'; \
             CREATE TRIGGER no_receipts BEFORE INSERT ON offline.receipt FOR EACH ROW EXECUTE FUNCTION no()",
        )
        .await;
    assert_problem(sell(&server, "t1", "k1").send().await.unwrap(), 500, "internal").await;
    assert_eq!(books(&server.place).await, (3, 0, 0, 0));
    server.place.execute("DROP TRIGGER no_receipts", "DROP TRIGGER no_receipts ON offline.receipt").await;
    let response = sell(&server, "t1", "k1").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().get("idempotency-replayed")), (201, None));
    assert_eq!(books(&server.place).await, (2, 1, 1, 1));
}

#[tokio::test]
async fn a_type_without_sql_for_this_database_is_never_applied() {
    let server =
        server_with(
            SqlHandlers::new()
                .sqlite::<shop::TicketSell>(|_, _| Err(Rejection::new("SQLite").into()))
                .postgres::<shop::TicketSell>(|_, _| {
                Box::pin(async { Err(Rejection::new("PostgreSQL").into()) })
            }),
        )
        .await;
    let problem = assert_problem(sell(&server, "t1", "k1").send().await.unwrap(), 422, "rule-violated").await;
    let other = if problem["title"] == "SQLite" {
        SqlHandlers::new().postgres::<shop::TicketSell>(|_, _| Box::pin(async { Ok(Value::Null) }))
    } else {
        SqlHandlers::new().sqlite::<shop::TicketSell>(|_, _| Ok(Value::Null))
    };
    let server = server_with(other).await;
    let outcome = server.send_one(&server.command("TICKET_SELL_V1", ticket("t1"))).await;
    assert_eq!((outcome["status"].as_str(), code(&outcome)), (Some("retry"), ""));
    assert_eq!(books(&server.place).await, (3, 0, 0, 0));
}

#[tokio::test]
async fn of_many_at_once_as_many_are_sold_as_there_are_seats() {
    let server = server().await;
    let sales = (0..24).map(|number| sell(&server, &format!("t{number}"), &format!("k{number}")).send());
    let expenses =
        (0..8).map(|number| server.post_expense(&format!("e{number}"), &format!("e-{number}")).send());
    let (sales, expenses) = tokio::join!(join_all(sales), join_all(expenses));
    let count = |status: u16| sales.iter().filter(|sale| sale.as_ref().unwrap().status() == status).count();
    assert_eq!((count(201), count(422)), (3, 21));
    assert!(expenses.iter().all(|expense| expense.as_ref().unwrap().status() == 201));
    assert_eq!(books(&server.place).await, (0, 3, 32, 11));
    assert_eq!(server.count("change").await, 11);
}

/// The variable that tells a copy of this test's process that it is to die, and where.
const VICTIM: &str = "OWN_SQL_VICTIM";

fn sale_of_the_victim() -> Value {
    json!({ "commands": [{
        "commandId": "01930000-0000-7000-8000-00000000dead", "workspaceId": "acme", "deviceId": "d1", "seq": 1,
        "type": "TICKET_SELL_V1", "payload": ticket("t1"), "idempotencyKey": "k1",
        "createdAt": "2026-11-22T17:59:00.000Z", "clientTraceId": "t",
    }] })
}

/// Sells, and is dead before the receipt.
async fn die(address: &str) {
    let opened = Place::open_at(address).await;
    let clock = Arc::new(SystemClock);
    let server = Server {
        store: opened.store,
        memberships: opened.members,
        registry: shop::registry(erp::registry()).unwrap(),
        sql: SqlHandlers::new()
            .sqlite::<shop::TicketSell>(|sql, _| {
                sql.execute("UPDATE show SET seats_left = seats_left - 1", [])?;
                std::process::abort()
            })
            .postgres::<shop::TicketSell>(|sql, _| {
                Box::pin(async move {
                    sql.execute("UPDATE show SET seats_left = seats_left - 1", &[]).await?;
                    std::process::abort()
                })
            }),
        tokens: Tokens::new(SECRET, clock.clone()),
        clock,
        limits: Limits::default(),
        retention: Retention::default(),
        key_wait: KEY_WAIT,
        rates: Default::default(),
        metrics: Default::default(),
        traces: Default::default(),
        live: None,
    };
    let identity =
        Identity { workspace_id: WorkspaceId::new("acme").unwrap(), user_id: UserId::new("ana").unwrap() };
    let answer = submit(&server, &identity, sale_of_the_victim().to_string().as_bytes()).await;
    unreachable!("the process is dead: {answer:?}");
}

#[tokio::test]
async fn killed_between_own_sql_and_receipt_neither_is_there() {
    if let Ok(address) = std::env::var(VICTIM) {
        return die(&address).await;
    }
    let server = server().await;
    let this = std::env::current_exe().unwrap();
    let mut victim = Command::new(this);
    victim.args(["--exact", "cases::own_sql::killed_between_own_sql_and_receipt_neither_is_there"]);
    let died = victim.env(VICTIM, server.place.address()).output().unwrap();
    assert_eq!(died.status.signal(), Some(6), "{}", String::from_utf8_lossy(&died.stdout));
    assert_eq!(books(&server.place).await, (3, 0, 0, 0));
    let token = server.token("ana", "acme");
    for replayed in [false, true] {
        let response = server.post(&token).body(sale_of_the_victim().to_string()).send().await.unwrap();
        let outcome = body(response).await["outcomes"][0].take();
        assert_eq!(
            (&outcome["status"], &outcome["replayed"]),
            (&json!("applied"), &json!(replayed)),
            "{outcome}"
        );
    }
    assert_eq!(books(&server.place).await, (2, 1, 1, 1));
}
