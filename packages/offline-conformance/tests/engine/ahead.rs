//! While a flight is in the air, the next one is put together.

use std::time::Duration;

use offline_conformance::fakes::Delivery;
use offline_protocol::CommandId;

use crate::rig::{Fault, Rig, Tab, acme, thing_create, version};

/// A tab that has no network yet, with batches of two.
fn offline() -> (Rig, Tab) {
    let mut rig = Rig::new();
    rig.max_items = 2;
    rig.server.always(Some(Fault::Offline));
    let (tab, _) = rig.device();
    (rig, tab)
}

/// Lets everything be sent, and says which batches were.
fn sent(rig: &mut Rig, tab: &Tab) -> Vec<Vec<CommandId>> {
    let before = rig.server.deliveries().len();
    rig.server.always(None);
    rig.sync(tab);
    let deliveries = rig.server.deliveries();
    let ids = |delivery: &Delivery| delivery.commands.iter().map(|command| command.command_id).collect();
    deliveries[before..].iter().map(ids).collect()
}

#[test]
fn what_comes_after_an_applied_command_goes_with_the_next_flight() {
    let (mut rig, tab) = offline();
    let [a, b] = ["a", "b"].map(|name| rig.create(&tab, name));
    let after_a = rig.rename(&tab, "a", "renamed", version(1));
    let [d, e] = ["d", "e"].map(|name| rig.create(&tab, name));
    assert_eq!(sent(&mut rig, &tab), [vec![a, b], vec![after_a, d], vec![e]]);
    assert_eq!(rig.on_server("a"), Some((2, "renamed".into())));
}

#[test]
fn what_comes_after_a_refused_command_stays() {
    let (mut rig, tab) = offline();
    rig.ben_renames("a", "ben's");
    let [a, b] = ["a", "b"].map(|name| rig.create(&tab, name));
    rig.rename(&tab, "a", "renamed", version(1));
    let [d, e] = ["d", "e"].map(|name| rig.create(&tab, name));
    assert_eq!(sent(&mut rig, &tab), [vec![a, b], vec![d, e]]);
    let held: Vec<_> = rig.outbox(&tab).into_iter().map(|entry| entry.held_by).collect();
    assert_eq!(held, [None, Some(a)]);
}

#[test]
fn what_a_person_sends_again_does_not_wait_for_the_end_of_a_long_outbox() {
    let (mut rig, tab) = offline();
    rig.ben_renames("a", "ben's");
    let refused = rig.create(&tab, "a");
    for number in 0..61 {
        rig.create(&tab, &format!("other-{number}"));
    }
    rig.server.always(Some(Fault::Slow(Duration::from_secs(1))));
    tab.network.hint_online();
    rig.advance(5);
    let edited = Some(thing_create("mine", "a").into());
    rig.world.run(tab.engine.retry_with_latest(refused, edited)).unwrap();
    let before = rig.server.deliveries().len();
    rig.advance(60);
    let deliveries = rig.server.deliveries();
    let is_in = |delivery: &Delivery| delivery.commands.iter().any(|command| command.command_id == refused);
    let flight = deliveries[before..].iter().position(is_in);
    assert!(before > 1 && deliveries.len() > before + 20, "{before} of {}", deliveries.len());
    assert!(flight.is_some_and(|flight| flight <= 9), "it went with the flight {flight:?}");
    assert_eq!(rig.server.effects(&acme()).len(), 62);
}

#[test]
fn what_a_person_discards_meanwhile_is_not_sent() {
    let (mut rig, tab) = offline();
    let [_a, _b, c, d] = ["a", "b", "c", "d"].map(|name| rig.create(&tab, name));
    rig.server.always(None);
    rig.server.next(Fault::Slow(Duration::from_secs(20)));
    tab.network.hint_online();
    rig.advance(10);
    assert_eq!(rig.server.deliveries().last().map(|delivery| delivery.commands.len()), Some(2));
    rig.world.run(tab.engine.discard(c, None)).unwrap();
    rig.advance(20);
    let effects = rig.server.effects(&acme());
    assert_eq!((effects.len(), effects.contains(&c), effects.contains(&d)), (3, false, true));
}
