//! From the outbox to the journal.

use std::time::Duration;

use offline_core::{EnqueueRequest, EventKind, JournalOutcome, Notice, Phase};
use offline_protocol::Expected;

use crate::rig::{Fault, Rig, acme, pair_move, thing_bump, thing_create, version};

#[test]
fn what_was_made_without_a_network_is_synced_once_and_edits_do_not_conflict_with_one_another() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Offline));
    let create = rig.create(&tab, "a");
    // The page may still show the version it was drawn with: own commands never conflict with one another.
    for name in ["a2", "a3", "a4"] {
        rig.rename(&tab, "a", name, Expected::After(create));
    }
    rig.create(&tab, "b");
    rig.advance(3600);
    assert_eq!(rig.outbox(&tab).len(), 5);
    assert!(rig.outbox(&tab).iter().all(|entry| entry.command.attempts == 0), "nothing left the device");

    rig.server.always(None);
    rig.advance(60);
    assert_eq!(rig.outbox(&tab), []);
    assert_eq!(rig.on_server("a"), Some((4, "a4".into())));
    assert_eq!(rig.server.effects(&acme()).len(), 5);
    assert_eq!(rig.server.deliveries().len(), 1, "one batch holds whole lanes");
    let journal = rig.journal(&tab);
    assert_eq!(journal.iter().map(|entry| entry.command.seq.get()).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    assert!(journal.iter().all(|entry| matches!(entry.outcome, JournalOutcome::Applied { .. })));
}

#[test]
fn an_edit_of_what_was_just_synced_does_not_conflict_before_the_page_has_read_it_again() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.create(&tab, "a");
    rig.rename(&tab, "a", "a2", version(1));
    rig.sync(&tab);
    rig.rename(&tab, "a", "a3", version(1));
    rig.sync(&tab);
    assert_eq!((rig.outbox(&tab).len(), rig.on_server("a")), (0, Some((3, "a3".into()))));
}

#[test]
fn an_answer_that_is_lost_leads_to_one_effect() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Offline));
    rig.create(&tab, "a");
    rig.enqueue(&tab, EnqueueRequest::new("THING_BUMP_V1", thing_bump("a", 7)));
    rig.advance(1);
    rig.server.next(Fault::AnswerLost);
    rig.server.always(None);
    rig.advance(120);
    assert_eq!(rig.outbox(&tab), []);
    assert_eq!(rig.server.effects(&acme()).len(), 2);
    assert_eq!(rig.server.deliveries().len(), 2, "it was sent again");
    let journal = rig.journal(&tab);
    assert!(
        journal.iter().all(|entry| matches!(entry.outcome, JournalOutcome::Applied { replayed: true, .. }))
    );
    assert!(journal.iter().all(|entry| entry.command.attempts == 2));
}

#[test]
fn everything_that_happens_is_told_with_the_ids() {
    let mut rig = Rig::new();
    let (mut tab, _) = rig.device();
    let id = rig.create(&tab, "a");
    rig.sync(&tab);
    let events: Vec<_> = tab
        .told()
        .into_iter()
        .filter_map(|notice| match notice {
            Notice::Event(event) => Some(event.kind),
            _ => None,
        })
        .collect();
    let trace = rig.journal(&tab)[0].command.client_trace_id.clone();
    let about = |event: &EventKind| match event {
        EventKind::Enqueued { command_id, client_trace_id, .. }
        | EventKind::Outcome { command_id, client_trace_id, .. } => {
            Some((*command_id, client_trace_id.clone()))
        }
        _ => None,
    };
    assert_eq!(events.iter().filter_map(about).collect::<Vec<_>>(), [(id, trace.clone()), (id, trace)]);
    let names: Vec<_> =
        events.iter().map(|event| serde_json::to_value(event).unwrap()["type"].clone()).collect();
    assert_eq!(names, ["enqueued", "flush-started", "outcome", "flush-progress", "flush-finished"]);
    let status = tab.engine.status();
    assert_eq!((status.phase, status.counts.unsettled(), status.leader), (Phase::Idle, 0, true));
    assert_eq!(status.last_synced_at, Some(rig.now()));
}

#[test]
fn the_answer_to_sync_now_counts_what_is_left() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    for index in 0..20 {
        rig.create(&tab, &format!("t{index}"));
        let status = rig.world.run(tab.engine.sync_now()).unwrap();
        assert_eq!((status.counts.unsettled(), status.phase), (0, Phase::Idle));
    }
}

#[test]
fn sync_now_does_not_resolve_with_a_round_that_had_looked_before_it_was_asked() {
    let mut rig = Rig::new();
    rig.reading = Duration::from_millis(10);
    let (tab, _) = rig.device();
    rig.sync(&tab);
    let request = EnqueueRequest::new("THING_CREATE_V1", thing_create("t", "meanwhile"));
    let meanwhile = async {
        tab.engine.enqueue(request).await.unwrap();
        tab.engine.sync_now().await.unwrap()
    };
    let (first, second) = rig.world.run(futures_util::future::join(tab.engine.sync_now(), meanwhile));
    assert_eq!((first.unwrap().phase, second.counts.unsettled()), (Phase::Idle, 0));
    assert_eq!(rig.server.deliveries().len(), 1);
}

#[test]
fn a_burst_of_enqueues_is_told_as_one_change() {
    let mut rig = Rig::new();
    let (mut tab, _) = rig.device();
    rig.sync(&tab);
    tab.told();
    let request = |index: u64| EnqueueRequest::new("THING_BUMP_V1", thing_bump(&format!("t{index}"), 1));
    let burst = futures_util::future::join_all((0..500).map(|index| tab.engine.enqueue(request(index))));
    rig.world.run(burst);
    let told = tab.told();
    let enqueued = told.iter().filter(
        |notice| matches!(notice, Notice::Event(event) if matches!(event.kind, EventKind::Enqueued { .. })),
    );
    assert_eq!(enqueued.count(), 500);
    assert!(told.iter().filter(|notice| matches!(notice, Notice::Signal { .. })).count() <= 2);
}

#[test]
fn an_explicit_dependency_is_kept_over_lanes() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Offline));
    let poor = rig.create(&tab, "poor");
    let rich = rig.create(&tab, "rich");
    // Nobody has enough: refused by rule.
    let refused = rig
        .enqueue(&tab, EnqueueRequest::new("PAIR_MOVE_V1", pair_move("poor", "rich", 5)).depending_on(poor));
    let behind = rig.enqueue(
        &tab,
        EnqueueRequest::new("THING_CREATE_V1", crate::rig::thing_create("c", "c"))
            .depending_on(refused)
            .depending_on(rich),
    );
    rig.server.always(None);
    rig.advance(60);
    let outbox = rig.outbox(&tab);
    assert_eq!(outbox.iter().map(|entry| entry.command.command_id).collect::<Vec<_>>(), [refused, behind]);
    assert_eq!(outbox[1].held_by, Some(refused));
    assert_eq!(rig.on_server("c"), None);
}
