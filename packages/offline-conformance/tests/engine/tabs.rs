//! Several tabs of one partition.

use std::{collections::HashSet, sync::atomic::Ordering};

use offline_core::{EnqueueRequest, Notice};
use offline_protocol::Version;

use crate::rig::{Fault, Rig, acme, thing, thing_bump};

#[test]
fn two_tabs_send_no_command_twice_and_keep_the_order_per_record() {
    let mut rig = Rig::new();
    let (one, disk) = rig.device();
    let two = rig.open(&disk);
    rig.server.always(Some(Fault::Offline));
    for index in 0..100 {
        let name = format!("t{}", index % 10);
        if index < 10 {
            rig.create(&one, &name);
        } else {
            rig.enqueue(&one, EnqueueRequest::new("THING_BUMP_V1", thing_bump(&name, 1)));
        }
        rig.enqueue(&two, EnqueueRequest::new("THING_BUMP_V1", thing_bump(&name, 1)));
    }
    rig.server.always(None);
    one.network.hint_online();
    two.network.hint_online();
    rig.advance(120);
    let sent: Vec<_> = rig
        .server
        .deliveries()
        .into_iter()
        .filter(|delivery| delivery.fault.is_none())
        .flat_map(|delivery| delivery.commands)
        .collect();
    let distinct: HashSet<_> = sent.iter().map(|command| command.command_id).collect();
    assert_eq!((sent.len(), distinct.len()), (200, 200));
    assert!(sent.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    for index in 0..10 {
        let record = rig.server.record(&acme(), &thing(&format!("t{index}"))).unwrap();
        assert_eq!(record.version, Version::new(20).unwrap());
    }
    assert_eq!(rig.counts(&disk).unsettled(), 0);
}

#[test]
fn a_follower_takes_over_when_the_leader_is_gone() {
    let mut rig = Rig::new();
    let (leader, disk) = rig.device();
    rig.sync(&leader);
    let follower = rig.open(&disk);
    rig.world.settle();
    assert!(leader.engine.status().leader && !follower.engine.status().leader);
    leader.crash(&mut rig);
    rig.create(&follower, "a");
    rig.advance(40);
    assert!(follower.engine.status().leader);
    assert_eq!(rig.outbox(&follower), []);
}

#[test]
fn a_leader_that_closes_hands_over_without_a_wait() {
    let mut rig = Rig::new();
    let (leader, disk) = rig.device();
    rig.sync(&leader);
    leader.engine.close();
    rig.world.settle();
    let next = rig.open(&disk);
    rig.create(&next, "a");
    rig.world.settle();
    assert_eq!(rig.outbox(&next), []);
}

#[test]
fn a_frozen_tab_that_wakes_late_overwrites_nothing() {
    let mut rig = Rig::new();
    let (frozen, disk) = rig.device();
    rig.sync(&frozen);
    // Its answer comes after its lease was taken: by a tab that knows, from a lock of the platform, that the other one does not count.
    rig.server.next(Fault::Slow(std::time::Duration::from_secs(4)));
    rig.create(&frozen, "a");
    rig.world.settle();
    let other = rig.open(&disk);
    other.engine.promote();
    rig.advance(2);
    assert_eq!(rig.outbox(&other), []);
    assert_eq!(rig.journal(&other).len(), 1);
    rig.advance(600);
    assert_eq!(rig.journal(&other).len(), 1);
    assert_eq!(rig.server.effects(&acme()).len(), 1);
    assert_eq!(
        [frozen.engine.status().leader, other.engine.status().leader].iter().filter(|leads| **leads).count(),
        1
    );
}

#[test]
fn a_follower_shows_what_the_leader_tells() {
    let mut rig = Rig::new();
    let (mut leader, disk) = rig.device();
    rig.sync(&leader);
    let follower = rig.open(&disk);
    rig.world.settle();
    rig.create(&follower, "a");
    leader.told();
    rig.sync(&leader);
    for notice in leader.told() {
        follower.engine.receive(&notice);
    }
    rig.world.settle();
    let (shown, truth) = (follower.engine.status(), leader.engine.status());
    assert_eq!(
        (shown.phase, shown.last_synced_at, shown.counts),
        (truth.phase, truth.last_synced_at, truth.counts)
    );
    assert!(!shown.leader);
}

#[test]
fn counts_that_could_not_be_read_are_read_again() {
    let mut rig = Rig::new();
    rig.server.always(Some(Fault::Offline));
    let (tab, disk) = rig.device();
    rig.create(&tab, "own");
    let other = rig.open(&disk);
    rig.create(&other, "others");
    rig.world.settle();
    assert_eq!(tab.engine.status().counts.pending, 1, "it was told of nothing");
    rig.uncounted.store(1, Ordering::Relaxed);
    tab.engine.receive(&Notice::Changed { command_ids: Vec::new() });
    rig.world.settle();
    assert_eq!(tab.engine.status().counts.pending, 1);
    rig.advance(5);
    assert_eq!(tab.engine.status().counts.pending, 2);
}

#[test]
fn who_takes_over_tells_that_anything_may_have_changed() {
    let mut rig = Rig::new();
    let (tab, disk) = rig.device();
    rig.sync(&tab);
    let mut follower = rig.open(&disk);
    rig.advance(1);
    let anything =
        |notice: &Notice| matches!(notice, Notice::Changed { command_ids } if command_ids.is_empty());
    assert!(!follower.told().iter().any(anything), "the first one flushes");
    tab.crash(&mut rig);
    rig.advance(60);
    assert!(follower.engine.status().leader);
    assert!(follower.told().iter().any(anything));
}
