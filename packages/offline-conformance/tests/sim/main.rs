//! The deterministic simulator: real engines and the real server core in one seeded world of faults. Without arguments it is a test; else
//!
//! - `--seeds N [--from S]`: lives through N worlds, and says for each that breaks a promise how to see it again;
//! - `--seed S`: lives through one, and tells its story;
//! - `--planted`: how many seeds it takes to find each planted bug (a build with `--cfg planted`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chaos;
mod commands;
mod dice;
mod disk;
mod executor;
mod file;
mod finish;
mod judge;
mod model;
mod net;
mod person;
#[cfg(planted)]
mod planted;
mod points;
mod run;
mod server;
mod server_file;
mod shared;
mod short;
mod shown;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// A quarter of the time goes into memory that is taken and given back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many worlds `cargo test` lives through, and `cargo xtask test`, which builds with optimisation.
const SEEDS: u64 = if cfg!(debug_assertions) { 40 } else { 20_000 };

/// The worlds of one test.
const BATCH: u64 = if cfg!(debug_assertions) { 20 } else { 1000 };

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = given.iter().map(String::as_str).collect();
    // Handlers panic on purpose, and a run that panics reports it.
    std::panic::set_hook(Box::new(|_| {}));
    match words.as_slice() {
        ["--seed", seed] => number(seed).map_or(ExitCode::from(2), run::tell),
        ["--seeds", count] => number(count).map_or(ExitCode::from(2), |count| run::many(0, count)),
        ["--seeds", count, "--from", first] => match (number(count), number(first)) {
            (Some(count), Some(first)) => run::many(first, count),
            _ => ExitCode::from(2),
        },
        #[cfg(planted)]
        ["--planted"] => planted::report(),
        _ => test(),
    }
}

fn number(word: &str) -> Option<u64> {
    let number = word.parse().ok();
    if number.is_none() {
        eprintln!("{word:?} is not a number");
    }
    number
}

fn test() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The hook is the whole program's: a test that wants a panic to be told has none here.
    arguments.test_threads = arguments.test_threads.or_else(|| Some(run::cores()));
    let mut trials: Vec<Trial> = (0..SEEDS.div_ceil(BATCH))
        .map(|batch| {
            let first = batch * BATCH;
            let last = (first + BATCH).min(SEEDS);
            let name = format!("every_promise_is_kept_in_the_worlds_from_{first}_to_{}", last - 1);
            Trial::test(name, move || run::seeds(first..last).map_err(Into::into))
        })
        .collect();
    trials.push(Trial::test("the_same_seed_is_the_same_world", || run::repeats().map_err(Into::into)));
    trials.extend(points::trials());
    if !cfg!(debug_assertions) {
        trials.extend(short::trials());
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    println!("programs died {} times in the short days", short::deaths());
    conclusion.exit_code()
}
