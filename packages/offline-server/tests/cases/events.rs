//! `GET /sync/events`: who listens learns that something changed, and nothing else.

use std::{sync::Arc, time::Duration};

use futures_util::future::{join, join_all};
use offline_protocol::{UserId, WorkspaceId};
use offline_server::{Server, StreamLimits};
use serde_json::json;

use super::{
    changes::follower,
    store::{member, put, write},
};
use crate::support::{EventStream, TestServer, assert_problem};

async fn with_limits(limits: StreamLimits) -> TestServer {
    TestServer::adapted(async |server: &mut Server| {
        server.live.as_mut().unwrap().streams = limits;
    })
    .await
}

#[tokio::test]
async fn a_stream_says_where_the_workspace_is_and_then_which_kinds_changed() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    server.send_one(&server.create("e1")).await;
    let mut stream = EventStream::resume(&server, &token, "", None).await;
    let ready = stream.next().await.unwrap();
    assert_eq!((ready.name.as_str(), &ready.data), ("ready", &json!({ "changeSeq": 1 })));
    server.send_one(&server.create("e2")).await;
    let changed = stream.next().await.unwrap();
    assert_eq!(
        (changed.name.as_str(), &changed.data),
        ("changed", &json!({ "kind": "expense", "changeSeq": 2 }))
    );
    let ana = member(&server.opened(), "acme").await;
    server.store.run(write(&ana, 1001, "a", json!(1))).await.unwrap();
    let changed = stream.next().await.unwrap();
    assert_eq!(changed.data, json!({ "kind": "note", "changeSeq": 3 }));
}

#[tokio::test]
async fn what_happens_in_another_workspace_is_not_heard() {
    let server = TestServer::start().await;
    let mut stream = EventStream::open(&server, &server.token("ana", "acme"), "").await;
    let mut theirs = server.create("secret");
    theirs["workspaceId"] = json!("globex");
    server.send_as(&server.token("cleo", "globex"), &[theirs]).await;
    server.send_one(&server.create("e1")).await;
    assert_eq!(stream.next().await.unwrap().data, json!({ "kind": "expense", "changeSeq": 1 }));
}

#[tokio::test]
async fn a_stream_of_some_kinds_hears_of_these() {
    let server = TestServer::start().await;
    let ana = member(&server.opened(), "acme").await;
    let mut stream = EventStream::open(&server, &server.token("ana", "acme"), "?kinds=other,note").await;
    for number in 1..=3 {
        server.send_one(&server.create(&format!("e{number}"))).await;
    }
    server.store.run(write(&ana, 1001, "a", json!(1))).await.unwrap();
    assert_eq!(stream.next().await.unwrap().data, json!({ "kind": "note", "changeSeq": 4 }));
}

#[tokio::test]
async fn a_stream_goes_on_behind_the_last_event_or_says_that_it_cannot() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let ana = member(&server.opened(), "acme").await;
    let mut stream = EventStream::resume(&server, &token, "", None).await;
    let ready = stream.next().await.unwrap();
    drop(stream);
    server.send(&[server.create("e1"), server.create("e2")]).await;
    server.store.run(write(&ana, 1001, "a", json!(1))).await.unwrap();
    server.send_one(&server.create("e3")).await;
    let events = async |query: &'static str, last: String| {
        let mut stream = EventStream::resume(&server, &token, query, Some(&last)).await;
        let mut events = Vec::new();
        loop {
            let event = stream.next().await.unwrap();
            events.push((event.name.clone(), event.data.clone(), event.id));
            if event.name == "ready" {
                return events;
            }
        }
    };
    let names = |events: &[(String, serde_json::Value, String)]| {
        events.iter().map(|(name, data, _)| (name.clone(), data.clone())).collect::<Vec<_>>()
    };
    let missed = events("", ready.id.clone()).await;
    let ready_at_4 = ("ready".to_owned(), json!({ "changeSeq": 4 }));
    let expense = ("changed".to_owned(), json!({ "kind": "expense", "changeSeq": 4 }));
    let note = ("changed".to_owned(), json!({ "kind": "note", "changeSeq": 3 }));
    assert_eq!(names(&missed), [note, expense.clone(), ready_at_4.clone()]);
    // In the middle of what was missed.
    assert_eq!(names(&events("", missed[0].2.clone()).await), [expense, ready_at_4.clone()]);
    assert_eq!(names(&events("", missed[2].2.clone()).await), std::slice::from_ref(&ready_at_4));
    // Unknown, of another selection of kinds, a cursor of the changes, of another life.
    let pull = [("pull".to_owned(), json!({ "changeSeq": 4 })), ready_at_4];
    let page: serde_json::Value = crate::support::body(server.get(&token, "/sync/changes").await).await;
    for last in ["", "x", "0", &"A".repeat(500), page["next"].as_str().unwrap()] {
        assert_eq!(names(&events("", last.to_owned()).await), pull, "{last}");
    }
    assert_eq!(names(&events("?kinds=note", ready.id.clone()).await), pull);
    let theirs =
        EventStream::resume(&server, &server.token("cleo", "globex"), "", None).await.next().await.unwrap();
    assert_eq!(names(&events("", theirs.id).await), pull);
    server.place.rotate_lineage().await;
    assert_eq!(names(&events("", ready.id.clone()).await), pull);
    // And the place of an event is no cursor.
    let as_cursor = server.get(&token, &format!("/sync/changes?since={}", ready.id)).await;
    assert_problem(as_cursor, 410, "cursor-expired").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_pulls_when_he_is_told_misses_nothing_of_eight_writers() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let ana = member(&server.opened(), "acme").await;
    let mut stream = EventStream::open(&server, &token, "").await;
    let mut follower = follower("limit=50");
    follower.catch_up(&server, &token).await;
    let writing = join_all((0..8_u128).map(|writer| {
        let (store, ana) = (Arc::clone(&server.store), ana.clone());
        async move {
            for number in 1..=30_u128 {
                let id = format!("n{writer}-{number}");
                store.run(put(&ana, writer * 1000 + number, &id, Some(json!(1)))).await.unwrap();
            }
        }
    }));
    let reading = async {
        while follower.records.len() < 240 {
            let told = stream.next().await.unwrap();
            follower.catch_up(&server, &token).await;
            assert!(follower.seen >= told.seq(), "what was told of has been committed");
        }
    };
    let both = tokio::time::timeout(Duration::from_secs(120), join(writing, reading)).await;
    assert!(both.is_ok(), "only {} of 240 have been told of", follower.records.len());
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_say_shows_that_it_is_there() {
    let server =
        with_limits(StreamLimits { heartbeat: Duration::from_millis(10), ..StreamLimits::default() }).await;
    let mut stream = EventStream::open(&server, &server.token("ana", "acme"), "").await;
    for _ in 0..3 {
        assert_eq!(stream.part().await.unwrap(), ":");
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_membership_and_with_the_token() {
    let soon = StreamLimits { recheck: Duration::from_millis(10), ..StreamLimits::default() };
    let server = with_limits(soon).await;
    let mut of_ana = EventStream::open(&server, &server.token("ana", "acme"), "").await;
    let mut of_ben = EventStream::open(&server, &server.token("ben", "acme"), "").await;
    let (acme, ana) = (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap());
    server.members.remove_member(&acme, &ana).await.unwrap();
    assert_eq!(of_ana.next().await, None);
    let outcomes = server.send_as(&server.token("ben", "acme"), &[server.create("e1")]).await;
    assert_eq!(outcomes[0]["status"], "applied");
    assert_eq!(of_ben.next().await.unwrap().name, "changed", "the others go on");
    server.advance(Duration::from_secs(3601));
    assert_eq!(of_ben.next().await, None);
}

#[tokio::test]
async fn the_end_of_the_server_ends_all_streams_and_no_new_one_begins() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(EventStream::open(&server, &token, "").await);
    }
    server.log.hub().close();
    for stream in &mut streams {
        assert_eq!(stream.next().await, None);
    }
    let refused = server.get(&token, "/sync/events").await;
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_problem(refused, 503, "shutting-down").await;
}

#[tokio::test]
async fn too_many_streams_are_refused_and_a_closed_one_makes_room() {
    let few = StreamLimits { per_user: 2, per_workspace: 3, total: 4, ..StreamLimits::default() };
    let server = with_limits(few).await;
    let (ana, ben) = (server.token("ana", "acme"), server.token("ben", "acme"));
    let (elsewhere, cleo) = (server.token("ben", "globex"), server.token("cleo", "globex"));
    let mut open = vec![
        EventStream::open(&server, &ana, "").await,
        EventStream::open(&server, &ana, "").await,
        EventStream::open(&server, &ben, "").await,
        EventStream::open(&server, &elsewhere, "").await,
    ];
    for (token, status) in [(&ana, 429), (&ben, 429), (&elsewhere, 503), (&cleo, 503)] {
        let refused = server.get(token, "/sync/events").await;
        assert_eq!(refused.headers()["retry-after"], "30");
        assert_problem(refused, status, "too-many-streams").await;
    }
    drop(open.remove(0));
    loop {
        // The server notices when it has seen the connection end.
        let response = server.get(&cleo, "/sync/events").await;
        if response.status() == 200 {
            break;
        }
        assert_eq!(response.status(), 503);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn streams_are_for_members_with_a_token_in_the_header() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    for query in ["", &format!("?access_token={token}"), &format!("?token={token}"), "?kinds=NO"] {
        let bare = server.client.get(format!("{}/sync/events{query}", server.url)).send().await.unwrap();
        assert_problem(bare, 401, "unauthorized").await;
    }
    let stranger = server.get(&server.token("mallory", "acme"), "/sync/events").await;
    assert_problem(stranger, 404, "workspace-not-found").await;
    for query in ["?kinds=", "?kinds=NO", "?kinds=a,,b", "?since=x", "?token=x", "?kinds=a&kinds=b"] {
        let response = server.get(&token, &format!("/sync/events{query}")).await;
        assert_problem(response, 400, "invalid-request").await;
    }
    let post =
        server.client.post(format!("{}/sync/events", server.url)).bearer_auth(&token).send().await.unwrap();
    assert_problem(post, 405, "method-not-allowed").await;
}
