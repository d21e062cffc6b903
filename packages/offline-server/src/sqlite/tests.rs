//! What the port's contract asks of this adapter.

use std::{collections::BTreeSet, path::Path};

use futures_util::future::join_all;
use offline_domain::Record;
use offline_protocol::{
    ChangeSeq, CommandId, Fingerprint, IdempotencyKey, RecordId, RecordKind, RecordVersion, Version,
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
                log: vec![Change { seq, key: key.clone(), version, command_id }],
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
async fn what_was_answered_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = open(folder.path());
        store.run(write("acme", 1, "a", json!({ "text": "ä" }))).await.unwrap();
    }
    let store = open(folder.path());
    let record = store.record(&member("acme"), &key("a")).await.unwrap().unwrap();
    assert_eq!((record.version, &record.data), (Version::new(1).unwrap(), &json!({ "text": "ä" })));
    let receipt = receipt(&store, "acme", 1).await.unwrap();
    assert_eq!((receipt.fingerprint, receipt.result), (Fingerprint([7; 32]), json!("result")));
    assert!(store.record(&member("globex"), &key("a")).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_batches_follow_each_other_without_gap() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let works = (0..200_u128).map(|number| store.run(write("acme", number + 1, "hot", json!(1))));
    let seqs: BTreeSet<_> = join_all(works)
        .await
        .into_iter()
        .map(|verdicts| match verdicts.unwrap().remove(0) {
            Verdict::Applied { change_seq, .. } => change_seq.get(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seqs, (1..=200).collect());
    let record = store.record(&member("acme"), &key("hot")).await.unwrap().unwrap();
    assert_eq!(record.version.get(), 200);
}

#[tokio::test]
async fn a_batch_that_fails_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let broken = Work { fold: Arc::new(|_| panic!("a broken fold")), ..write("acme", 50, "x", json!(1)) };
    let works = (0..20_u128).map(|number| {
        let work = if number == 7 { broken.clone() } else { write("acme", number + 1, "a", json!(1)) };
        store.run(work)
    });
    let results = join_all(works).await;
    let failed: Vec<_> =
        results.iter().enumerate().filter(|(_, result)| result.is_err()).map(|(at, _)| at).collect();
    assert_eq!(failed, [7]);
    assert_eq!(store.record(&member("acme"), &key("a")).await.unwrap().unwrap().version.get(), 19);
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
async fn a_command_cannot_be_applied_twice_even_by_a_broken_fold() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.run(write("acme", 1, "a", json!(1))).await.unwrap();
    let mut again = write("acme", 1, "a", json!(2));
    let fold = Arc::clone(&again.fold);
    again.fold = Arc::new(move |loaded| {
        let mut folded = fold(loaded);
        folded.changes.receipts[0].idempotency_key = IdempotencyKey::new("another").unwrap();
        folded
    });
    assert!(store.run(again).await.is_err());
    assert_eq!(store.record(&member("acme"), &key("a")).await.unwrap().unwrap().data, json!(1));
}

#[tokio::test]
async fn old_receipts_lose_their_result_and_then_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.run(write("acme", 1, "a", json!(1))).await.unwrap();
    let (now, later) = (Timestamp::from_millis(NOW), Timestamp::from_millis(NOW + 1));
    store.prune(now, now).await.unwrap();
    assert_eq!(receipt(&store, "acme", 1).await.unwrap().result, json!("result"));
    store.prune(later, now).await.unwrap();
    let thin = receipt(&store, "acme", 1).await.unwrap();
    assert_eq!(
        (&thin.result, thin.verdict.version_of(&key("a"))),
        (&Value::Null, Some(Version::FIRST.next()))
    );
    store.prune(later, later).await.unwrap();
    assert!(receipt(&store, "acme", 1).await.is_none());
    assert!(store.record(&member("acme"), &key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn members_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (acme, ana) = (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap());
    assert!(!store.is_member(&acme, &ana).await.unwrap());
    store.put_member(&acme, &ana).await.unwrap();
    store.put_member(&acme, &ana).await.unwrap();
    assert!(store.is_member(&acme, &ana).await.unwrap());
    assert!(!store.is_member(&WorkspaceId::new("globex").unwrap(), &ana).await.unwrap());
    store.remove_member(&acme, &ana).await.unwrap();
    assert!(!store.is_member(&acme, &ana).await.unwrap());
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
