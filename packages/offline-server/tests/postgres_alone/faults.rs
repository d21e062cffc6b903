//! Broken connections, lost answers, collisions: row by row of the decision table, and nothing is lost or done twice.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use futures_util::future::join_all;
use offline_protocol::Limits;
use offline_server::{PostgresStore, StoreError};
use serde_json::{Value, json};

use crate::{
    cases::own_sql,
    place::Place,
    support::{Opened, TestServer, assert_problem, statuses},
};

use super::proxy::Proxy;

async fn server_behind(proxy: &Proxy, place: Place) -> TestServer {
    let store = Arc::new(PostgresStore::open(&proxy.url).await.unwrap());
    let opened = Opened { store: store.clone(), members: store.clone(), log: store };
    TestServer::over(place, opened, |store| store, Limits::default()).await
}

#[tokio::test]
async fn row_17_when_the_answer_to_a_commit_is_lost_the_server_asks_again_itself() {
    let place = Place::new().await;
    let proxy = Proxy::start(Place::socket(), &place.database).await;
    let server = server_behind(&proxy, place).await;
    proxy.lose_the_next_commit();
    let outcome = server.send_one(&server.create("e1")).await;
    assert!(proxy.has_lost_a_commit());
    assert_eq!(
        (outcome["status"].as_str(), &outcome["replayed"]),
        (Some("applied"), &json!(true)),
        "it found its own receipt"
    );
    assert_eq!((server.count("receipt").await, server.count("change").await), (1, 1));
}

#[tokio::test]
async fn row_17_when_it_cannot_ask_the_outcome_is_unknown_and_a_retry_finds_out() {
    let place = Place::new().await;
    let proxy = Proxy::start(Place::socket(), &place.database).await;
    let server = server_behind(&proxy, place).await;
    proxy.lose_the_next_commit_and_close();
    let create = server.create("e1");
    let token = server.token("ana", "acme");
    let batch = json!({ "commands": [create] }).to_string();
    let response = server.post(&token).body(batch.clone()).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1");
    assert_problem(response, 503, "outcome-unknown").await;
    assert_eq!((server.count("receipt").await, server.count("change").await), (1, 1), "the database decided");
    proxy.open();
    let outcome = server.send_one(&create).await;
    assert_eq!((outcome["status"].as_str(), &outcome["replayed"]), (Some("applied"), &json!(true)));
    assert_eq!((server.count("receipt").await, server.count("change").await), (1, 1));
}

#[tokio::test]
async fn row_31_without_a_database_the_answer_is_503_and_all_is_well_when_it_is_back() {
    let place = Place::new().await;
    let proxy = Proxy::start(Place::socket(), &place.database).await;
    let server = server_behind(&proxy, place).await;
    server.send_one(&server.create("e1")).await;
    proxy.close();
    let token = server.token("ana", "acme");
    let batch = json!({ "commands": [server.create("e2")] }).to_string();
    let response = server.post(&token).body(batch).send().await.unwrap();
    assert_problem(response, 503, "storage-unavailable").await;
    let read = server.get(&token, "/workspaces/acme/records/expense/e1").await;
    assert_problem(read, 503, "storage-unavailable").await;
    proxy.open();
    assert_eq!(server.send_one(&server.create("e2")).await["status"], "applied");
    assert_eq!(server.count("change").await, 2);
}

#[tokio::test]
async fn row_31_a_read_only_database_refuses_writes_and_reads_go_on() {
    let server = TestServer::start().await;
    server.send_one(&server.create("e1")).await;
    let admin = server.place.connect().await;
    let database = &server.place.database;
    let new_connections = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let read_only = format!("ALTER DATABASE {database} SET default_transaction_read_only = on");
    admin.batch_execute(&read_only).await.unwrap();
    admin.query_one(new_connections, &[]).await.unwrap();
    let token = server.token("ana", "acme");
    let create = server.create("e2");
    let batch = json!({ "commands": [create] }).to_string();
    let response = server.post(&token).body(batch).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    assert_problem(response, 503, "storage-unavailable").await;
    assert_eq!(server.expense("e1").await.unwrap()["version"], 1);
    admin
        .batch_execute(&format!("ALTER DATABASE {database} RESET default_transaction_read_only"))
        .await
        .unwrap();
    admin.query_one(new_connections, &[]).await.unwrap();
    assert_eq!(server.send_one(&create).await["status"], "applied");
    assert_eq!(server.count("change").await, 2);
}

/// Makes every insert of a record fail with this SQLSTATE, the first `times` times.
async fn fail_records(place: &Place, code: &str, times: u32) {
    let sql = format!(
        "CREATE SEQUENCE failures; GRANT USAGE ON SEQUENCE failures TO offline_app; \
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF nextval('failures') <= {times} THEN RAISE EXCEPTION 'private dinner' USING ERRCODE = '{code}'; END IF; \
           RETURN NEW; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON offline.record FOR EACH STATEMENT EXECUTE FUNCTION fail()"
    );
    place.connect().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn row_18_a_serialization_failure_is_tried_five_times() {
    for (failures, status) in [(4, 200), (5, 503)] {
        let server = TestServer::start().await;
        fail_records(&server.place, "40001", failures).await;
        let batch = json!({ "commands": [server.create("e1")] }).to_string();
        let response = server.post(&server.token("ana", "acme")).body(batch).send().await.unwrap();
        assert_eq!(response.status(), status);
        let stored = i64::from(status == 200);
        assert_eq!((server.count("receipt").await, server.count("change").await), (stored, stored));
    }
}

#[tokio::test]
async fn row_18_a_serialization_failure_of_a_commands_own_sql_is_tried_five_times_and_leaves_no_half() {
    for (failures, status) in [(4, 200), (5, 503)] {
        let server = own_sql::server().await;
        let refuse = format!(
            "CREATE SEQUENCE failures; GRANT USAGE ON SEQUENCE failures TO offline_app; \
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               IF nextval('failures') <= {failures} THEN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END IF; \
               RETURN NEW; END $$; \
             CREATE TRIGGER fail BEFORE INSERT ON sale FOR EACH STATEMENT EXECUTE FUNCTION fail()"
        );
        server.place.connect().await.batch_execute(&refuse).await.unwrap();
        let sale = server.command("TICKET_SELL_V1", json!({ "ticketId": "t1", "show": "Hamlet" }));
        let batch = json!({ "commands": [server.create("e1"), sale] }).to_string();
        let response = server.post(&server.token("ana", "acme")).body(batch).send().await.unwrap();
        assert_eq!(response.status(), status);
        let sold = i64::from(status == 200);
        let tried = server.place.number("SELECT last_value FROM failures").await;
        assert_eq!((own_sql::books(&server.place).await, tried), ((3 - sold, sold, 2 * sold, 2 * sold), 5));
    }
}

#[tokio::test]
async fn row_18_a_deadlock_with_somebody_else_ends_with_the_effect_once() {
    let server = TestServer::start().await;
    server.send_one(&server.create("e1")).await;
    let mut other = server.place.connect().await;
    let transaction = other.transaction().await.unwrap();
    // The other one writes less often than it looks whether to give up, so the store's transaction is the victim.
    transaction
        .batch_execute("SET LOCAL deadlock_timeout = '1h'; SELECT FROM offline.record FOR UPDATE")
        .await
        .unwrap();
    let update = server.update("e1", json!({ "version": 1 }));
    let sent = server.send_one(&update);
    let collide = async {
        let watching = server.place.connect().await;
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while watching.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {}
        transaction.batch_execute("SELECT FROM offline.workspace FOR UPDATE").await.unwrap();
        transaction.rollback().await.unwrap();
    };
    let (outcome, ()) = futures_util::join!(sent, collide);
    assert_eq!(
        (outcome["status"].as_str(), &outcome["versions"][0]["version"]),
        (Some("applied"), &json!(2))
    );
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let admin = server.place.connect().await;
    // The statistics arrive a moment after what they count.
    while admin.query_one(deadlocks, &[]).await.unwrap().get::<_, i64>(0) == 0 {}
    assert_eq!((server.count("receipt").await, server.count("change").await), (2, 2));
}

#[tokio::test]
async fn one_batch_that_the_database_refuses_takes_no_other_with_it_and_its_rows_are_not_told() {
    let place = Place::new().await;
    let opened = place.open().await;
    let server = TestServer::over(place, opened, |store| store, Limits::default()).await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF NEW.data LIKE '%dinner%' THEN RAISE EXCEPTION 'not this: %', NEW.data; END IF; RETURN NEW; END $$; \
        CREATE TRIGGER refuse BEFORE INSERT ON offline.record FOR EACH ROW EXECUTE FUNCTION refuse()";
    server.place.connect().await.batch_execute(refuse).await.unwrap();
    let token = server.token("ana", "acme");
    let statuses = join_all((0..12).map(|number| {
        let mut create = server.create(&format!("e{number}"));
        if number == 5 {
            create["payload"]["description"] = json!("a private dinner");
        }
        let post = server.post(&token).body(json!({ "commands": [create] }).to_string());
        async move {
            let response = post.send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        }
    }))
    .await;
    for (number, (status, text)) in statuses.into_iter().enumerate() {
        assert_eq!(status, if number == 5 { 500 } else { 200 });
        assert!(!text.contains("dinner"), "{text}");
    }
    assert_eq!(server.count("change").await, 11);
}

#[tokio::test]
async fn an_error_of_the_store_says_its_state_and_no_row() {
    let server = TestServer::start().await;
    fail_records(&server.place, "23514", 1).await;
    let error = PostgresStore::open("postgres://ana:hunter2@nowhere.invalid/x").await.err().unwrap();
    let mut text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert!(matches!(error, StoreError::Backend(_) | StoreError::Unavailable(_)));
    for address in ["", "mysql://x", "postgres://ana:hunter2@host/x?sslmode=require", "postgres://[hunter2"] {
        let error = PostgresStore::open(address).await.err().unwrap();
        text += &format!("{error}: {}", std::error::Error::source(&error).unwrap());
    }
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("TLS") && text.contains("postgres://user:password@host"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_connections_are_cut_every_command_takes_effect_exactly_once() {
    static CUTS: AtomicI64 = AtomicI64::new(0);
    static ANSWERED: AtomicI64 = AtomicI64::new(0);
    let server = TestServer::start().await;
    let admin = server.place.connect().await;
    let token = server.token("ana", "acme");
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE pid = (SELECT min(pid) FROM pg_stat_activity \
          WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL)";
    let send_until_answered = async |command: &Value| {
        let batch = json!({ "commands": [command] }).to_string();
        loop {
            let response = server.post(&token).body(batch.clone()).send().await.unwrap();
            if response.status() == 200 {
                let body = crate::support::body(response).await;
                return body["outcomes"].as_array().unwrap().clone();
            }
            assert_eq!(response.status(), 503);
        }
    };
    let clients = join_all((0..8).map(|client| {
        let send_until_answered = &send_until_answered;
        let server = &server;
        async move {
            for number in 0..20 {
                let create = server.create(&format!("e-{client}-{number}"));
                assert_eq!(statuses(&send_until_answered(&create).await), ["applied"]);
                ANSWERED.fetch_add(1, Ordering::Relaxed);
            }
        }
    }));
    let cutter = async {
        loop {
            let answered = ANSWERED.load(Ordering::Relaxed);
            let cuts = admin.query_one(cut, &[]).await.unwrap().get::<_, i64>(0);
            CUTS.fetch_add(cuts, Ordering::Relaxed);
            // One that cut whatever it saw would leave no transaction the time to end.
            while cuts > 0 && ANSWERED.load(Ordering::Relaxed) == answered {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::select! {
        _ = clients => {}
        () = cutter => {}
    }
    assert!(CUTS.load(Ordering::Relaxed) > 0, "nothing was cut");
    for table in ["receipt", "record", "change"] {
        assert_eq!(server.count(table).await, 160, "{table}");
    }
    let gaps = "SELECT max(seq) FROM offline.change";
    assert_eq!(admin.query_one(gaps, &[]).await.unwrap().get::<_, i64>(0), 160);
}
