//! What one server commits, the others' streams tell.

use std::time::Duration;

use offline_protocol::Limits;
use serde_json::json;

use crate::support::{EventStream, TestServer};

async fn another(server: &TestServer) -> TestServer {
    TestServer::over(server.place.clone(), server.place.open().await, |store| store, Limits::default()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_on_one_server_is_told_by_the_others() {
    let one = TestServer::start().await;
    let other = another(&one).await;
    let token = one.token("ana", "acme");
    let mut streams =
        [EventStream::open(&one, &token, "").await, EventStream::open(&other, &token, "").await];
    for (number, server) in [(1, &one), (2, &other), (3, &one)] {
        server.send_one(&one.create(&format!("e{number}"))).await;
        for stream in &mut streams {
            assert_eq!(stream.next().await.unwrap().data, json!({ "kind": "expense", "changeSeq": number }));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_while_nobody_heard_is_told_all_the_same() {
    let one = TestServer::start().await;
    let other = another(&one).await;
    let token = one.token("ana", "acme");
    let mut stream = EventStream::open(&other, &token, "").await;
    let admin = one.place.connect().await;
    for number in 1..=3 {
        // Both servers' connections for notices, whatever they have said last.
        let end = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = current_database() \
            AND (query LIKE 'SET ROLE offline_app; SET statement_timeout%LISTEN%' OR query LIKE '%pg_notify%') \
            AND pid <> pg_backend_pid()";
        let ended: i64 = admin.query_one(end, &[]).await.unwrap().get(0);
        assert!(ended > 0, "there was one to end");
        one.send_one(&one.create(&format!("e{number}"))).await;
        let told = tokio::time::timeout(Duration::from_secs(60), stream.next()).await;
        assert_eq!(told.unwrap().unwrap().data, json!({ "kind": "expense", "changeSeq": number }));
    }
}

#[tokio::test]
async fn a_notice_that_means_nothing_does_nothing() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(&server, &server.token("ana", "acme"), "").await;
    let admin = server.place.connect().await;
    for notice in [
        "",
        "acme",
        "acme x",
        "acme -1",
        "NO 7",
        "acme 99999999999999999999",
        "acme 9007199254740991",
        "globex 1",
    ] {
        admin.execute("SELECT pg_notify('offline_changes', $1)", &[&notice]).await.unwrap();
    }
    server.send_one(&server.create("e1")).await;
    assert_eq!(stream.next().await.unwrap().data, json!({ "kind": "expense", "changeSeq": 1 }));
}
