//! A program dies at each of its named points, on the way of one day's work; whoever starts after it finds everything as promised.

use std::time::Duration;

use libtest_mimic::Trial;
use offline_core::{Dependants, OutboxEntry, OutboxQuery};

use crate::{
    executor::Owner,
    run::live_in,
    short::{Step, cast, do_one, settle_up},
    world::World,
};

/// Where a client may die.
const CLIENT: [&str; 17] = [
    "append: before the commit",
    "append: after the commit",
    "acquire: before the commit",
    "acquire: after the commit",
    "renew: before the commit",
    "renew: after the commit",
    "recover: before the commit",
    "recover: after the commit",
    "take_off: before the commit",
    "take_off: after the commit",
    "send: before the request leaves",
    "send: after the answer, before settle",
    "settle: before the commit",
    "settle: after the commit",
    "resolve: before the commit",
    "resolve: after the commit",
    "prune: before the commit",
];

/// Where the server may die.
const SERVER: [&str; 4] = [
    "server: asks for the membership",
    "server: a request has come",
    "server: before the commit",
    "server: after the commit",
];

/// One test a point.
pub(crate) fn trials() -> Vec<Trial> {
    let client = CLIENT.iter().map(|point| (*point, true));
    let server = SERVER.iter().map(|point| (*point, false));
    let trial = |(point, client): (&'static str, bool)| {
        let name = format!("crash_point::{}", point.replace([' ', ':', ','], "_"));
        Trial::test(name, move || die_at(point, client).map_err(Into::into))
    };
    let power = Trial::test("power_cut::what_was_sent_is_not_discarded_as_unsent", || {
        (0..20).try_for_each(power_cut_after_the_answer).map_err(Into::into)
    });
    client.chain(server).map(trial).chain([power]).collect()
}

/// The server has a command, and the machine loses its power before that is written down: who discards it then is told that the server may have it.
fn power_cut_after_the_answer(seed: u64) -> Result<(), String> {
    let mut died = false;
    let ended = live_in(World::new(seed, false, cast), |world| {
        world.open(0);
        world.run_until(20_000);
        world.shared.arm("send: after the answer, before settle");
        do_one(world, Step::Create);
        while !died && world.shared.now_ms() < 120_000 {
            while !died && world.turn(|_, _, _| true) {
                died = !world.shared.is_armed();
            }
            world.advance(Duration::from_secs(1));
        }
        world.power_cut(0);
        world.open(0);
        do_one(world, Step::Cut);
        let tab = world.tabs_of(0)[0];
        let engine = world.tabs[tab].as_ref().expect("the tab was opened").engine.clone();
        world.shared.queue.spawn(Owner::Tab(tab), async move {
            let outbox = engine.list(OutboxQuery::Seq { after: None, limit: 9 }).await.unwrap_or_default();
            for OutboxEntry { command, .. } in outbox {
                let _ = engine.discard(command.command_id, Some(Dependants::Discard)).await;
            }
        });
        let soon = world.shared.now_ms() + 10_000;
        world.run_until(soon);
        do_one(world, Step::Fair);
        settle_up(world);
    });
    match ended.failure {
        Some(failure) => Err(format!("seed {seed}: {failure}")),
        None if !died => Err(format!("seed {seed}: nothing was sent")),
        None => Ok(()),
    }
}

fn die_at(point: &'static str, client: bool) -> Result<(), String> {
    let mut died = false;
    let ended = live_in(World::new(7, false, cast), |world| {
        world.open(0);
        // Something parked, so that there is something to decide about.
        do_one(world, Step::Refused);
        world.run_until(20_000);
        world.shared.arm(point);
        for step in [Step::RetryParked, Step::Add, Step::Set] {
            do_one(world, step);
        }
        if point.starts_with("recover") || point.starts_with("acquire") {
            // These come at a start.
            world.crash(0);
            world.open(0);
        }
        while !died && world.shared.now_ms() < 120_000 {
            while !died && world.turn(|_, _, _| true) {
                died = !world.shared.is_armed();
            }
            world.advance(Duration::from_secs(1));
        }
        if client {
            world.tabs_of(0).into_iter().for_each(|tab| world.crash(tab));
        } else {
            world.crash_server();
            world.backend.start();
        }
        settle_up(world);
    });
    match ended.failure {
        Some(failure) => Err(failure),
        None if !died => Err(format!("nothing came to the point {point:?}")),
        None => Ok(()),
    }
}
