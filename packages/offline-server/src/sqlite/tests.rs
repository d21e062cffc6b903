//! What only this adapter has: its file. What every store must do is in `tests/cases/store.rs`.

use std::path::Path;

use offline_domain::Record;
use offline_protocol::{
    ChangeSeq, CommandId, Fingerprint, IdempotencyKey, RecordId, RecordKind, RecordVersion,
};
use serde_json::{Value, json};

use super::*;
use crate::{Change, Changes, Folded, Loaded, Receipt, StoredRecord, StoredVerdict, Wanted};

const NOW: i64 = 1_795_370_400_000;

fn member(workspace: &str) -> Membership {
    Membership::for_test(WorkspaceId::new(workspace).unwrap(), UserId::new("ana").unwrap())
}

fn key(id: &str) -> RecordKey {
    RecordKey::new(RecordKind::new("note").unwrap(), RecordId::new(id).unwrap())
}

/// Work that writes one record, as a fold does: the next version, the next place in the log, a receipt.
fn write(workspace: &str, number: u128, id: &str, data: Value) -> Work {
    let membership = member(workspace);
    let key = key(id);
    let wanted = Wanted { records: vec![key.clone()], ..Wanted::default() };
    let user = membership.user_id().clone();
    let fold = move |loaded: Loaded| {
        let version = loaded.records.version(&key).next();
        let seq = loaded.change_seq.unwrap_or(ChangeSeq::FIRST).next();
        let command_id = CommandId::from_uuid(uuid::Uuid::from_u128(number));
        let versions = vec![RecordVersion { kind: key.kind.clone(), id: key.id.clone(), version }];
        let receipt = Receipt {
            idempotency_key: IdempotencyKey::new(format!("key-{number}")).unwrap(),
            command_id,
            fingerprint: Fingerprint([7; 32]),
            verdict: StoredVerdict::Applied { versions: versions.clone(), change_seq: seq },
            result: json!("result"),
            received_at: Timestamp::from_millis(NOW),
        };
        let record = Record {
            version,
            data: Some(data.clone()),
            updated_by: user.clone(),
            updated_at: Timestamp::from_millis(NOW),
        };
        Folded {
            verdicts: vec![Verdict::Applied {
                versions,
                result: json!("result"),
                replayed: false,
                change_seq: seq,
            }],
            changes: Changes {
                receipts: vec![receipt],
                records: vec![StoredRecord { key: key.clone(), record, change_seq: seq }],
                log: vec![Change {
                    seq,
                    key: key.clone(),
                    version,
                    command_id,
                    changed_at: Timestamp::from_millis(NOW),
                }],
            },
        }
    };
    Work { membership, wanted, fold: Arc::new(fold) }
}

/// Work that reads the receipt of a command.
async fn receipt(store: &SqliteStore, workspace: &str, number: u128) -> Option<Receipt> {
    let id = CommandId::from_uuid(uuid::Uuid::from_u128(number));
    let found = Arc::new(Mutex::new(None));
    let finding = Arc::clone(&found);
    let fold = move |mut loaded: Loaded| {
        *finding.lock().unwrap() = loaded.applied.remove(&id);
        Folded::default()
    };
    let wanted = Wanted { commands: vec![id], ..Wanted::default() };
    store.run(Work { membership: member(workspace), wanted, fold: Arc::new(fold) }).await.unwrap();
    found.lock().unwrap().take()
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(&folder.join("server.sqlite")).unwrap()
}

#[tokio::test]
async fn row_31_a_full_disk_refuses_writes_keeps_reads_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.run(write("acme", 1, "a", json!("small"))).await.unwrap();
    let limit = |pages: u32| {
        store.alone(move |connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
            Ok(())
        })
    };
    limit(1).await.unwrap();
    let large = json!("x".repeat(100_000));
    let refused = store.run(write("acme", 2, "b", large.clone())).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(store.record(&member("acme"), &key("a")).await.unwrap().is_some());
    assert!(store.record(&member("acme"), &key("b")).await.unwrap().is_none());
    assert!(receipt(&store, "acme", 2).await.is_none());
    limit(1_000_000).await.unwrap();
    let verdicts = store.run(write("acme", 2, "b", large)).await.unwrap();
    assert!(matches!(&verdicts[0], Verdict::Applied { change_seq, .. } if change_seq.get() == 2));
}

#[tokio::test]
async fn a_store_that_has_ended_leaves_all_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.run(write("acme", 1, "a", json!(1))).await.unwrap();
    assert!(store.record(&member("acme"), &key("a")).await.unwrap().is_some(), "a reader stays open");
    drop(store);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["server.sqlite"]);
}

#[tokio::test]
async fn of_more_receipts_than_go_at_once_all_the_old_ones_go_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store
        .alone(|connection| {
            let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) \
                INSERT INTO receipt SELECT 'acme', 'ana', 'key-' || i, 'command-' || i, x'00', 'rejected', '{}', '1', i % 3 FROM n";
            connection.execute_batch(insert).unwrap();
            Ok(())
        })
        .await
        .unwrap();
    store.prune(Timestamp::from_millis(2), Timestamp::from_millis(1)).await.unwrap();
    let left = Arc::new(Mutex::new(Vec::new()));
    let counted = Arc::clone(&left);
    store
        .alone(move |connection| {
            let count = "SELECT received_at, count(*), count(result) FROM receipt GROUP BY 1 ORDER BY 1";
            let mut statement = connection.prepare(count).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
            *counted.lock().unwrap() = rows.map(Result::unwrap).collect::<Vec<(i64, i64, i64)>>();
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(*left.lock().unwrap(), [(1, 2000, 0), (2, 2000, 2000)]);
}

#[tokio::test]
async fn what_was_answered_is_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let settings = Arc::new(Mutex::new((String::new(), 0)));
    let read = Arc::clone(&settings);
    store
        .alone(move |connection| {
            let journal = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
            let synchronous = connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).unwrap();
            *read.lock().unwrap() = (journal, synchronous);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(*settings.lock().unwrap(), ("wal".into(), 2), "2 is FULL");
}

#[tokio::test]
async fn after_a_failed_flush_the_store_takes_nothing_more_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.run(write("acme", 1, "a", json!(1))).await.unwrap();
    let flush = || {
        let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        Err(connection::store_error(rusqlite::Error::SqliteFailure(error, None)))
    };
    assert!(matches!(store.alone(move |_| flush()).await, Err(StoreError::Unavailable(_))));
    store.closed().await;
    let refused = store.run(write("acme", 2, "a", json!(2))).await;
    assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
    drop(store);
    let reopened = open(folder.path());
    assert_eq!(reopened.record(&member("acme"), &key("a")).await.unwrap().unwrap().version.get(), 1);
}
