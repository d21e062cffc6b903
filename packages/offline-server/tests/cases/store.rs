//! What the contract of `Store` and `Members` asks of every adapter, one guarantee a test.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use futures_util::future::join_all;
use offline_domain::Record;
use offline_protocol::{
    ChangeSeq, CommandId, Fingerprint, IdempotencyKey, RecordId, RecordKey, RecordKind, RecordVersion,
    Timestamp, UserId, Verdict, Version, WorkspaceId,
};
use offline_server::{
    Change, Changes, Folded, Identity, Loaded, Membership, PageQuery, Receipt, Role, Step, Store,
    StoredRecord, StoredVerdict, Wanted, Work,
};
use serde_json::{Value, json};

use crate::{place::Place, support::Opened};

const NOW: i64 = 1_795_370_400_000;

pub(crate) async fn member_as(opened: &Opened, user: &str, workspace: &str) -> Membership {
    let identity =
        Identity { workspace_id: WorkspaceId::new(workspace).unwrap(), user_id: UserId::new(user).unwrap() };
    let Identity { workspace_id, user_id } = &identity;
    opened.members.put_member(workspace_id, user_id, &Role::member()).await.unwrap();
    Membership::verify(&*opened.members, &identity, workspace_id).await.unwrap().unwrap()
}

pub(crate) async fn member(opened: &Opened, workspace: &str) -> Membership {
    member_as(opened, "ana", workspace).await
}

pub(crate) fn key(id: &str) -> RecordKey {
    RecordKey::new(RecordKind::new("note").unwrap(), RecordId::new(id).unwrap())
}

fn command(number: u128) -> CommandId {
    CommandId::from_uuid(uuid::Uuid::from_u128(number))
}

fn idempotency_key(number: u128) -> IdempotencyKey {
    IdempotencyKey::new(format!("key-{number}")).unwrap()
}

/// What a fold of one command that writes one record comes to: the next version, the next place in the log, a receipt.
fn folded(loaded: &Loaded, user: &UserId, number: u128, key: &RecordKey, data: Option<Value>) -> Folded {
    let version = loaded.records.version(key).next();
    let seq = loaded.change_seq.unwrap_or(ChangeSeq::FIRST).next();
    let command_id = command(number);
    let versions = vec![RecordVersion { kind: key.kind.clone(), id: key.id.clone(), version }];
    let receipt = Receipt {
        idempotency_key: idempotency_key(number),
        command_id,
        fingerprint: Fingerprint([7; 32]),
        verdict: StoredVerdict::Applied { versions: versions.clone(), change_seq: seq },
        result: json!("result"),
        received_at: Timestamp::from_millis(NOW),
    };
    let updated_at = Timestamp::from_millis(NOW);
    let record = Record { version, data, updated_by: user.clone(), updated_at };
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
            log: vec![Change { seq, key: key.clone(), version, command_id, changed_at: updated_at }],
        },
    }
}

/// Work that writes one record; `None` deletes it.
pub(crate) fn put(membership: &Membership, number: u128, id: &str, data: Option<Value>) -> Work {
    put_at(membership, number, key(id), data)
}

/// The same of any kind.
pub(crate) fn put_at(membership: &Membership, number: u128, key: RecordKey, data: Option<Value>) -> Work {
    let user = membership.user_id().clone();
    let wanted = Wanted { records: vec![key.clone()], ..Wanted::default() };
    let fold = move |loaded: Loaded| folded(&loaded, &user, number, &key, data.clone());
    Work { membership: membership.clone(), wanted, fold: Arc::new(fold) }
}

pub(crate) fn write(membership: &Membership, number: u128, id: &str, data: Value) -> Work {
    put(membership, number, id, Some(data))
}

/// What a fold that wants this is given.
async fn load(store: &dyn Store, membership: &Membership, wanted: Wanted) -> Loaded {
    let given = Arc::new(Mutex::new(Loaded::default()));
    let giving = Arc::clone(&given);
    let fold = move |loaded: Loaded| {
        *giving.lock().unwrap() = loaded;
        Folded::default()
    };
    store.run(Work { membership: membership.clone(), wanted, fold: Arc::new(fold) }).await.unwrap();
    std::mem::take(&mut given.lock().unwrap())
}

async fn receipt(store: &dyn Store, membership: &Membership, number: u128) -> Option<Receipt> {
    let wanted =
        Wanted { commands: vec![command(number)], keys: vec![idempotency_key(number)], ..Wanted::default() };
    let mut loaded = load(store, membership, wanted).await;
    let by_command = loaded.applied.remove(&command(number));
    assert_eq!(by_command, loaded.receipts.remove(&idempotency_key(number)), "both ways lead to it");
    by_command
}

fn change_seq(verdicts: &[Verdict]) -> u64 {
    match verdicts {
        [Verdict::Applied { change_seq, .. }] => change_seq.get(),
        other => panic!("{other:?}"),
    }
}

async fn version(store: &dyn Store, membership: &Membership, id: &str) -> Option<u64> {
    let record = store.record(membership, &key(id)).await.unwrap();
    record.map(|record| record.version.get())
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let place = Place::new().await;
    {
        let opened = place.open().await;
        let ana = member(&opened, "acme").await;
        opened.store.run(write(&ana, 1, "a", json!({ "text": "ä" }))).await.unwrap();
    }
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    let record = opened.store.record(&ana, &key("a")).await.unwrap().unwrap();
    assert_eq!((record.version.get(), &record.data), (1, &json!({ "text": "ä" })));
    assert_eq!((record.updated_at.as_millis(), record.updated_by.as_str()), (NOW, "ana"));
    let receipt = receipt(&*opened.store, &ana, 1).await.unwrap();
    assert_eq!((receipt.fingerprint, receipt.result), (Fingerprint([7; 32]), json!("result")));
    assert_eq!(receipt.received_at.as_millis(), NOW);
}

#[tokio::test]
async fn what_is_not_there_is_missing_and_no_error() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    let wanted = Wanted {
        records: vec![key("a")],
        kinds: vec![key("a").kind],
        keys: vec![idempotency_key(1)],
        commands: vec![command(1)],
    };
    let loaded = load(&*opened.store, &ana, wanted).await;
    assert_eq!(loaded.change_seq.unwrap_or(ChangeSeq::FIRST), ChangeSeq::FIRST);
    assert!(
        loaded.records.iter().next().is_none() && loaded.receipts.is_empty() && loaded.applied.is_empty()
    );
    assert!(opened.store.record(&ana, &key("a")).await.unwrap().is_none());
    let query = PageQuery { kind: key("a").kind, after: None, limit: 10 };
    let page = opened.store.page(&ana, &query).await.unwrap();
    assert!(page.records.is_empty() && !page.more);
    for table in ["receipt", "record", "change"] {
        assert_eq!(place.count(table).await, 0, "looking stores nothing");
    }
}

#[tokio::test]
async fn a_fold_is_given_what_the_ones_before_it_wrote() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    let ben = member_as(&opened, "ben", "acme").await;
    // Of one user and of another, alone and waiting together.
    let works = [write(&ana, 1, "a", json!(1)), write(&ben, 2, "a", json!(2)), write(&ana, 3, "a", json!(3))];
    let seqs: Vec<_> = join_all(works.map(|work| opened.store.run(work)))
        .await
        .into_iter()
        .map(|verdicts| change_seq(&verdicts.unwrap()))
        .collect();
    assert_eq!(seqs.iter().collect::<BTreeSet<_>>().len(), 3, "{seqs:?}");
    let wanted = Wanted {
        records: vec![key("a"), key("b")],
        keys: vec![idempotency_key(1), idempotency_key(2), idempotency_key(3)],
        commands: vec![command(1), command(2), command(3)],
        ..Wanted::default()
    };
    let loaded = load(&*opened.store, &ana, wanted).await;
    assert_eq!(loaded.change_seq.map(ChangeSeq::get), Some(3));
    assert_eq!(loaded.records.version(&key("a")).get(), 3);
    assert!(loaded.records.get(&key("b")).is_none());
    let keys: BTreeSet<_> = loaded.receipts.keys().map(ToString::to_string).collect();
    assert_eq!(keys, ["key-1", "key-3"].map(String::from).into());
    assert_eq!(loaded.applied.keys().collect::<BTreeSet<_>>(), [&command(1), &command(3)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_batches_follow_each_other_without_gap() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    let works = (1..=200).map(|number| opened.store.run(write(&ana, number, "hot", json!(1))));
    let seqs: BTreeSet<_> =
        join_all(works).await.into_iter().map(|verdicts| change_seq(&verdicts.unwrap())).collect();
    assert_eq!(seqs, (1..=200).collect());
    assert_eq!(version(&*opened.store, &ana, "hot").await, Some(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_place_follow_each_other_without_gap() {
    let place = Place::new().await;
    let (first, second) = (place.open().await, place.open().await);
    let ana = member(&first, "acme").await;
    let works = (1..=100).map(|number| {
        let store = if number % 2 == 0 { &first.store } else { &second.store };
        store.run(write(&ana, number, "hot", json!(1)))
    });
    let seqs: BTreeSet<_> =
        join_all(works).await.into_iter().map(|verdicts| change_seq(&verdicts.unwrap())).collect();
    assert_eq!(seqs, (1..=100).collect());
    for store in [&first.store, &second.store] {
        assert_eq!(version(&**store, &ana, "hot").await, Some(100));
    }
    assert_eq!((place.count("change").await, place.count("receipt").await), (100, 100));
}

#[tokio::test]
async fn a_fold_that_panics_takes_no_other_with_it() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    let broken = Work {
        fold: Arc::new(|_: Loaded| -> Folded { panic!("a broken fold") }),
        ..write(&ana, 50, "x", json!(1))
    };
    let works = (0..20).map(|number| {
        let work = if number == 7 { broken.clone() } else { write(&ana, number + 1, "a", json!(1)) };
        opened.store.run(work)
    });
    let results = join_all(works).await;
    let failed: Vec<_> =
        results.iter().enumerate().filter(|(_, result)| result.is_err()).map(|(at, _)| at).collect();
    assert_eq!(failed, [7]);
    assert_eq!(version(&*opened.store, &ana, "a").await, Some(19));
    assert_eq!(place.count("change").await, 19);
}

#[tokio::test]
async fn a_command_cannot_be_applied_twice_even_by_a_broken_fold() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    opened.store.run(write(&ana, 1, "a", json!(1))).await.unwrap();
    let mut again = write(&ana, 1, "a", json!(2));
    let fold = Arc::clone(&again.fold);
    again.fold = Arc::new(move |loaded: Loaded| {
        let Step::Done(mut folded) = fold.begin(loaded) else { panic!("it has no SQL of its own") };
        folded.changes.receipts[0].idempotency_key = IdempotencyKey::new("another").unwrap();
        folded
    });
    // What waits together with it is not harmed.
    let works = [write(&ana, 2, "b", json!(1)), again, write(&ana, 3, "c", json!(1))];
    let results = join_all(works.map(|work| opened.store.run(work))).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let record = opened.store.record(&ana, &key("a")).await.unwrap().unwrap();
    assert_eq!((record.version.get(), record.data), (1, json!(1)));
    assert_eq!((place.count("change").await, place.count("receipt").await), (3, 3));
}

#[tokio::test]
async fn a_kind_that_is_wanted_comes_as_a_whole_and_from_one_workspace_alone() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    let elsewhere = member(&opened, "globex").await;
    let task = RecordKey::new(RecordKind::new("task").unwrap(), RecordId::new("t").unwrap());
    opened.store.run(put_at(&ana, 1, task, Some(json!(1)))).await.unwrap();
    opened.store.run(write(&elsewhere, 1, "z", json!(1))).await.unwrap();
    // Together with those who write it: each is given what the ones before it wrote.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let works = [2, 3, 4].map(|number| {
        let mut work = write(&ana, number, &format!("r{number}"), json!(number));
        work.wanted.kinds = vec![key("a").kind];
        let (seen, inner) = (Arc::clone(&seen), Arc::clone(&work.fold));
        let fold = move |loaded: Loaded| {
            let place = loaded.change_seq.unwrap().get();
            let ids: Vec<_> = loaded.records.iter().map(|(key, _)| key.id.to_string()).collect();
            seen.lock().unwrap().push((place, ids.len()));
            let Step::Done(folded) = inner.begin(loaded) else { unreachable!() };
            folded
        };
        work.fold = Arc::new(fold);
        work
    });
    for verdicts in join_all(works.map(|work| opened.store.run(work))).await {
        verdicts.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), [(1, 0), (2, 1), (3, 2)]);
    opened.store.run(put(&ana, 5, "r3", None)).await.unwrap();
    let wanted = Wanted { kinds: vec![key("a").kind], ..Wanted::default() };
    let loaded = load(&*opened.store, &ana, wanted).await;
    let found: Vec<_> =
        loaded.records.iter().map(|(key, record)| (key.to_string(), record.data.is_some())).collect();
    let expected = [("r2", true), ("r3", false), ("r4", true)].map(|(id, live)| (key(id).to_string(), live));
    assert_eq!(found, expected);
}

#[tokio::test]
async fn nothing_of_a_workspace_is_seen_in_another_and_no_receipt_of_another_user() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    opened.store.run(write(&ana, 1, "a", json!("secret"))).await.unwrap();
    let elsewhere = member(&opened, "globex").await;
    let wanted = Wanted {
        records: vec![key("a")],
        kinds: vec![key("a").kind],
        keys: vec![idempotency_key(1)],
        commands: vec![command(1)],
    };
    let loaded = load(&*opened.store, &elsewhere, wanted.clone()).await;
    assert_eq!(loaded.change_seq.unwrap_or(ChangeSeq::FIRST), ChangeSeq::FIRST);
    assert!(loaded.records.get(&key("a")).is_none());
    assert!(loaded.receipts.is_empty() && loaded.applied.is_empty());
    assert!(opened.store.record(&elsewhere, &key("a")).await.unwrap().is_none());
    let query = PageQuery { kind: key("a").kind, after: None, limit: 10 };
    assert!(opened.store.page(&elsewhere, &query).await.unwrap().records.is_empty());

    let ben = member_as(&opened, "ben", "acme").await;
    let loaded = load(&*opened.store, &ben, wanted).await;
    assert_eq!(loaded.records.version(&key("a")).get(), 1);
    assert!(loaded.receipts.is_empty() && loaded.applied.is_empty());
    // The same key, command and record id are free for both.
    assert_eq!(change_seq(&opened.store.run(write(&ben, 1, "b", json!(1))).await.unwrap()), 2);
    assert_eq!(change_seq(&opened.store.run(write(&elsewhere, 1, "a", json!(1))).await.unwrap()), 1);
    assert_eq!(opened.store.record(&ana, &key("a")).await.unwrap().unwrap().data, json!("secret"));
}

#[tokio::test]
async fn pages_are_in_the_order_of_the_bytes_and_leave_out_what_is_deleted() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    for (number, id) in (1..).zip(["b", "_", "B", "a-1", "a1", "Z", "~", "!", "a"]) {
        opened.store.run(write(&ana, number, id, json!(id))).await.unwrap();
    }
    opened.store.run(put(&ana, 99, "a1", None)).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let query = PageQuery { kind: key("a").kind, after: after.clone(), limit: 3 };
        let page = opened.store.page(&ana, &query).await.unwrap();
        assert!(page.records.len() <= 3);
        seen.extend(page.records.iter().map(|record| record.id.as_str().to_owned()));
        after = page.records.last().map(|record| record.id.clone());
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ["!", "B", "Z", "_", "a", "a-1", "b", "~"]);
    // A deleted record is gone for readers; a fold sees that it existed.
    assert!(opened.store.record(&ana, &key("a1")).await.unwrap().is_none());
    let loaded = load(&*opened.store, &ana, Wanted { records: vec![key("a1")], ..Wanted::default() }).await;
    let deleted = loaded.records.get(&key("a1")).unwrap();
    assert_eq!((deleted.version.get(), &deleted.data), (2, &None));
}

#[tokio::test]
async fn any_json_comes_back_as_it_was_stored() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    let data = json!({
        "text": "nul \u{0} quote \" backslash \\ emoji 😀 rtl \u{202e} line\n\u{2028}", "": null, "b": [], "a": {},
        "numbers": [0, -1, 9_007_199_254_740_991_i64, i64::MIN, u64::MAX, 1.5, 1e300, -1e-300],
    });
    opened.store.run(write(&ana, 1, "a", data.clone())).await.unwrap();
    assert_eq!(opened.store.record(&ana, &key("a")).await.unwrap().unwrap().data, data);
    let large = json!("x".repeat(3_000_000));
    opened.store.run(write(&ana, 2, "b", large.clone())).await.unwrap();
    assert_eq!(opened.store.record(&ana, &key("b")).await.unwrap().unwrap().data, large);
}

#[tokio::test]
async fn a_batch_of_a_thousand_commands_is_stored_as_a_whole() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    let user = ana.user_id().clone();
    let records: Vec<_> = (1..=1000).map(|number| key(&format!("r{number}"))).collect();
    let wanted = Wanted { records: records.clone(), ..Wanted::default() };
    let fold = move |mut loaded: Loaded| {
        let mut all = Folded::default();
        for (number, key) in (1..).zip(&records) {
            let one = folded(&loaded, &user, number, key, Some(json!(1)));
            loaded.change_seq = one.changes.log.last().map(|change| change.seq);
            all.verdicts.extend(one.verdicts);
            all.changes.receipts.extend(one.changes.receipts);
            all.changes.records.extend(one.changes.records);
            all.changes.log.extend(one.changes.log);
        }
        all
    };
    let verdicts =
        opened.store.run(Work { membership: ana.clone(), wanted, fold: Arc::new(fold) }).await.unwrap();
    assert_eq!(verdicts.len(), 1000);
    for table in ["receipt", "record", "change"] {
        assert_eq!(place.count(table).await, 1000);
    }
    assert_eq!(change_seq(&opened.store.run(write(&ana, 5000, "r1", json!(2))).await.unwrap()), 1001);
}

#[tokio::test]
async fn old_receipts_lose_their_result_and_then_go_in_every_workspace() {
    let place = Place::new().await;
    let opened = place.open().await;
    let members = [member(&opened, "acme").await, member(&opened, "globex").await];
    for ana in &members {
        opened.store.run(write(ana, 1, "a", json!(1))).await.unwrap();
    }
    let (now, later) = (Timestamp::from_millis(NOW), Timestamp::from_millis(NOW + 1));
    opened.store.prune(now, now).await.unwrap();
    for ana in &members {
        assert_eq!(receipt(&*opened.store, ana, 1).await.unwrap().result, json!("result"));
    }
    opened.store.prune(later, now).await.unwrap();
    for ana in &members {
        let thin = receipt(&*opened.store, ana, 1).await.unwrap();
        assert_eq!(
            (&thin.result, thin.verdict.version_of(&key("a"))),
            (&Value::Null, Some(Version::FIRST.next()))
        );
    }
    opened.store.prune(later, later).await.unwrap();
    for ana in &members {
        assert!(receipt(&*opened.store, ana, 1).await.is_none());
        assert_eq!(version(&*opened.store, ana, "a").await, Some(1));
    }
}

#[tokio::test]
async fn members_come_and_go() {
    let place = Place::new().await;
    let members = place.open().await.members;
    let (acme, ana) = (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap());
    let (member, manager) = (Role::member(), Role::new("manager").unwrap());
    assert_eq!(members.role(&acme, &ana).await.unwrap(), None);
    members.remove_member(&acme, &ana).await.unwrap();
    for role in [&member, &member, &manager, &member] {
        members.put_member(&acme, &ana, role).await.unwrap();
        assert_eq!(members.role(&acme, &ana).await.unwrap().as_ref(), Some(role));
    }
    assert_eq!(members.role(&WorkspaceId::new("globex").unwrap(), &ana).await.unwrap(), None);
    assert_eq!(members.role(&acme, &UserId::new("ben").unwrap()).await.unwrap(), None);
    members.remove_member(&acme, &ana).await.unwrap();
    assert_eq!(members.role(&acme, &ana).await.unwrap(), None);
}

#[tokio::test]
async fn a_sender_who_leaves_stops_nobody() {
    let place = Place::new().await;
    let opened = place.open().await;
    let ana = member(&opened, "acme").await;
    drop(opened.store.run(write(&ana, 1, "a", json!(1))));
    let abandoned = tokio::spawn({
        let (store, work) = (Arc::clone(&opened.store), write(&ana, 2, "a", json!(1)));
        async move { store.run(work).await }
    });
    abandoned.abort();
    let _ = abandoned.await;
    let verdicts = opened.store.run(write(&ana, 3, "b", json!(1))).await.unwrap();
    let seq = change_seq(&verdicts);
    assert_eq!(u64::try_from(place.count("change").await).unwrap(), seq, "whole or not at all");
}
