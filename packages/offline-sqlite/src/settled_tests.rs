//! What becomes of flights whose commands stay where they are: what is remembered of them, what the journal says, and what it forgets.

use std::time::Duration;

use offline_conformance::samples::{applied, at, chained, commands, failed, id, seq, thing, version};
use offline_core::{
    Change, Counts, Durability, Fence, Flight, FlightId, JournalEntry, JournalQuery, LeaseStore,
    OutboxCommand, OutboxQuery, OutboxStore, Resolution, Resolve, Settlement, StoreError, Takeover,
};
use offline_protocol::{CommandId, Expected};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{
    SqliteStore,
    error::store_error,
    tests::{open, raw},
    writer::Access,
};

async fn fence(store: &SqliteStore) -> Fence {
    let lease = store.acquire("test", at(0), Duration::from_secs(30), Takeover::Always).await;
    lease.unwrap().unwrap().fence
}

async fn take_off(store: &SqliteStore, fence: Fence, flight: u64, ids: &[CommandId]) -> Vec<OutboxCommand> {
    let flight_id = FlightId(*id(flight).as_uuid());
    store.take_off(Flight { flight_id, fence, commands: ids.to_vec(), at: at(1) }).await.unwrap()
}

async fn settle(
    store: &SqliteStore,
    fence: Fence,
    flight: u64,
    changes: Vec<(CommandId, Change)>,
) -> Result<bool, StoreError> {
    let flight_id = FlightId(*id(flight).as_uuid());
    store.settle(Settlement { flight_id, fence, at: at(2), changes }).await
}

async fn list(store: &SqliteStore) -> Vec<OutboxCommand> {
    store.list(OutboxQuery::Seq { after: None, limit: 1000 }).await.unwrap()
}

async fn latest(store: &SqliteStore, limit: usize) -> Vec<JournalEntry> {
    store.journal(JournalQuery::Latest { limit }).await.unwrap()
}

fn ids<'c>(commands: impl IntoIterator<Item = &'c OutboxCommand>) -> Vec<CommandId> {
    commands.into_iter().map(|command| command.command_id).collect()
}

fn count(database: &Connection, table: &str) -> i64 {
    database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_another_store_has_changed_does_not_fly_as_it_was_read() {
    let folder = TempDir::new().unwrap();
    let (store, other) = (open(folder.path()), open(folder.path()));
    store.append(commands([1, 2, 3]), Durability::Strict).await.unwrap();
    let fence = fence(&store).await;
    take_off(&store, fence, 91, &[id(2)]).await;
    assert!(settle(&store, fence, 91, vec![(id(2), failed())]).await.unwrap());
    let before = list(&store).await;
    assert_eq!(before.len(), 3);

    let resolve = |command_id, resolution| other.resolve(Resolve { command_id, at: at(3), resolution });
    let discard = Resolution::Discard { also: Vec::new(), rebase: Vec::new() };
    assert!(resolve(id(1), discard).await.unwrap());
    let edited = Some((serde_json::json!({ "edited": true }).into(), vec![thing("edited")]));
    let idempotency_key = before[1].idempotency_key.clone();
    assert!(
        resolve(id(2), Resolution::Retry { idempotency_key, expected: None, edited: edited.clone() })
            .await
            .unwrap()
    );

    let flown = take_off(&store, fence, 92, &[id(1), id(2), id(3)]).await;
    assert_eq!(ids(&flown), [id(2), id(3)]);
    assert_eq!(Some((flown[0].payload.clone(), flown[0].touches.clone())), edited);
    assert!(settle(&store, fence, 92, vec![(id(3), applied(&[])), (id(2), failed())]).await.unwrap());
    assert_eq!(ids(&list(&other).await), [id(2)]);
    assert_eq!(Some((list(&other).await[0].payload.clone(), vec![thing("edited")])), edited);
}

#[tokio::test]
async fn what_was_looked_at_in_flight_does_not_fly_again_as_it_was() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.append(commands([1, 2]), Durability::Strict).await.unwrap();
    let fence = fence(&store).await;
    take_off(&store, fence, 91, &[id(1)]).await;
    assert_eq!(list(&store).await.len(), 2);
    assert!(settle(&store, fence, 91, vec![(id(1), failed())]).await.unwrap());
    assert_eq!(ids(&take_off(&store, fence, 92, &[id(1), id(2)]).await), [id(2)]);
}

#[tokio::test]
async fn a_settlement_that_failed_can_be_made_again() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.append(commands(1..=300), Durability::Strict).await.unwrap();
    let fence = fence(&store).await;
    let all = ids(&list(&store).await);
    let flown = take_off(&store, fence, 91, &all).await;
    let limit = |pages: i64| {
        store.queue().run(Access::Read, move |transaction| {
            let set = transaction.connection.pragma_update(None, "max_page_count", pages);
            set.map_err(store_error)
        })
    };
    limit(1).await.unwrap();
    let changes = || all.iter().map(|id| (*id, applied(&[("a", 1)]))).collect::<Vec<_>>();
    assert_eq!(settle(&store, fence, 91, changes()).await, Err(StoreError::Full));
    assert_eq!(store.counts().await.unwrap(), Counts { in_flight: 300, ..Counts::default() });
    limit(1_000_000).await.unwrap();
    assert!(settle(&store, fence, 91, changes()).await.unwrap());
    assert!(list(&store).await.is_empty());
    let journal = latest(&store, 1000).await;
    assert_eq!(journal.len(), 300);
    assert!(journal.iter().rev().zip(&flown).all(|(entry, flown)| entry.command.payload == flown.payload));
}

#[tokio::test]
async fn a_parked_command_at_the_head_hides_nothing_and_shows_nothing_that_was_settled() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let all = || vec![chained(1, &["a"], None), chained(2, &["b"], None), chained(3, &["a"], None)];
    store.append(all(), Durability::Strict).await.unwrap();
    let fence = fence(&store).await;
    take_off(&store, fence, 91, &[id(1), id(2), id(3)]).await;
    let changes =
        vec![(id(1), applied(&[("a", 1)])), (id(2), failed()), (id(3), applied(&[("a", 2), ("b", 7)]))];
    assert!(settle(&store, fence, 91, changes).await.unwrap());
    assert_eq!(ids(&list(&store).await), [id(2)]);
    let on = |name| store.list(OutboxQuery::Record(thing(name)));
    assert_eq!(
        (ids(&on("a").await.unwrap()), ids(&on("b").await.unwrap())),
        (vec![], vec![id(2)]),
        "a record that a settled command wrote is not its"
    );
    let new = vec![chained(4, &["a"], Some(Expected::Version(version(1)))), chained(5, &["b"], None)];
    let appended = store.append(new, Durability::Strict).await.unwrap();
    assert_eq!(
        appended.iter().map(|new| (new.seq, new.expected)).collect::<Vec<_>>(),
        [(seq(4), Some(Expected::After(id(3)))), (seq(5), Some(Expected::After(id(2))))]
    );
    let resolution = Resolution::Discard { also: vec![id(5)], rebase: Vec::new() };
    assert!(store.resolve(Resolve { command_id: id(2), at: at(3), resolution }).await.unwrap());
    drop(store);
    let store = open(folder.path());
    assert_eq!(ids(&list(&store).await), [id(4)]);
    assert!(store.list(OutboxQuery::Parked).await.unwrap().is_empty());
    let journal = latest(&store, 10).await;
    assert_eq!(ids(journal.iter().map(|entry| &entry.command)), [id(5), id(2), id(3), id(1)]);
}

#[tokio::test]
async fn what_the_journal_forgets_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.append(commands(1..=200), Durability::Strict).await.unwrap();
    let fence = fence(&store).await;
    let all = ids(&list(&store).await);
    take_off(&store, fence, 91, &all).await;
    let changes = all.iter().map(|id| (*id, applied(&[("written", 1)]))).collect();
    assert!(settle(&store, fence, 91, changes).await.unwrap());
    let database = raw(folder.path());
    assert_eq!((count(&database, "outbox"), count(&database, "touches")), (200, 400));

    assert_eq!(store.prune_journal(110).await.unwrap(), 90, "in the middle of a row");
    let journal = latest(&store, 1000).await;
    let kept: Vec<_> = all[90..].iter().rev().copied().collect();
    assert_eq!(ids(journal.iter().map(|entry| &entry.command)), kept);
    assert_eq!((count(&database, "outbox"), count(&database, "touches")), (110, 220));
    let known = store.append(commands([91, 90]), Durability::Strict).await.unwrap();
    assert_eq!(
        known.iter().map(|appended| (appended.seq, appended.duplicate)).collect::<Vec<_>>(),
        [(seq(91), true), (seq(201), false)]
    );
    assert_eq!(store.prune_journal(0).await.unwrap(), 110);
    let left = ["outbox", "touches", "settled"].map(|table| count(&database, table));
    assert_eq!(left, [1, 1, 0]);
    assert_eq!(ids(&list(&store).await), [id(90)]);
}

#[tokio::test]
async fn a_damaged_entry_of_the_first_schema_is_said_and_keeps_nothing_from_being_opened() {
    let folder = TempDir::new().unwrap();
    let database = raw(folder.path());
    database.execute_batch(include_str!("../golden/schema-1.sql")).unwrap();
    database.execute("UPDATE journal SET body = '{\"command' WHERE entry = 2", []).unwrap();
    let store = open(folder.path());
    let corrupt = Err(StoreError::Corrupt { what: "journal entry" });
    assert_eq!(store.journal(JournalQuery::Latest { limit: 10 }).await, corrupt);
    assert_eq!(store.journal(JournalQuery::Ids(vec![id(1)])).await.unwrap()[0].command.seq, seq(1));
    assert_eq!(ids(&list(&store).await), [3, 4, 5, 6].map(id));
    let again = store.append(commands([2]), Durability::Strict).await;
    assert_eq!(again, Err(StoreError::Corrupt { what: "journal entry" }));
    assert_eq!(store.append(commands([7]), Durability::Strict).await.unwrap()[0].seq, seq(7));
    assert_eq!(store.prune_journal(0).await.unwrap(), 2);
    assert!(latest(&store, 10).await.is_empty());
}

#[tokio::test]
async fn what_a_program_with_the_second_schema_left_is_all_there_and_goes_on() {
    goes_on(include_str!("../golden/schema-2.sql")).await;
}

#[tokio::test]
async fn what_a_program_with_the_third_schema_left_is_all_there_and_goes_on() {
    goes_on(include_str!("../golden/schema-3.sql")).await;
}

async fn goes_on(left: &str) {
    let folder = TempDir::new().unwrap();
    raw(folder.path()).execute_batch(left).unwrap();
    let store = open(folder.path());
    assert_eq!(store.counts().await.unwrap(), Counts { pending: 1, in_flight: 1, failed: 1, conflict: 1 });
    let journal = latest(&store, 10).await;
    assert_eq!(ids(journal.iter().map(|entry| &entry.command)), [3, 2, 1].map(id));
    assert_eq!(journal[1].settled_at, at(2));
    let all = list(&store).await;
    assert_eq!(ids(&all), [4, 5, 6, 7].map(id));
    assert!(all.iter().chain(journal.iter().map(|entry| &entry.command)).all(|kept| {
        kept.payload
            == serde_json::json!({ "amount": 9_007_199_254_740_991_u64, "name": "Grüße \u{0} 🧾" }).into()
    }));
    let fence = fence(&store).await;
    assert_eq!((fence, store.recover(fence).await.unwrap()), (Fence(2), vec![id(6)]));
    let new = vec![
        chained(8, &["a"], None),
        chained(9, &["c"], Some(Expected::After(id(1)))),
        chained(2, &["a"], None),
    ];
    let appended = store.append(new, Durability::Strict).await.unwrap();
    let appended: Vec<_> = appended.iter().map(|new| (new.seq, new.expected, new.duplicate)).collect();
    let after = |number| Some(Expected::After(id(number)));
    assert_eq!(appended, [(seq(8), after(5), false), (seq(9), after(2), false), (seq(2), None, true)]);
}
