//! Lives through worlds, one or many.

use std::{
    num::NonZero,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    chaos::{Chaos, cast},
    finish,
    server::Backend,
    world::World,
};

/// How a run ended.
pub(crate) struct Ended {
    /// Turns taken, and the server with what it holds: two runs of one seed have the same.
    pub(crate) turns: u64,
    pub(crate) backend: Arc<Backend>,
    pub(crate) failure: Option<String>,
    pub(crate) story: Vec<String>,
}

/// Lives through the world of a seed.
pub(crate) fn live(seed: u64, traced: bool) -> Ended {
    live_in(World::new(seed, traced, cast), |world| {
        let mut chaos = Chaos::plan(world);
        chaos.run(world);
        finish::finish(world, &mut chaos);
    })
}

/// Lets something happen in a world; a panic is a broken promise like any other.
pub(crate) fn live_in(mut world: World, happens: impl FnOnce(&mut World)) -> Ended {
    let shared = world.shared.clone();
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| happens(&mut world))) {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        shared.fail(|| format!("a panic: {}", said.unwrap_or_default()));
    }
    let (turns, backend) = (world.turns, Arc::clone(&world.backend));
    Ended { turns, backend, failure: shared.failure(), story: shared.story() }
}

fn again(seed: u64, failure: &str) -> String {
    format!("seed {seed}: {failure}\n    see it again: cargo xtask sim --seed {seed}")
}

/// The first of these seeds that breaks a promise.
pub(crate) fn seeds(seeds: Range<u64>) -> Result<(), String> {
    for seed in seeds {
        if let Some(failure) = live(seed, false).failure {
            return Err(again(seed, &failure));
        }
    }
    Ok(())
}

/// A seed is a reproduction only if chance has no other source.
pub(crate) fn repeats() -> Result<(), String> {
    for seed in 0..10 {
        let (first, second) = (live(seed, false), live(seed, true));
        if (first.turns, first.backend.dump()) != (second.turns, second.backend.dump()) {
            return Err(format!("seed {seed} took {} turns, and then {}", first.turns, second.turns));
        }
    }
    Ok(())
}

pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// One world, with its story.
pub(crate) fn tell(seed: u64) -> ExitCode {
    let ended = live(seed, true);
    ended.story.iter().for_each(|line| println!("{line}"));
    match ended.failure {
        None => {
            println!("seed {seed}: every promise is kept ({} turns)", ended.turns);
            ExitCode::SUCCESS
        }
        Some(failure) => {
            println!("{}", again(seed, &failure));
            ExitCode::FAILURE
        }
    }
}

/// Many worlds, on all cores.
pub(crate) fn many(first: u64, count: u64) -> ExitCode {
    let (next, failed, turns) = (AtomicU64::new(first), AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return;
            }
            let ended = live(seed, false);
            turns.fetch_add(ended.turns, Ordering::Relaxed);
            if let Some(failure) = ended.failure {
                failed.fetch_add(1, Ordering::Relaxed);
                println!("{}", again(seed, &failure));
            }
            if (seed + 1 - first).is_multiple_of(10_000) {
                println!("... {} seeds", seed + 1 - first);
            }
        }
    };
    thread::scope(|scope| (0..cores()).for_each(|_| drop(scope.spawn(work))));
    let (failed, turns) = (failed.into_inner(), turns.into_inner());
    println!("{count} seeds, {turns} turns, {failed} broke a promise");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
