//! `GET /sync/changes`: what changed since a cursor, completely, in order, and to nobody else.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::{join, join_all};
use offline_protocol::{ChangesPage, Limits, Timestamp};
use serde_json::{Value, json};

use super::store::{member, put, write};
use crate::{
    place::Place,
    support::{START, TestServer, assert_problem, body},
};

/// What a client that follows the changes knows.
#[derive(Default)]
pub(crate) struct Follower {
    pub(crate) records: BTreeMap<(String, String), (u64, Value)>,
    /// What a snapshot under way has told of.
    told: Option<BTreeMap<(String, String), (u64, Value)>>,
    next: Option<String>,
    query: &'static str,
    /// The highest place that it has seen.
    pub(crate) seen: u64,
}

impl Follower {
    /// Gets a page and takes it up, as docs/protocol.md tells a client to. Returns whether there is more.
    async fn pull(&mut self, server: &TestServer, token: &str) -> bool {
        let since = self.next.as_ref().map_or_else(String::new, |next| format!("&since={next}"));
        let path = format!("/sync/changes?{}{since}", self.query);
        let response = server.get(token, &path).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        let page: ChangesPage = serde_json::from_value(body(response).await).unwrap();
        let places: Vec<_> = page.changes.iter().map(|change| change.change_seq).collect();
        assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
        if self.next.is_none() {
            self.told = Some(BTreeMap::new());
        }
        assert_eq!(page.snapshot, self.told.is_some());
        let records = self.told.as_mut().unwrap_or(&mut self.records);
        for change in page.changes {
            self.seen = self.seen.max(change.change_seq.get());
            let key = (change.kind.as_str().to_owned(), change.id.as_str().to_owned());
            match change.data {
                Some(data) => drop(records.insert(key, (change.version.get(), data))),
                None => drop(records.remove(&key)),
            }
        }
        if !page.more {
            self.records = self.told.take().unwrap_or_else(|| std::mem::take(&mut self.records));
        }
        self.next = Some(page.next.as_str().to_owned());
        page.more
    }

    pub(crate) async fn catch_up(&mut self, server: &TestServer, token: &str) {
        while self.pull(server, token).await {}
    }
}

pub(crate) fn follower(query: &'static str) -> Follower {
    Follower { query, ..Follower::default() }
}

/// The live notes of acme, by their pages.
async fn notes(server: &TestServer, token: &str) -> BTreeMap<(String, String), (u64, Value)> {
    let page: Value = body(server.get(token, "/workspaces/acme/records/note?limit=1000").await).await;
    assert!(page.get("next").is_none());
    let entry = |record: &Value| {
        let key = ("note".to_owned(), record["id"].as_str().unwrap().to_owned());
        (key, (record["version"].as_u64().unwrap(), record["data"].clone()))
    };
    page["records"].as_array().unwrap().iter().map(entry).collect()
}

#[tokio::test]
async fn a_snapshot_joins_the_log_without_a_gap_though_writes_come_between_all_its_pages() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let ana = member(&server.opened(), "acme").await;
    let mut command = 0;
    let mut change = async |id: String, data: Option<Value>| {
        command += 1;
        server.store.run(put(&ana, command, &id, data)).await.unwrap();
    };
    for number in 0..40 {
        change(format!("n{number:02}"), Some(json!({ "first": number }))).await;
    }
    // Deleted before the snapshot begins: it says nothing of it.
    change("n39".into(), None).await;
    let mut follower = follower("limit=5");
    let mut pages = 0;
    while follower.pull(&server, &token).await {
        pages += 1;
        assert!(pages < 60, "the snapshot gets to an end");
        if pages <= 8 {
            // What has been told and what has not: changed, deleted, made and made again.
            change(format!("n{:02}", pages * 4), Some(json!({ "page": pages }))).await;
            change(format!("n{:02}", 38 - pages), Some(json!({ "page": pages }))).await;
            change(format!("n{:02}", pages), None).await;
            change(format!("n{:02}", 30 - pages), None).await;
            change(format!("new{pages}"), Some(json!({ "page": pages }))).await;
            if pages % 2 == 0 {
                change(format!("n{:02}", pages), Some(json!({ "again": pages }))).await;
            }
        }
    }
    assert!(pages > 8, "{pages} pages had writes between them");
    assert_eq!(follower.records, notes(&server, &token).await);
    change("after".into(), Some(json!(1))).await;
    change("n38".into(), None).await;
    follower.catch_up(&server, &token).await;
    assert_eq!(follower.records, notes(&server, &token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_beside_eight_writers_misses_nothing() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let ana = member(&server.opened(), "acme").await;
    let writers = join_all((0..8_u128).map(|writer| {
        let (store, ana) = (Arc::clone(&server.store), ana.clone());
        async move {
            for number in 1..=40_u128 {
                let id = format!("n{}", (writer * 7 + number) % 50);
                let data = (number % 5 > 0)
                    .then(|| json!([u64::try_from(writer).unwrap(), u64::try_from(number).unwrap()]));
                store.run(put(&ana, writer * 1000 + number, &id, data)).await.unwrap();
            }
        }
    }));
    let mut follower = follower("limit=7");
    let done = std::sync::atomic::AtomicBool::new(false);
    let reading = async {
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            follower.pull(&server, &token).await;
        }
        follower.catch_up(&server, &token).await;
    };
    let writing = async {
        writers.await;
        done.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    join(writing, reading).await;
    assert_eq!(server.count("change").await, 320);
    assert_eq!(follower.records, notes(&server, &token).await);
}

#[tokio::test]
async fn a_delta_tells_of_each_changed_record_once_and_of_nothing_when_there_is_nothing() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let get = async |query: &str| -> Value {
        body(server.get(&token, &format!("/sync/changes{query}")).await).await
    };
    let empty = get("").await;
    assert_eq!(
        (&empty["changes"], &empty["snapshot"], &empty["more"]),
        (&json!([]), &json!(true), &json!(false))
    );
    server.send(&[server.create("e1"), server.create("e2")]).await;
    for _ in 0..3 {
        server
            .send_one(
                &server.update("e1", json!({ "version": server.expense("e1").await.unwrap()["version"] })),
            )
            .await;
    }
    let delta = get(&format!("?since={}", empty["next"].as_str().unwrap())).await;
    let told: Vec<_> = delta["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (
                change["id"].as_str().unwrap(),
                change["version"].as_u64().unwrap(),
                change["changeSeq"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("e2", 1, 2), ("e1", 4, 5)]);
    let change = &delta["changes"][1];
    assert_eq!(
        (&change["kind"], &change["deleted"], &change["updatedBy"]),
        (&json!("expense"), &json!(false), &json!("ana"))
    );
    assert_eq!(change["data"], server.expense("e1").await.unwrap()["data"]);
    assert_eq!((&delta["snapshot"], &delta["more"]), (&json!(false), &json!(false)));
    let nothing = get(&format!("?since={}", delta["next"].as_str().unwrap())).await;
    assert_eq!(nothing["changes"], json!([]));
    // The same cursor again: the same answer. What a client did not take up is not lost.
    let again = get(&format!("?since={}", empty["next"].as_str().unwrap())).await;
    assert_eq!(again["changes"], delta["changes"]);
}

#[tokio::test]
async fn a_deleted_record_is_told_of_without_its_content() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let ana = member(&server.opened(), "acme").await;
    server.store.run(write(&ana, 1, "a", json!({ "text": "secret" }))).await.unwrap();
    let first: Value = body(server.get(&token, "/sync/changes").await).await;
    server.store.run(put(&ana, 2, "a", None)).await.unwrap();
    let path = format!("/sync/changes?since={}", first["next"].as_str().unwrap());
    let delta: Value = body(server.get(&token, &path).await).await;
    assert_eq!(
        delta["changes"],
        json!([{ "kind": "note", "id": "a", "version": 2, "changeSeq": 2, "deleted": true, "updatedBy": "ana",
            "updatedAt": "2026-11-22T18:00:00.000Z" }])
    );
    let fresh: Value = body(server.get(&token, "/sync/changes").await).await;
    assert_eq!(fresh["changes"], json!([]), "a snapshot holds what there is");
}

#[tokio::test]
async fn kinds_narrow_what_is_told_and_the_cursor_belongs_to_them() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let ana = member(&server.opened(), "acme").await;
    let mut expenses = follower("kinds=expense&limit=2");
    let mut both = follower("limit=3&kinds=note,expense");
    for number in 0..6 {
        server.store.run(write(&ana, 100 + number, &format!("n{number}"), json!(1))).await.unwrap();
        server.send_one(&server.create(&format!("e{number}"))).await;
    }
    expenses.catch_up(&server, &token).await;
    both.catch_up(&server, &token).await;
    let kinds =
        |follower: &Follower| follower.records.keys().map(|(kind, _)| kind.clone()).collect::<Vec<_>>();
    assert_eq!((kinds(&expenses), kinds(&both).len()), (vec!["expense".to_owned(); 6], 12));
    // In another order, and twice, it is the same selection.
    both.query = "kinds=expense,note,note";
    assert!(!both.pull(&server, &token).await);
    for other in ["kinds=note", "kinds=expense,note", ""] {
        let path =
            format!("/sync/changes?{other}&since={}", expenses.next.as_ref().unwrap()).replace("?&", "?");
        let problem = assert_problem(server.get(&token, &path).await, 410, "cursor-expired").await;
        assert_eq!(problem["resnapshot"], true);
    }
    let none: Value = body(server.get(&token, "/sync/changes?kinds=nothing-of-the-kind").await).await;
    assert_eq!(none["changes"], json!([]));
}

#[tokio::test]
async fn row_34_a_cursor_that_is_unknown_foreign_or_of_another_life_is_answered_with_resnapshot() {
    let server = TestServer::start().await;
    let (ana, ben) = (server.token("ana", "acme"), server.token("ben", "globex"));
    server.send(&[server.create("e1"), server.create("e2"), server.create("e3")]).await;
    let page: Value = body(server.get(&ana, "/sync/changes?limit=1").await).await;
    let within = page["next"].as_str().unwrap().to_owned();
    let page: Value = body(server.get(&ana, "/sync/changes").await).await;
    let cursor = page["next"].as_str().unwrap().to_owned();
    let refused = async |token: &str, since: &str| {
        let response = server.get(token, &format!("/sync/changes?since={since}")).await;
        let problem = assert_problem(response, 410, "cursor-expired").await;
        assert_eq!(problem["resnapshot"], true);
        assert!(problem.get("detail").is_none(), "it does not say which of the reasons it was");
    };
    let flipped = if cursor.ends_with('A') { "B" } else { "A" };
    for since in ["", "0", "1", "x", "%00", "%C3%A4", "null", "../..", &"A".repeat(66), &"A".repeat(4000)] {
        refused(&ana, since).await;
    }
    refused(&ana, &format!("{}{flipped}", &cursor[..cursor.len() - 1])).await;
    // Another workspace's, of a workspace that has as many changes.
    refused(&ben, &cursor).await;
    refused(&ben, &within).await;
    // Of another user of the same workspace: it leads to the same place.
    let token = server.token("ben", "acme");
    assert_eq!(server.get(&token, &format!("/sync/changes?since={cursor}")).await.status(), 200);
    server.place.rotate_lineage().await;
    refused(&ana, &cursor).await;
    refused(&ana, &within).await;
    let page: Value = body(server.get(&ana, "/sync/changes").await).await;
    assert_eq!(page["changes"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn row_34_a_client_behind_the_log_begins_anew_and_what_was_deleted_stays_deleted() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let ana = member(&server.opened(), "acme").await;
    let run = async |number, id: &str, data| server.store.run(put(&ana, number, id, data)).await.unwrap();
    run(1, "gone", Some(json!(1))).await;
    run(2, "stays", Some(json!(1))).await;
    let (mut late, mut slow) = (follower("limit=1"), follower("limit=1"));
    late.catch_up(&server, &token).await;
    slow.pull(&server, &token).await;
    run(3, "gone", None).await;
    let mut current = follower("");
    current.catch_up(&server, &token).await;
    assert_eq!(late.records.len(), 2);

    let prune = async |millis| server.log.prune_log(Timestamp::from_millis(millis)).await.unwrap();
    prune(START).await;
    assert_eq!(server.count("change").await, 3, "nothing is older than that");
    prune(START + 1).await;
    assert_eq!(server.count("change").await, 0);
    for behind in [&late, &slow] {
        let path = format!("/sync/changes?limit=1&since={}", behind.next.as_ref().unwrap());
        assert_problem(server.get(&token, &path).await, 410, "cursor-expired").await;
    }
    late.next = None;
    late.catch_up(&server, &token).await;
    assert_eq!(late.records, notes(&server, &token).await);
    // Whoever was up to date goes on, and the order goes on where it was.
    run(4, "stays", Some(json!(2))).await;
    current.catch_up(&server, &token).await;
    assert_eq!(current.records, notes(&server, &token).await);
    assert_eq!(current.records[&("note".into(), "stays".into())].0, 2);
    // A record that was deleted before is remembered as one.
    run(5, "gone", Some(json!(3))).await;
    late.catch_up(&server, &token).await;
    assert_eq!(late.records[&("note".into(), "gone".into())].0, 3);
}

#[tokio::test]
async fn the_log_of_every_workspace_keeps_what_is_young() {
    let place = Place::new().await;
    let opened = place.open().await;
    for workspace in ["acme", "globex"] {
        let ana = member(&opened, workspace).await;
        for number in 1..=3 {
            opened.store.run(write(&ana, number, "a", json!(1))).await.unwrap();
        }
    }
    opened.log.prune_log(Timestamp::from_millis(START - 1)).await.unwrap();
    assert_eq!(place.count("change").await, 6);
    opened.log.prune_log(Timestamp::from_millis(START + 1)).await.unwrap();
    opened.log.prune_log(Timestamp::from_millis(START + 1)).await.unwrap();
    assert_eq!((place.count("change").await, place.count("record").await), (0, 2));
}

#[tokio::test]
async fn servers_over_one_database_read_each_others_cursors() {
    let one = TestServer::start().await;
    let other =
        TestServer::over(one.place.clone(), one.place.open().await, |store| store, Limits::default()).await;
    let token = one.token("ana", "acme");
    let creates: Vec<_> = (0..9).map(|number| one.create(&format!("e{number}"))).collect();
    one.send(&creates).await;
    let mut follower = follower("limit=2");
    for turn in 0.. {
        let server = if turn % 2 == 0 { &one } else { &other };
        if !follower.pull(server, &token).await {
            break;
        }
    }
    assert_eq!(follower.records.len(), 9);
}

#[tokio::test]
async fn a_page_ends_with_its_limit_or_when_it_becomes_large() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    let ana = member(&server.opened(), "acme").await;
    let large = json!("x".repeat(1_500_000));
    for number in 1..=7 {
        server.store.run(write(&ana, number, &format!("n{number}"), large.clone())).await.unwrap();
    }
    let mut sizes = Vec::new();
    let mut since = String::new();
    loop {
        let page: Value = body(server.get(&token, &format!("/sync/changes?limit=1000{since}")).await).await;
        sizes.push(page["changes"].as_array().unwrap().len());
        since = format!("&since={}", page["next"].as_str().unwrap());
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(sizes, [3, 3, 1], "of 4 MiB and what was begun");
    for (limit, records) in [("1", 1), ("6", 6), ("7", 7), ("4294967295", 7)] {
        let found = server.get(&token, &format!("/sync/changes?limit={limit}")).await;
        let page: Value = body(found).await;
        assert_eq!(page["changes"].as_array().unwrap().len(), records.min(3));
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_with_a_word_about_it() {
    let server = TestServer::start().await;
    let token = server.token("ana", "acme");
    for query in [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=",
        "limit=1.5",
        "limit=99999999999999999999",
        "limit=1&limit=2",
        "kinds=",
        "kinds=,",
        "kinds=a,,b",
        "kinds=NO",
        "kinds=a%20b",
        "kinds=%00",
        "kinds=a&kinds=b",
        "kind=expense",
        "token=x",
        "since=a&since=b",
        "workspaceId=globex",
        "%ff=1",
    ] {
        let response = server.get(&token, &format!("/sync/changes?{query}")).await;
        assert_eq!(response.status(), 400, "{query}");
        let problem = assert_problem(response, 400, "invalid-request").await;
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{query}");
    }
    let many: Vec<_> = (0..65).map(|number| format!("k{number}")).collect();
    let path = format!("/sync/changes?kinds={}", many.join(","));
    assert_problem(server.get(&token, &path).await, 400, "invalid-request").await;
    let post =
        server.client.post(format!("{}/sync/changes", server.url)).bearer_auth(&token).send().await.unwrap();
    assert_problem(post, 405, "method-not-allowed").await;
}

#[tokio::test]
async fn changes_are_told_to_members_of_the_workspace_alone() {
    let server = TestServer::start().await;
    server.send_one(&server.create("e1")).await;
    let bare = server.client.get(format!("{}/sync/changes?limit=x", server.url)).send().await.unwrap();
    assert_problem(bare, 401, "unauthorized").await;
    let token = server.token("ana", "acme");
    let in_url =
        server.client.get(format!("{}/sync/changes?access_token={token}", server.url)).send().await.unwrap();
    assert_problem(in_url, 401, "unauthorized").await;
    let stranger = server.token("mallory", "acme");
    assert_problem(server.get(&stranger, "/sync/changes").await, 404, "workspace-not-found").await;
    let globex: Value = body(server.get(&server.token("cleo", "globex"), "/sync/changes").await).await;
    assert_eq!(globex["changes"], json!([]));
    let answer = server.get(&token, "/sync/changes").await;
    assert_eq!(
        (&answer.headers()["cache-control"], &answer.headers()["content-type"]),
        (&"no-store".parse().unwrap(), &"application/json".parse().unwrap())
    );
    let page: Value = body(answer).await;
    assert_eq!(page["changes"].as_array().unwrap().len(), 1);
    let (acme, ana) = ("acme", "ana");
    let acme = offline_protocol::WorkspaceId::new(acme).unwrap();
    server.members.remove_member(&acme, &offline_protocol::UserId::new(ana).unwrap()).await.unwrap();
    let path = format!("/sync/changes?since={}", page["next"].as_str().unwrap());
    assert_problem(server.get(&token, &path).await, 404, "workspace-not-found").await;
}
