//! The fold against a store of two maps: rules that no command of the ERP shows, and what must hold for any sequence of deliveries.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Records, Registry, Rejection, Touch, Write,
};
use offline_protocol::{
    ChangeSeq, Command, CommandId, ConflictReason, Expected, Fingerprint, Limits, Problem, ProblemCode,
    RecordId, RecordKey, RecordKind, Retention, Seq, Timestamp, UserId, Verdict, Version, WorkspaceId,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Change, Fold as _, Folded, Loaded, Membership, Receipt, SqlHandlers, Step,
    batch::{Batch, Item, Ready, Refused},
    envelope::read_batch,
    fold::BatchFold,
};

#[derive(Serialize, Deserialize)]
struct NoteV1 {
    note: RecordId,
}

fn note(id: &RecordId) -> RecordKey {
    RecordKey::new(RecordKind::new("note").unwrap(), id.clone())
}

/// Defines a handler over [`NoteV1`] in one line.
macro_rules! handler {
    ($name:ident, $type:literal, $policy:ident, $touch:ident, $handle:expr) => {
        struct $name;
        impl CommandHandler for $name {
            type Payload = NoteV1;
            const TYPE: &'static str = $type;
            const POLICY: ConflictPolicy = ConflictPolicy::$policy;
            fn touches(&self, payload: &NoteV1) -> Vec<Touch> {
                vec![Touch::$touch(note(&payload.note))]
            }
            fn handle(&self, _: &Context, records: &Records, payload: NoteV1) -> Result<Effect, Rejection> {
                let handle: fn(&Records, RecordKey) -> Result<Effect, Rejection> = $handle;
                handle(records, note(&payload.note))
            }
        }
    };
}

handler!(Create, "NOTE_CREATE_V1", CreateOnly, create, |_, key| Ok(Effect::write(
    key,
    json!({ "count": 0 })
)));
handler!(Edit, "NOTE_EDIT_V1", Guarded, update, |_, key| Ok(Effect::write(key, json!({ "count": 0 }))));
handler!(Delete, "NOTE_DELETE_V1", LastWriteWins, update, |_, key| {
    Ok(Effect { writes: vec![Write { key, data: None }], result: json!("deleted") })
});
handler!(Count, "NOTE_COUNT_V1", Commutes, update, count);
handler!(Advance, "NOTE_ADVANCE_V1", Commutes, advance, count);
handler!(Refer, "NOTE_REFER_V1", CreateOnly, require, |_, _| Ok(Effect::default()));
handler!(Put, "NOTE_PUT_V1", CheckedWhenGiven, upsert, |_, key| Ok(Effect::write(
    key,
    json!({ "count": 0 })
)));
handler!(Panic, "NOTE_PANIC_V1", Commutes, upsert, |_, _| panic!("a broken handler"));
handler!(Stray, "NOTE_STRAY_V1", Commutes, upsert, |_, _| {
    Ok(Effect::write(note(&RecordId::new("elsewhere").unwrap()), json!({})))
});

fn count(records: &Records, key: RecordKey) -> Result<Effect, Rejection> {
    let count = records.data(&key).and_then(|data| data["count"].as_i64()).unwrap_or(0);
    if count == 3 {
        Err(Rejection::new("The note is full"))
    } else {
        Ok(Effect::write(key, json!({ "count": count + 1 })))
    }
}

fn registry() -> Registry {
    let build = || {
        Registry::new()
            .with(Create)?
            .with(Edit)?
            .with(Delete)?
            .with(Count)?
            .with(Advance)?
            .with(Refer)?
            .with(Put)?
            .with(Panic)?
            .with(Stray)
    };
    build().unwrap()
}

/// A workspace of one user.
#[derive(Default)]
struct World {
    records: Records,
    receipts: HashMap<String, Receipt>,
    log: Vec<Change>,
}

impl World {
    fn deliver(&mut self, commands: &[Command]) -> Vec<Verdict> {
        self.deliver_items(commands.iter().map(ready).collect())
    }

    fn deliver_items(&mut self, items: Vec<Item>) -> Vec<Verdict> {
        let batch = Batch {
            membership: Membership::for_test(WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap()),
            now: Timestamp::from_millis(1_795_370_400_000),
            retention: Retention::default(),
            sql: SqlHandlers::new(),
            items,
        };
        let wanted = batch.wanted();
        let known = |receipt: &&Receipt| wanted.keys.contains(&receipt.idempotency_key);
        let applied = |receipt: &&Receipt| {
            wanted.commands.contains(&receipt.command_id) && receipt.verdict.status() == "applied"
        };
        let loaded = Loaded {
            change_seq: self.log.last().map(|change| change.seq),
            records: wanted
                .records
                .iter()
                .filter_map(|key| Some((key.clone(), self.records.get(key)?.clone())))
                .collect(),
            receipts: self
                .receipts
                .values()
                .filter(known)
                .map(|r| (r.idempotency_key.clone(), r.clone()))
                .collect(),
            applied: self.receipts.values().filter(applied).map(|r| (r.command_id, r.clone())).collect(),
        };
        let Step::Done(Folded { verdicts, changes }) = BatchFold(Arc::new(batch)).begin(loaded) else {
            panic!("no command here has SQL of its own")
        };
        for receipt in changes.receipts {
            let known = self.receipts.insert(receipt.idempotency_key.as_str().to_owned(), receipt);
            assert!(known.is_none(), "a receipt never changes");
        }
        for stored in changes.records {
            let newest = changes.log.iter().rfind(|change| change.key == stored.key).unwrap();
            assert_eq!((newest.seq, newest.version), (stored.change_seq, stored.record.version));
            self.records.insert(stored.key, stored.record);
        }
        self.log.extend(changes.log);
        verdicts
    }
}

fn ready(command: &Command) -> Item {
    let prepared = registry().prepare(&command.command_type, &command.payload).unwrap();
    let fingerprint = Fingerprint::of(&command.command_type, &command.payload, command.expected.as_ref());
    Item::Ready(Box::new(Ready { command: command.clone(), prepared, fingerprint }))
}

fn id(number: u128) -> CommandId {
    CommandId::from_uuid(uuid::Uuid::from_u128(number))
}

fn command(number: u128, command_type: &str, record: &str) -> Command {
    Command {
        command_id: id(number),
        workspace_id: WorkspaceId::new("acme").unwrap(),
        device_id: offline_protocol::DeviceId::new("d").unwrap(),
        seq: Seq::FIRST,
        command_type: command_type.parse().unwrap(),
        payload: json!({ "note": record }),
        idempotency_key: format!("key-{number}").parse().unwrap(),
        created_at: Timestamp::from_millis(1_795_370_400_000),
        client_trace_id: "t".parse().unwrap(),
        expected: None,
        depends_on: Vec::new(),
    }
}

fn edit(number: u128, record: &str, expected: Expected) -> Command {
    Command { expected: Some(expected), ..command(number, "NOTE_EDIT_V1", record) }
}

fn version(version: u64) -> Version {
    Version::new(version).unwrap()
}

#[test]
fn row_11_an_update_of_a_deleted_record_is_a_conflict_without_a_snapshot() {
    let mut world = World::default();
    world.deliver(&[command(1, "NOTE_CREATE_V1", "a"), command(2, "NOTE_DELETE_V1", "a")]);
    let stale = edit(3, "a", Expected::Version(version(1)));
    for replayed in [false, true] {
        let verdicts = world.deliver(std::slice::from_ref(&stale));
        let Verdict::Conflict(conflict) = &verdicts[0] else { panic!("{verdicts:?}") };
        assert_eq!((conflict.reason, conflict.server_version), (ConflictReason::Deleted, version(2)));
        assert_eq!((&conflict.server_snapshot, conflict.replayed), (&None, replayed));
    }
    let again = world.deliver(&[command(4, "NOTE_CREATE_V1", "a")]);
    assert!(
        matches!(&again[0], Verdict::Conflict(conflict) if conflict.reason == ConflictReason::AlreadyExists)
    );
}

#[test]
fn a_result_is_repeated_by_a_replay() {
    let mut world = World::default();
    let delete = command(2, "NOTE_DELETE_V1", "a");
    world.deliver(&[command(1, "NOTE_CREATE_V1", "a"), delete.clone()]);
    let verdicts = world.deliver(&[delete]);
    assert!(
        matches!(&verdicts[0], Verdict::Applied { result, replayed: true, .. } if *result == json!("deleted"))
    );
}

#[test]
fn a_broken_handler_costs_nobody_his_command() {
    let mut world = World::default();
    let batch = [
        command(1, "NOTE_PANIC_V1", "a"),
        command(2, "NOTE_STRAY_V1", "b"),
        command(3, "NOTE_CREATE_V1", "a"),
        command(4, "NOTE_CREATE_V1", "c"),
    ];
    let verdicts = world.deliver(&batch);
    assert!(matches!(verdicts[0], Verdict::Retry { .. }) && matches!(verdicts[1], Verdict::Retry { .. }));
    assert_eq!(verdicts[2], Verdict::Held { by: id(1) });
    assert_eq!(verdicts[3].status(), "applied");
    assert_eq!((world.receipts.len(), world.log.len()), (1, 1));
}

#[test]
fn a_lane_is_blocked_by_an_earlier_held_item_of_the_batch() {
    let mut world = World::default();
    let waiting = Command { depends_on: vec![id(99)], ..command(1, "NOTE_CREATE_V1", "a") };
    let verdicts =
        world.deliver(&[waiting, command(2, "NOTE_COUNT_V1", "a"), command(3, "NOTE_CREATE_V1", "b")]);
    assert_eq!(verdicts[..2], [Verdict::Held { by: id(99) }, Verdict::Held { by: id(99) }]);
    assert_eq!(verdicts[2].status(), "applied");
}

#[test]
fn what_is_only_referred_to_or_moved_on_holds_nobody() {
    let mut world = World::default();
    let verdicts = world.deliver(&[
        command(1, "NOTE_REFER_V1", "a"),
        command(2, "NOTE_ADVANCE_V1", "a"),
        command(3, "NOTE_CREATE_V1", "a"),
        command(4, "NOTE_ADVANCE_V1", "a"),
        command(5, "NOTE_REFER_V1", "a"),
    ]);
    let statuses: Vec<_> = verdicts.iter().map(Verdict::status).collect();
    assert_eq!(statuses, ["rejected", "rejected", "applied", "applied", "applied"]);
    // What changes the note does hold those who refer to it and those who move it on.
    let stale = edit(6, "a", Expected::Version(version(1)));
    let verdicts =
        world.deliver(&[stale, command(7, "NOTE_REFER_V1", "a"), command(8, "NOTE_ADVANCE_V1", "a")]);
    assert_eq!(verdicts[0].status(), "conflict");
    assert_eq!(verdicts[1..], [Verdict::Held { by: id(6) }, Verdict::Held { by: id(6) }]);
    let noted: Vec<_> = world.log.iter().map(|change| change.version.get()).collect();
    assert_eq!(noted, [1, 2]);
}

#[test]
fn a_command_that_stands_later_in_the_batch_has_not_been_applied_yet() {
    let mut world = World::default();
    let early = Command { depends_on: vec![id(2)], ..command(1, "NOTE_CREATE_V1", "a") };
    let verdicts = world.deliver(&[early.clone(), command(2, "NOTE_CREATE_V1", "b")]);
    assert_eq!((&verdicts[0], verdicts[1].status()), (&Verdict::Held { by: id(2) }, "applied"));
    assert_eq!(world.deliver(&[early])[0].status(), "applied");
}

#[test]
fn an_applied_predecessor_counts_even_when_its_id_was_refused_again_later() {
    let mut world = World::default();
    let create = command(1, "NOTE_CREATE_V1", "a");
    let mut twisted = create.clone();
    twisted.payload = json!({ "note": "z" });
    let next = Command { depends_on: vec![id(1)], ..command(2, "NOTE_CREATE_V1", "b") };
    let statuses: Vec<_> = world.deliver(&[create, twisted, next]).iter().map(Verdict::status).collect();
    assert_eq!(statuses, ["applied", "rejected", "applied"]);
}

#[test]
fn an_item_without_an_id_blocks_nothing() {
    let problem = Problem::new(ProblemCode::InvalidCommand, 422, "The item is not a command");
    let refused = Item::Refused(Box::new(Refused { command_id: None, command: None, problem }));
    let verdicts = World::default().deliver_items(vec![refused, ready(&command(1, "NOTE_CREATE_V1", "a"))]);
    assert_eq!((verdicts[0].status(), verdicts[1].status()), ("rejected", "applied"));
}

#[test]
fn a_missing_record_is_a_verdict_that_stays() {
    let mut world = World::default();
    let early = edit(1, "a", Expected::Version(version(1)));
    world.deliver(std::slice::from_ref(&early));
    world.deliver(&[command(2, "NOTE_CREATE_V1", "a")]);
    let verdicts = world.deliver(&[early]);
    assert!(
        matches!(&verdicts[0], Verdict::Rejected { problem, replayed: true } if problem.code == ProblemCode::RecordNotFound)
    );
}

#[test]
fn a_version_of_a_record_that_does_not_exist_is_a_verdict_that_stays() {
    let mut world = World::default();
    let expected = Some(Expected::Version(version(3)));
    let early = Command { expected, ..command(1, "NOTE_PUT_V1", "a") };
    for replay in [false, true] {
        let verdicts = world.deliver(std::slice::from_ref(&early));
        assert!(
            matches!(&verdicts[0], Verdict::Rejected { problem, replayed } if problem.code == ProblemCode::RecordNotFound && *replayed == replay)
        );
        world.deliver(&[command(2, "NOTE_CREATE_V1", "a")]);
    }
}

/// A later release of [`Count`], which touches one record more.
struct CountSecond;

impl CommandHandler for CountSecond {
    type Payload = NoteV1;
    const TYPE: &'static str = "NOTE_COUNT_V2";
    const POLICY: ConflictPolicy = ConflictPolicy::Commutes;

    fn touches(&self, payload: &NoteV1) -> Vec<Touch> {
        let tally = note(&RecordId::new("tally").unwrap());
        vec![Touch::update(note(&payload.note)), Touch::upsert(tally)]
    }

    fn handle(&self, context: &Context, records: &Records, payload: NoteV1) -> Result<Effect, Rejection> {
        Count.handle(context, records, payload)
    }
}

#[test]
fn a_retry_after_a_deploy_is_the_same_request() {
    let after = Registry::new().with(CountSecond).unwrap();
    let after = after.with_upcaster("NOTE_COUNT_V1", "NOTE_COUNT_V2", Ok).unwrap();
    let count = command(2, "NOTE_COUNT_V1", "a");
    let body = serde_json::to_vec(&json!({ "commands": [count] })).unwrap();
    let mut world = World::default();
    world.deliver(&[command(1, "NOTE_CREATE_V1", "a")]);
    for (registry, again) in [(registry(), false), (after, true)] {
        let items = read_batch(&body, &Limits::default(), &registry, Some(&count.workspace_id)).unwrap();
        let verdicts = world.deliver_items(items);
        assert!(
            matches!(verdicts[0], Verdict::Applied { replayed, .. } if replayed == again),
            "{verdicts:?}"
        );
    }
}

#[test]
fn a_clock_that_is_two_days_wrong_costs_nothing() {
    let mut world = World::default();
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let at = |number, age: Duration| Command {
        created_at: Timestamp::from_millis(1_795_370_400_000 - i64::try_from(age.as_millis()).unwrap()),
        ..command(number, "NOTE_CREATE_V1", &format!("n{number}"))
    };
    let verdicts = world.deliver(&[at(1, days(402)), at(2, days(402) + Duration::from_millis(1))]);
    assert_eq!((verdicts[0].status(), verdicts[1].status()), ("applied", "rejected"));
}

/// What a client could have in its outbox: creations, edits that follow on each other, counts, links.
fn outbox() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec((0..5_u8, 0..3_u8, prop::option::of(0..12_usize), any::<bool>()), 1..12).prop_map(
        |plans| {
            plans
                .into_iter()
                .enumerate()
                .map(|(index, (what, record, link, by_version))| {
                    let number = index as u128 + 1;
                    let record = format!("r{record}");
                    let linked = link.filter(|link| *link < index).map(|link| id(link as u128 + 1));
                    let mut made = match what {
                        0 => command(number, "NOTE_CREATE_V1", &record),
                        1 => command(number, "NOTE_DELETE_V1", &record),
                        2 => command(number, "NOTE_COUNT_V1", &record),
                        _ => match linked {
                            Some(after) if !by_version => edit(number, &record, Expected::After(after)),
                            _ => edit(
                                number,
                                &record,
                                Expected::Version(version(u64::from(record.as_bytes()[1] - b'0') + 1)),
                            ),
                        },
                    };
                    if by_version && what < 3 {
                        made.depends_on.extend(linked);
                    }
                    made
                })
                .collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// However a lane's commands are cut into batches and however often these are delivered, each takes effect at most once, and a verdict never changes.
    #[test]
    fn no_delivery_has_a_second_effect(commands in outbox(), deliveries in prop::collection::vec((0..12_usize, 1..6_usize), 1..20)) {
        let mut world = World::default();
        let mut settled: HashMap<CommandId, String> = HashMap::new();
        let whole = [(0, commands.len())];
        for (start, length) in deliveries.into_iter().chain(whole).chain(whole) {
            let start = start.min(commands.len() - 1);
            let batch = &commands[start..(start + length).min(commands.len())];
            let verdicts = world.deliver(batch);
            prop_assert_eq!(verdicts.len(), batch.len());
            for (command, verdict) in batch.iter().zip(&verdicts) {
                let stored = world.receipts.contains_key(command.idempotency_key.as_str());
                if stored {
                    let before = settled.entry(command.command_id).or_insert_with(|| verdict.status().into());
                    prop_assert_eq!(before.as_str(), verdict.status());
                }
                if let Verdict::Held { by } = verdict {
                    prop_assert!(*by != command.command_id);
                }
            }
        }
        let applied: Vec<_> = world.log.iter().map(|change| change.command_id).collect();
        prop_assert_eq!(applied.iter().collect::<HashSet<_>>().len(), applied.len(), "each command wrote once");
        let mut versions: BTreeMap<&RecordKey, u64> = BTreeMap::new();
        for (seq, change) in (1..).zip(&world.log) {
            prop_assert_eq!(change.seq, ChangeSeq::new(seq).unwrap(), "the log has no gap");
            let version = versions.entry(&change.key).or_default();
            *version += 1;
            prop_assert_eq!(change.version.get(), *version, "versions have no gap");
        }
        for (key, record) in world.records.iter() {
            prop_assert_eq!(record.version.get(), versions[key]);
        }
    }

    /// One large batch and many small ones come to the same.
    #[test]
    fn batches_are_only_a_way_of_sending(commands in outbox()) {
        let (mut whole, mut single) = (World::default(), World::default());
        let together = whole.deliver(&commands);
        let alone: Vec<_> = commands.iter().map(|command| single.deliver(std::slice::from_ref(command)).remove(0)).collect();
        for (index, verdict) in together.iter().enumerate() {
            // Alone, nothing but what a command names can hold it; together, its lane can as well.
            if !together[..=index].iter().any(|verdict| !matches!(verdict, Verdict::Applied { .. })) {
                prop_assert_eq!(verdict, &alone[index]);
            }
        }
    }
}

#[test]
fn rejections_hold_no_value_of_the_payload() {
    let mut world = World::default();
    let verdicts =
        world.deliver(&[edit(1, "a-name-that-is-nobodys-business", Expected::Version(version(1)))]);
    let Verdict::Rejected { problem, .. } = &verdicts[0] else { panic!("{verdicts:?}") };
    let said: Value = serde_json::to_value(problem).unwrap();
    assert!(!said.to_string().contains("nobody"));
}
