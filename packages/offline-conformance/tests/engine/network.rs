//! Trouble on the way to the server: nothing is lost, nothing is counted that was not sent.

use std::time::Duration;

use offline_core::{EnqueueRequest, NetworkVerdict, PauseReason, Phase, Signal, Status};
use offline_protocol::{CommandType, Timestamp};

use crate::rig::{Fault, Rig, acme, thing_bump};

#[test]
fn a_captive_portal_settles_nothing_and_is_shown_no_command() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Portal));
    rig.create(&tab, "a");
    rig.advance(3600);
    let outbox = rig.outbox(&tab);
    assert_eq!((outbox.len(), outbox[0].command.attempts, outbox[0].command.status), (1, 0, Status::Pending));
    assert_eq!(rig.server.deliveries().len(), 0);
    assert_eq!(tab.engine.connectivity().verdict, NetworkVerdict::CaptivePortal);
    rig.server.always(None);
    rig.advance(60);
    assert_eq!(rig.outbox(&tab), []);
    assert_eq!(tab.engine.connectivity().verdict, NetworkVerdict::Online);
}

#[test]
fn a_portal_in_the_middle_of_a_flush_settles_nothing() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.sync(&tab);
    rig.server.next(Fault::Portal);
    rig.create(&tab, "a");
    rig.world.settle();
    assert_eq!((rig.outbox(&tab).len(), rig.outbox(&tab)[0].command.attempts), (1, 1));
    rig.advance(60);
    assert_eq!(rig.server.effects(&acme()).len(), 1);
}

/// A gateway may have handed the request on before it answered in the server's place.
#[test]
fn what_somebody_else_has_answered_is_not_discarded_as_surely_not_applied() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.sync(&tab);
    rig.server.always(Some(Fault::Portal));
    let id = rig.create(&tab, "a");
    rig.world.settle();
    let report = rig.world.run(tab.engine.discard(id, None)).unwrap();
    assert_eq!(report.maybe_applied, [id]);
}

#[test]
fn an_answer_over_a_network_that_was_left_meanwhile_shows_no_command_to_the_next_one() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Slow(Duration::from_secs(2))));
    rig.create(&tab, "a");
    rig.advance(1);
    tab.network.hint_offline();
    rig.server.always(Some(Fault::Portal));
    rig.advance(5);
    tab.network.hint_online();
    rig.advance(60);
    assert_eq!((rig.server.deliveries().len(), rig.outbox(&tab).len()), (0, 1));
    assert_eq!(tab.engine.connectivity().verdict, NetworkVerdict::CaptivePortal);
}

#[test]
fn a_refused_token_pauses_and_a_login_continues() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.sync(&tab);
    rig.server.always(Some(Fault::Unauthorized));
    rig.create(&tab, "a");
    rig.advance(3600);
    let status = tab.engine.status();
    assert_eq!((status.phase, status.paused_by), (Phase::Paused, Some(PauseReason::Login)));
    let outbox = rig.outbox(&tab);
    assert_eq!((outbox.len(), outbox[0].command.attempts, outbox[0].command.status), (1, 0, Status::Pending));
    assert_eq!(rig.server.deliveries().len(), 1, "it does not knock again by itself");
    rig.create(&tab, "b");
    rig.server.always(None);
    tab.engine.signed_in();
    rig.world.settle();
    assert_eq!((rig.outbox(&tab).len(), rig.server.effects(&acme()).len()), (0, 2));
    assert_eq!(tab.engine.status().paused_by, None);
}

#[test]
fn an_old_client_pauses_and_keeps_everything() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Incompatible));
    rig.create(&tab, "a");
    rig.advance(3600);
    assert_eq!(tab.engine.status().paused_by, Some(PauseReason::Incompatible));
    assert_eq!(rig.outbox(&tab).len(), 1);
}

#[test]
fn the_servers_retry_after_is_honoured_and_a_person_may_end_it() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.sync(&tab);
    rig.server.next(Fault::Unavailable { retry_after: Some(Duration::from_secs(120)) });
    rig.create(&tab, "a");
    rig.world.settle();
    let sent = rig.server.deliveries().len() + rig.server.hellos();
    tab.engine.wake(Signal::Enqueued);
    tab.engine.wake(Signal::Hint);
    rig.advance(100);
    assert_eq!(rig.server.deliveries().len() + rig.server.hellos(), sent);
    assert_eq!(tab.engine.status().phase, Phase::Waiting);
    rig.sync(&tab);
    assert_eq!(rig.outbox(&tab), []);
}

#[test]
fn a_till_that_sells_without_a_network_does_not_try_it_at_every_sale() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Offline));
    rig.create(&tab, "a");
    rig.advance(60);
    let asked = rig.server.hellos();
    for _ in 0..100 {
        rig.enqueue(&tab, EnqueueRequest::new("THING_BUMP_V1", thing_bump("a", 1)));
    }
    rig.world.settle();
    assert_eq!(rig.server.hellos(), asked);
    rig.server.always(None);
    tab.network.hint_offline();
    tab.network.hint_online();
    rig.world.settle();
    assert_eq!(rig.outbox(&tab), [], "the platform's hint ends the wait");
}

#[test]
fn a_batch_over_the_servers_limit_is_halved_until_it_fits() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Offline));
    for index in 0..50 {
        rig.create(&tab, &format!("t{index}"));
    }
    rig.server.limit_items(7);
    rig.server.always(None);
    rig.advance(60);
    assert_eq!(rig.server.effects(&acme()).len(), 50);
    assert!(
        rig.journal(&tab).iter().all(|entry| entry.command.attempts == 1),
        "what was too large did not count"
    );
}

#[test]
fn one_item_that_the_server_puts_off_waits_alone() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.always(Some(Fault::Offline));
    let late = rig.create(&tab, "late");
    rig.create(&tab, "b");
    rig.server.retry_item(late, Some(Duration::from_secs(90)));
    rig.server.always(None);
    rig.advance(60);
    let outbox = rig.outbox(&tab);
    assert_eq!(outbox.len(), 1);
    assert!(outbox[0].command.next_attempt_at > Some(rig.now()));
    rig.server.retry_item(late, None);
    rig.advance(90);
    assert_eq!(rig.outbox(&tab), []);
}

#[test]
fn a_paused_type_stays_and_the_others_go() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.pause_types(vec![CommandType::new("THING_BUMP_V1").unwrap()]);
    rig.create(&tab, "a");
    rig.enqueue(&tab, EnqueueRequest::new("THING_BUMP_V1", thing_bump("a", 1)));
    rig.create(&tab, "b");
    rig.sync(&tab);
    let outbox = rig.outbox(&tab);
    assert_eq!((outbox.len(), outbox[0].command.attempts), (1, 0));
}

#[test]
fn a_type_that_is_paused_no_more_goes_although_the_network_was_well_all_the_time() {
    let mut rig = Rig::new();
    let (tab, _) = rig.device();
    rig.server.pause_types(vec![CommandType::new("THING_BUMP_V1").unwrap()]);
    rig.create(&tab, "a");
    rig.enqueue(&tab, EnqueueRequest::new("THING_BUMP_V1", thing_bump("a", 1)));
    rig.sync(&tab);
    assert_eq!(rig.outbox(&tab).len(), 1);
    rig.server.pause_types(Vec::new());
    rig.advance(60);
    assert_eq!(rig.outbox(&tab), []);
}

#[test]
fn an_exchange_that_never_ends_does_not_cost_the_lease() {
    let mut rig = Rig::new();
    let (tab, disk) = rig.device();
    rig.sync(&tab);
    rig.server.next(Fault::Slow(Duration::from_secs(100)));
    rig.create(&tab, "a");
    let follower = rig.open(&disk);
    rig.advance(99);
    assert!(tab.engine.status().leader && !follower.engine.status().leader);
    rig.advance(2);
    assert_eq!((rig.outbox(&tab).len(), rig.server.deliveries().len()), (0, 1));
}

#[test]
fn a_clock_that_is_set_back_while_the_journal_is_pruned_makes_no_wait_longer() {
    let mut rig = Rig::new();
    rig.max_items = 1;
    rig.reading = Duration::from_secs(1);
    rig.server.always(Some(Fault::Offline));
    let (tab, _) = rig.device();
    rig.create(&tab, "a");
    rig.create(&tab, "b");
    rig.server.always(None);
    rig.server.next(Fault::Slow(Duration::from_secs(10)));
    tab.network.hint_online();
    rig.advance(8);
    rig.server.always(Some(Fault::Unavailable { retry_after: None }));
    // The first one is applied, the second one is not, and the journal is being pruned.
    let applied = |rig: &Rig| rig.server.effects(&acme()).len();
    while applied(&rig) == 0 || tab.engine.status().phase != Phase::Waiting {
        rig.world.advance(Duration::from_millis(100));
    }
    let back = Timestamp::from_millis(rig.now().as_millis() - 30 * 86_400_000);
    rig.world.clock().jump(back);
    rig.server.always(None);
    rig.advance(600);
    assert_eq!((applied(&rig), rig.outbox(&tab).len()), (2, 0));
}
