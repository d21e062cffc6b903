//! The end of a program at a bad moment. Dropping the runner is what a crash does: nothing more is written.

use offline_core::{EnqueueRequest, Unsynced};
use offline_protocol::{CommandId, IdempotencyKey, Timestamp};

use crate::rig::{Fault, Rig, acme, thing_bump, version};

#[test]
fn what_was_on_the_wire_is_sent_again_under_the_same_keys() {
    let mut rig = Rig::new();
    let (tab, disk) = rig.device();
    rig.sync(&tab);
    rig.server.next(Fault::Slow(std::time::Duration::from_secs(5)));
    rig.create(&tab, "a");
    rig.enqueue(&tab, EnqueueRequest::new("THING_BUMP_V1", thing_bump("a", 1)));
    rig.world.settle();
    tab.crash(&mut rig);
    let again = rig.open(&disk);
    rig.advance(60);
    assert_eq!(rig.outbox(&again), []);
    let keys = |delivery: usize| -> Vec<(CommandId, IdempotencyKey)> {
        let commands = rig.server.deliveries()[delivery].commands.clone();
        commands.into_iter().map(|command| (command.command_id, command.idempotency_key)).collect()
    };
    assert!(keys(1).starts_with(&keys(0)));
    assert_eq!(rig.server.effects(&acme()).len(), 2);
}

#[test]
fn a_crash_after_the_effect_and_before_the_answer_leads_to_one_effect() {
    let mut rig = Rig::new();
    let (tab, disk) = rig.device();
    rig.sync(&tab);
    rig.server.always(Some(Fault::AnswerLost));
    rig.create(&tab, "a");
    rig.world.settle();
    tab.crash(&mut rig);
    rig.server.always(None);
    let again = rig.open(&disk);
    rig.advance(60);
    assert_eq!((rig.outbox(&again).len(), rig.server.effects(&acme()).len()), (0, 1));
}

#[test]
fn a_clock_that_jumps_a_month_stops_nothing() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.create(&tab, "a");
    rig.sync(&tab);
    let month = 30 * 86_400_000;
    for (index, offset) in [month, -2 * month, month].into_iter().enumerate() {
        let now = rig.now().as_millis();
        rig.world.clock().jump(Timestamp::from_millis(now + offset));
        rig.rename(&tab, "a", &format!("a{index}"), version(1));
        rig.advance(60);
        assert_eq!(rig.outbox(&tab), [], "after the jump by {offset} ms");
    }
    assert_eq!(rig.on_server("a"), Some((4, "a2".into())));
}

#[test]
fn a_wipe_asks_before_it_loses_anything() {
    let mut rig = Rig::new();
    let (tab, disk) = rig.device();
    rig.server.always(Some(Fault::Offline));
    rig.create(&tab, "a");
    let refused = rig.world.run(tab.engine.wipe(Unsynced::Keep)).unwrap_err();
    assert_eq!(refused.code(), "unsynced");
    assert_eq!(rig.counts(&disk).pending, 1);
    rig.world.run(tab.engine.wipe(Unsynced::Lose)).unwrap();
    assert_eq!(rig.counts(&disk).unsettled(), 0);
}

#[test]
fn a_restart_without_a_network_still_says_when_it_was_synced_last() {
    let mut rig = Rig::new();
    let (tab, disk) = rig.device();
    rig.create(&tab, "a");
    rig.sync(&tab);
    let synced = tab.engine.status().last_synced_at;
    assert!(synced.is_some());
    tab.crash(&mut rig);
    rig.server.always(Some(Fault::Offline));
    rig.advance(3600);
    let again = rig.open(&disk);
    rig.advance(1);
    assert_eq!(again.engine.status().last_synced_at, synced);
}
