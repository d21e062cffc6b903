//! What waits for a person, and what waits behind it.

use offline_core::{Dependants, EngineError, EnqueueRequest, JournalOutcome, OutboxEntry, Status};
use offline_protocol::{CommandId, Expected};
use serde_json::json;

use crate::rig::{Fault, Rig, Tab, pair_move, thing_bump, thing_update, version};

fn ids(entries: &[OutboxEntry]) -> Vec<CommandId> {
    entries.iter().map(|entry| entry.command.command_id).collect()
}

/// Ana renames `a` twice while ben has renamed it; she also makes `b`. Returns her two commands.
fn conflict(rig: &mut Rig, tab: &Tab) -> (CommandId, CommandId) {
    rig.create(tab, "a");
    rig.sync(tab);
    rig.server.always(Some(Fault::Offline));
    let first = rig.rename(tab, "a", "ana's", version(1));
    let second = rig.rename(tab, "a", "ana's second", version(1));
    rig.create(tab, "b");
    rig.ben_renames("a", "ben's");
    rig.server.always(None);
    rig.sync(tab);
    (first, second)
}

#[test]
fn a_conflict_shows_the_servers_version_and_lets_the_others_through() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let (first, second) = conflict(&mut rig, &tab);
    let outbox = rig.outbox(&tab);
    assert_eq!(ids(&outbox), [first, second]);
    let conflict = outbox[0].command.conflict.as_ref().expect("the server's word");
    assert_eq!((conflict.server_version.get(), conflict.changed_by.as_str()), (2, "ben"));
    assert_eq!(conflict.server_snapshot.as_ref().unwrap()["name"], "ben's");
    assert_eq!((outbox[0].command.status, outbox[1].held_by), (Status::Conflict, Some(first)));
    assert_eq!(rig.on_server("b"), Some((1, "b".into())));
    let status = tab.engine.status();
    assert_eq!((status.counts.conflict, status.counts.pending), (1, 1));
}

#[test]
fn retry_with_latest_applies_the_command_and_those_behind_it() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let (first, _) = conflict(&mut rig, &tab);
    let key = rig.outbox(&tab)[0].command.idempotency_key.clone();
    rig.world.run(tab.engine.retry_with_latest(first, None)).unwrap();
    assert_ne!(rig.outbox(&tab)[0].command.idempotency_key, key, "the old key has its verdict for ever");
    rig.sync(&tab);
    assert_eq!(rig.outbox(&tab), []);
    assert_eq!(rig.on_server("a"), Some((4, "ana's second".into())));
}

#[test]
fn a_parked_command_can_be_edited_and_sent_again() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let (first, _) = conflict(&mut rig, &tab);
    let nonsense = rig.world.run(tab.engine.retry_with_latest(first, Some(json!({ "thingId": 7 }).into())));
    assert_eq!(nonsense.unwrap_err().code(), "invalid-payload");
    rig.world.run(tab.engine.retry_with_latest(first, Some(thing_update("a", "both").into()))).unwrap();
    let twice = rig.world.run(tab.engine.retry_with_latest(first, None));
    assert!(matches!(twice, Err(EngineError::NotParked)));
    rig.sync(&tab);
    let journal = rig.journal(&tab);
    let edited = journal.iter().find(|entry| entry.command.command_id == first).unwrap();
    assert_eq!(edited.command.payload.value()["name"], "both");
    assert_eq!(rig.on_server("a"), Some((4, "ana's second".into())));
}

#[test]
fn discard_asks_what_becomes_of_the_dependants() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let (first, second) = conflict(&mut rig, &tab);
    assert_eq!(ids(&rig.world.run(tab.engine.blast_radius(first)).unwrap()), [second]);
    let asked = rig.world.run(tab.engine.discard(first, None)).unwrap_err();
    assert!(matches!(asked, EngineError::HasDependants { count: 1 }));
    let report = rig.world.run(tab.engine.discard(first, Some(Dependants::Discard))).unwrap();
    assert_eq!(report.discarded, [first, second]);
    rig.sync(&tab);
    assert_eq!((rig.outbox(&tab).len(), rig.on_server("a")), (0, Some((2, "ben's".into()))));
    let discarded = rig
        .journal(&tab)
        .iter()
        .filter(|entry| matches!(entry.outcome, JournalOutcome::Discarded { .. }))
        .count();
    assert_eq!(discarded, 2);
}

#[test]
fn dependants_that_are_kept_come_after_what_the_discarded_one_came_after() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let (first, second) = conflict(&mut rig, &tab);
    rig.world.run(tab.engine.discard(first, Some(Dependants::Keep))).unwrap();
    rig.sync(&tab);
    // It was made against version 1, as the first was: now it is the one that meets ben's.
    let outbox = rig.outbox(&tab);
    assert_eq!((ids(&outbox), outbox[0].command.status), (vec![second], Status::Conflict));
    rig.world.run(tab.engine.retry_with_latest(second, None)).unwrap();
    rig.sync(&tab);
    assert_eq!(rig.on_server("a"), Some((3, "ana's second".into())));
}

#[test]
fn a_refused_command_holds_its_dependants_and_the_rest_is_synced() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Offline));
    let negative = json!({ "thingId": "a", "name": "a", "amount": 1 });
    rig.enqueue(&tab, EnqueueRequest::new("THING_CREATE_V1", negative));
    let refused = EnqueueRequest::new("THING_UPDATE_V1", json!({ "thingId": "a", "amount": -5 }));
    let refused = rig.enqueue(&tab, refused.expecting(version(1)));
    let behind = rig.enqueue(&tab, EnqueueRequest::new("THING_BUMP_V1", thing_bump("a", 1)));
    rig.create(&tab, "b");
    rig.server.always(None);
    rig.advance(60);
    let outbox = rig.outbox(&tab);
    assert_eq!(ids(&outbox), [refused, behind]);
    assert_eq!((outbox[0].command.status, outbox[1].held_by), (Status::Failed, Some(refused)));
    let error = outbox[0].command.last_error.as_ref().unwrap();
    assert!(error.problem.is_some(), "the server's reason");
    assert_eq!((rig.on_server("a").unwrap().0, rig.on_server("b").unwrap().0), (1, 1));

    // New work flows past it, and the parked ones are not sent again.
    let sent = rig.server.deliveries().len();
    rig.create(&tab, "c");
    rig.advance(600);
    assert_eq!(rig.on_server("c"), Some((1, "c".into())));
    assert_eq!(rig.server.deliveries().len(), sent + 1);
}

#[test]
fn only_what_may_be_discarded_is() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.sync(&tab);
    rig.server.next(Fault::Hangs);
    let id = rig.create(&tab, "a");
    rig.world.settle();
    let refused = rig.world.run(tab.engine.discard(id, None));
    assert!(matches!(refused, Err(EngineError::InFlight)));
    let stranger = CommandId::new("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
    assert!(matches!(rig.world.run(tab.engine.discard(stranger, None)), Err(EngineError::NotFound)));
    assert!(matches!(rig.world.run(tab.engine.retry_with_latest(id, None)), Err(EngineError::NotParked)));
    assert_eq!(rig.outbox(&tab).len(), 1);
}

#[test]
fn what_stays_behind_a_discarded_command_that_the_server_may_have_goes_its_own_way() {
    for server_has_it in [true, false] {
        let mut rig = Rig::new();
        let (tab, _) = rig.device();
        rig.create(&tab, "a");
        rig.sync(&tab);
        rig.server.next(if server_has_it {
            Fault::AnswerLost
        } else {
            Fault::Unavailable { retry_after: None }
        });
        rig.server.always(Some(Fault::Offline));
        let first = rig.rename(&tab, "a", "first", version(1));
        let second = rig.rename(&tab, "a", "second", version(1));
        rig.world.settle();
        let report = rig.world.run(tab.engine.discard(first, Some(Dependants::Keep))).unwrap();
        assert_eq!(report.maybe_applied.contains(&first), rig.server.deliveries()[1].fault.is_some());
        rig.server.always(None);
        rig.advance(600);
        if server_has_it {
            assert_eq!((rig.outbox(&tab).len(), rig.on_server("a")), (0, Some((3, "second".into()))));
            continue;
        }
        // The server never heard of the first: the second is parked with a reason, and a person leads it on.
        let outbox = rig.outbox(&tab);
        assert_eq!(outbox[0].command.last_error.as_ref().unwrap().code, "unknown-dependency");
        // The server has no verdict on its key: a late copy of the request and this one must not both take effect.
        let key = outbox[0].command.idempotency_key.clone();
        rig.world.run(tab.engine.retry_with_latest(second, None)).unwrap();
        assert_eq!(rig.outbox(&tab)[0].command.idempotency_key, key);
        assert!(rig.outbox(&tab)[0].command.attempts > 0, "it may have been applied all the same");
        rig.sync(&tab);
        assert_eq!(rig.outbox(&tab)[0].command.status, Status::Conflict);
        rig.world.run(tab.engine.retry_with_latest(second, None)).unwrap();
        rig.sync(&tab);
        assert_eq!((rig.outbox(&tab).len(), rig.on_server("a")), (0, Some((2, "second".into()))));
    }
}

#[test]
fn own_commands_that_wait_for_one_that_the_server_never_had_do_not_conflict_with_one_another() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.create(&tab, "a");
    rig.create(&tab, "b");
    rig.sync(&tab);
    rig.server.next(Fault::Unavailable { retry_after: None });
    rig.server.always(Some(Fault::Offline));
    let lost = rig.rename(&tab, "a", "lost", version(1));
    let moved =
        rig.enqueue(&tab, EnqueueRequest::new("PAIR_MOVE_V1", pair_move("a", "b", 1)).depending_on(lost));
    let named = rig.rename(&tab, "b", "named", Expected::After(moved));
    rig.world.settle();
    rig.world.run(tab.engine.discard(lost, Some(Dependants::Keep))).unwrap();
    rig.server.always(None);
    rig.advance(3600);
    let codes = |outbox: Vec<OutboxEntry>| -> Vec<_> {
        outbox.into_iter().map(|entry| entry.command.last_error.map(|error| error.code)).collect()
    };
    assert_eq!(
        codes(rig.outbox(&tab)),
        ["unknown-dependency", "unknown-dependency"].map(|code| Some(code.into()))
    );
    rig.world.run(tab.engine.retry_with_latest(named, None)).unwrap();
    let again = rig.outbox(&tab).pop().unwrap().command;
    assert_eq!((again.status, again.expected), (Status::Pending, Some(Expected::After(moved))));
}

#[test]
fn a_conflict_with_the_second_record_says_nothing_of_the_version_of_the_first() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    for id in ["a", "b", "c"] {
        rig.create(&tab, id);
    }
    rig.sync(&tab);
    rig.ben_renames("b", "ben's");
    rig.ben_deletes("b");
    let moved = EnqueueRequest::new("PAIR_MOVE_V1", pair_move("a", "b", 0)).expecting(version(1));
    let moved = rig.enqueue(&tab, moved);
    rig.sync(&tab);
    let conflict = rig.outbox(&tab)[0].command.conflict.clone().expect("the server's word");
    assert_eq!((conflict.id.as_str(), conflict.server_version.get()), ("b", 3));
    let elsewhere = pair_move("a", "c", 0);
    rig.world.run(tab.engine.retry_with_latest(moved, Some(elsewhere.into()))).unwrap();
    rig.sync(&tab);
    assert_eq!((rig.outbox(&tab), rig.on_server("a").unwrap().0), (vec![], 2));
}

#[test]
fn what_stays_behind_a_discarded_command_never_goes_unchecked() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.create(&tab, "a");
    rig.create(&tab, "b");
    rig.sync(&tab);
    // Refused by rule, and without a version of its own: what came after it has none to inherit.
    let refused = rig.enqueue(&tab, EnqueueRequest::new("PAIR_MOVE_V1", pair_move("b", "a", 5)));
    let behind_b = rig.rename(&tab, "b", "ana's b", version(1));
    // The version that this one expects speaks of a, and not of b.
    let of_a = EnqueueRequest::new("PAIR_MOVE_V1", pair_move("a", "b", 5)).expecting(version(1));
    let of_a = rig.enqueue(&tab, of_a);
    rig.sync(&tab);
    rig.world.run(tab.engine.discard(refused, Some(Dependants::Keep))).unwrap();
    let outbox = rig.outbox(&tab);
    let expected = |id| outbox.iter().find(|entry| entry.command.command_id == id).unwrap().command.expected;
    assert_eq!((expected(behind_b), expected(of_a)), (Some(version(0)), Some(version(0))));
    rig.sync(&tab);
    assert_eq!(rig.outbox(&tab)[0].command.status, Status::Conflict);
    rig.world.run(tab.engine.retry_with_latest(behind_b, None)).unwrap();
    rig.sync(&tab);
    assert_eq!(rig.on_server("b"), Some((2, "ana's b".into())));
}

#[test]
fn a_command_can_be_led_to_another_record_and_what_came_after_it_led_on() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    let (first, second) = conflict(&mut rig, &tab);
    rig.ben_renames("b", "ben's b");
    // The conflict's version speaks of a; b has the same one, and its author has not seen it.
    rig.world.run(tab.engine.retry_with_latest(first, Some(thing_update("b", "ana's b").into()))).unwrap();
    rig.sync(&tab);
    assert_eq!(rig.outbox(&tab)[0].command.status, Status::Conflict);
    rig.world.run(tab.engine.retry_with_latest(first, None)).unwrap();
    rig.sync(&tab);
    assert_eq!(rig.on_server("b"), Some((3, "ana's b".into())));
    // The second follows a command that wrote another record: it says so, and is not stuck with it.
    let outbox = rig.outbox(&tab);
    assert_eq!((ids(&outbox), outbox[0].command.status), (vec![second], Status::Failed));
    for _ in 0..2 {
        rig.world.run(tab.engine.retry_with_latest(second, None)).unwrap();
        rig.sync(&tab);
    }
    assert_eq!((rig.outbox(&tab).len(), rig.on_server("a")), (0, Some((3, "ana's second".into()))));
}
