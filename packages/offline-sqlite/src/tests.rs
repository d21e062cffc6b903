//! What SQLite alone can show: a full disk, a damaged row, an older and a newer schema, and a large outbox.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::join_all;
use offline_conformance::samples::{at, chained, command, commands, id, nasty_payload, seq, thing};
use offline_core::{
    Applied, Change, Counts, Durability, Fence, Flight, FlightId, JournalQuery, LeaseStore, OutboxCommand,
    OutboxQuery, OutboxStore, Settlement, StoreError, Takeover, Unsynced,
};
use offline_protocol::{ChangeSeq, DeviceId, Expected, UserId, WorkspaceId};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{SqliteStore, partition_file, writer::Access};

fn whose() -> (WorkspaceId, UserId) {
    (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap())
}

fn open_as(folder: &Path, device: &str) -> Result<SqliteStore, StoreError> {
    let (workspace, user) = whose();
    SqliteStore::open(folder, &workspace, &user, &DeviceId::new(device).unwrap())
}

pub(crate) fn open(folder: &Path) -> SqliteStore {
    open_as(folder, "device").unwrap()
}

/// The database without the store.
pub(crate) fn raw(folder: &Path) -> Connection {
    let (workspace, user) = whose();
    Connection::open(partition_file(folder, &workspace, &user)).unwrap()
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_half_written() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.append(commands([1, 2]), Durability::Strict).await.unwrap();
    let limit = |pages: i64| {
        store.queue().run(Access::Read, move |transaction| {
            transaction
                .connection
                .pragma_update(None, "max_page_count", pages)
                .map_err(crate::error::store_error)
        })
    };
    limit(1).await.unwrap();
    let large = |number| {
        let mut new = command(number);
        new.command.payload = nasty_payload().into();
        vec![command(number + 100), new]
    };
    // Several at once share a transaction; each is told of its own fate.
    let (failed, small) = tokio::join!(
        store.append(large(3), Durability::Strict),
        store.append(vec![command(4)], Durability::Strict),
    );
    assert!(matches!(failed, Err(StoreError::Full)), "{failed:?}");
    assert_eq!(small.unwrap()[0].seq, seq(3));
    assert_eq!(store.counts().await.unwrap().pending, 3);
    limit(1_000_000).await.unwrap();
    let appended = store.append(large(3), Durability::Strict).await.unwrap();
    assert_eq!(appended.iter().map(|appended| appended.seq.get()).collect::<Vec<_>>(), [4, 5]);
}

#[tokio::test]
async fn a_damaged_row_is_said_and_stays() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    store.append(commands([1, 2, 3]), Durability::Strict).await.unwrap();
    raw(folder.path()).execute("UPDATE outbox SET body = '{}' WHERE seq = 2", []).unwrap();
    let all = || store.list(OutboxQuery::Seq { after: None, limit: 10 });
    assert!(matches!(all().await, Err(StoreError::Corrupt { what: "command" })));
    assert_eq!(store.list(OutboxQuery::Ids(vec![id(1), id(3)])).await.unwrap().len(), 2);
    assert_eq!(store.append(commands([4]), Durability::Strict).await.unwrap()[0].seq, seq(4));
    let rows: i64 =
        raw(folder.path()).query_row("SELECT count(*) FROM outbox", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 4);
}

#[tokio::test]
async fn no_row_has_a_status_that_is_not_one_and_to_see_that_builds_no_table() {
    let folder = TempDir::new().unwrap();
    open(folder.path()).append(commands([1]), Durability::Strict).await.unwrap();
    let database = raw(folder.path());
    for status in ["FAILED", "CONFLICT", "PENDING"] {
        database.execute("UPDATE outbox SET status = ?1", [status]).unwrap();
    }
    for status in ["IN_FLIGHT", "SUCCEEDED", "pending", ""] {
        database.execute("UPDATE outbox SET status = ?1", [status]).unwrap_err();
    }
    let sql = "EXPLAIN INSERT INTO outbox (seq, command_id, status, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (command_id) DO NOTHING";
    let mut statement = database.prepare(sql).unwrap();
    let steps: Vec<String> =
        statement.query_map([(); 4].map(|()| 0), |row| row.get(1)).unwrap().map(Result::unwrap).collect();
    assert!(steps.iter().any(|step| step == "Insert") && !steps.iter().any(|step| step == "OpenEphemeral"));
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    open(folder.path()).append(commands([1]), Durability::Strict).await.unwrap();
    raw(folder.path()).pragma_update(None, "user_version", 99).unwrap();
    let refused = open_as(folder.path(), "device").map(drop);
    assert!(matches!(refused, Err(StoreError::TooNew { found: 99, known: 3 })), "{refused:?}");
    raw(folder.path()).pragma_update(None, "user_version", 3).unwrap();
    assert_eq!(open(folder.path()).counts().await.unwrap().pending, 1);
}

#[tokio::test]
async fn what_a_program_with_the_first_schema_left_is_all_there_and_goes_on() {
    let folder = TempDir::new().unwrap();
    raw(folder.path()).execute_batch(include_str!("../golden/schema-1.sql")).unwrap();
    let store = open(folder.path());
    assert_eq!(store.device_id().as_str(), "device-1");
    assert_eq!(store.counts().await.unwrap(), Counts { pending: 1, in_flight: 1, failed: 1, conflict: 1 });
    let journal = store.journal(JournalQuery::Latest { limit: 10 }).await.unwrap();
    assert_eq!(journal.iter().map(|entry| entry.command.command_id).collect::<Vec<_>>(), [id(2), id(1)]);
    // Whoever held the lease is gone; the next fence is greater than his, and what he had in a flight comes back.
    let lease =
        store.acquire("new", at(0), Duration::from_secs(30), Takeover::Always).await.unwrap().unwrap();
    assert_eq!(lease.fence, Fence(8));
    assert_eq!(store.recover(lease.fence).await.unwrap(), [id(6)]);
    let all = store.list(OutboxQuery::Seq { after: None, limit: 10 }).await.unwrap();
    assert_eq!(all.iter().map(|command| command.command_id).collect::<Vec<_>>(), [3, 4, 5, 6].map(id));
    assert!(all[1].last_error.is_some() && all[2].conflict.is_some());
    // An own command follows the latest one on its record, and one that was settled is known again.
    let appended = store.append(vec![chained(7, &["a"], None)], Durability::Strict).await.unwrap();
    assert_eq!((appended[0].seq, appended[0].expected), (seq(7), Some(Expected::After(id(5)))));
    assert!(store.append(commands([1]), Durability::Strict).await.unwrap()[0].duplicate);
}

#[tokio::test]
async fn a_hundred_thousand_commands_are_kept_found_and_settled_to_the_last() {
    let folder = TempDir::new().unwrap();
    fill(&open(folder.path()), 100_000).await;
    let store = open(folder.path());
    assert_eq!(store.counts().await.unwrap().pending, 100_000);
    let last = store.list(OutboxQuery::Ids(vec![id(99_999)])).await.unwrap();
    assert_eq!(last[0].seq, seq(100_000));
    let lease =
        store.acquire("drain", at(0), Duration::from_secs(30), Takeover::Always).await.unwrap().unwrap();
    let mut next = 1;
    loop {
        let due = store.list(OutboxQuery::Seq { after: None, limit: 10_000 }).await.unwrap();
        if due.is_empty() {
            break;
        }
        let flight_id = FlightId(*due[0].command_id.as_uuid());
        let ids: Vec<_> = due.iter().map(|command| command.command_id).collect();
        let flight = Flight { flight_id, fence: lease.fence, commands: ids, at: at(1) };
        let flown = store.take_off(flight).await.unwrap();
        let applied = |command: &OutboxCommand| {
            assert_eq!(command.seq, seq(next), "in order, and none twice");
            next += 1;
            let applied = Applied {
                versions: Vec::new(),
                change_seq: ChangeSeq::new(command.seq.get()).unwrap(),
                replayed: false,
                attempts: 1,
            };
            (command.command_id, Change::Applied(applied))
        };
        let changes = flown.iter().map(applied).collect();
        let settlement = Settlement { flight_id, fence: lease.fence, at: at(2), changes };
        assert!(store.settle(settlement).await.unwrap());
    }
    assert_eq!((next, store.counts().await.unwrap()), (100_001, Counts::default()));
    assert_eq!(store.prune_journal(1000).await.unwrap(), 99_000);
    assert_eq!(store.journal(JournalQuery::Latest { limit: 1 }).await.unwrap()[0].command.seq, seq(100_000));
}

#[tokio::test]
async fn the_device_id_is_made_once_and_anew_after_a_wipe() {
    let folder = TempDir::new().unwrap();
    let first = open_as(folder.path(), "first").unwrap();
    assert_eq!(first.device_id().as_str(), "first");
    assert_eq!(open_as(folder.path(), "second").unwrap().device_id().as_str(), "first");
    first.wipe(Unsynced::Lose).await.unwrap();
    assert_eq!(open_as(folder.path(), "third").unwrap().device_id().as_str(), "third");
}

#[tokio::test]
async fn a_wipe_leaves_nothing_of_the_commands_in_the_folder() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let mut new = command(1);
    new.command.payload = serde_json::json!("a secret that nobody may find").into();
    store.append(vec![new], Durability::Strict).await.unwrap();
    let found = || {
        std::fs::read_dir(folder.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(8).any(|window| window == b"a secret")
        })
    };
    assert!(found());
    store.wipe(Unsynced::Lose).await.unwrap();
    assert!(!found());
}

#[tokio::test]
async fn a_file_of_another_partition_is_refused() {
    let folder = TempDir::new().unwrap();
    open(folder.path()).append(commands([1]), Durability::Strict).await.unwrap();
    raw(folder.path()).execute("UPDATE partition SET user_id = 'ben'", []).unwrap();
    let refused = open_as(folder.path(), "device").map(drop);
    assert!(matches!(refused, Err(StoreError::Corrupt { what: "partition" })), "{refused:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().unwrap();
    let inner = folder.path().join("new");
    let store = open(&inner);
    store.append(commands([1]), Durability::Strict).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    for entry in std::fs::read_dir(&inner).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

/// Appends this many commands, fifty to a record.
async fn fill(store: &SqliteStore, count: u64) {
    for start in (0..count).step_by(1000) {
        let new = commands(start..start + 1000).into_iter().map(|mut new| {
            let number = new.command.command_id.as_uuid().as_u128() & 0xffff_ffff;
            new.command.touches = vec![thing(&format!("t-{}", number / 50))];
            new
        });
        store.append(new.collect(), Durability::Relaxed).await.unwrap();
    }
}

#[tokio::test]
async fn no_query_of_a_flush_reads_the_whole_outbox() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(open(folder.path()));
    fill(&store, 2000).await;
    let raw = raw(folder.path());
    let plan = |sql: &str| {
        let mut statement = raw.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    for sql in [
        "SELECT body FROM outbox WHERE seq >= 5 AND seq < 9 ORDER BY seq LIMIT 9",
        "SELECT seq, body FROM outbox WHERE command_id = x'00'",
        "SELECT seq FROM touches WHERE kind = 'a' AND id = 'b' AND seq >= 5 ORDER BY seq DESC",
        "SELECT first_seq, last_seq FROM settled WHERE first_seq <= 5 ORDER BY first_seq DESC LIMIT 1",
        "SELECT first_seq FROM settled WHERE first_seq > 5 ORDER BY first_seq LIMIT 1",
        "SELECT body FROM settled WHERE entry < 5 ORDER BY entry DESC LIMIT 1",
    ] {
        let plan = plan(sql);
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
    assert!(plan("SELECT body FROM outbox WHERE status <> 'PENDING' ORDER BY seq").contains("outbox_parked"));
}

#[tokio::test]
async fn concurrent_appends_share_a_sync() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let frames = || {
        let log = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let log = log.into_iter().find(|path| path.to_string_lossy().ends_with("-wal")).unwrap();
        std::fs::metadata(log).unwrap().len() / 4120
    };
    let before = frames();
    let calls = (0..200).map(|number| store.append(commands([number]), Durability::Strict));
    for appended in join_all(calls).await {
        appended.unwrap();
    }
    // Alone, each would write half a dozen pages of its own.
    assert!(frames() - before < 400, "200 appends wrote {} pages", frames() - before);
}

#[tokio::test]
async fn a_lock_of_another_process_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let other = raw(folder.path());
    other.execute_batch("BEGIN IMMEDIATE; UPDATE partition SET pending = pending").unwrap();
    let mut append = store.append(commands([1]), Durability::Strict);
    assert!(futures_util::poll!(append.as_mut()).is_pending());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(append.await.unwrap()[0].seq, seq(1));
}

#[tokio::test]
async fn a_broken_connection_is_replaced() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let mark = |number: i64| {
        store.queue().run(Access::Read, move |transaction| {
            let set = transaction.connection.pragma_update(None, "cache_size", number);
            set.map_err(crate::error::store_error)
        })
    };
    let marked = || {
        store.queue().run(Access::Read, |transaction| {
            let get =
                transaction.connection.pragma_query_value(None, "cache_size", |row| row.get::<_, i64>(0));
            get.map_err(crate::error::store_error)
        })
    };
    mark(77).await.unwrap();
    assert_eq!(marked().await.unwrap(), 77);
    let broken = store.queue().run(Access::Read, |_| {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
        Err::<(), _>(crate::error::store_error(rusqlite::Error::SqliteFailure(code, None)))
    });
    let (broken, appended) = tokio::join!(broken, store.append(commands([1]), Durability::Strict));
    assert!(matches!(broken, Err(StoreError::Backend { .. })), "{broken:?}");
    appended.unwrap();
    assert_ne!(marked().await.unwrap(), 77, "the connection is still the old one");
    assert_eq!(store.counts().await.unwrap().pending, 1);
}
