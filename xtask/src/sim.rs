//! `cargo xtask sim`: the deterministic simulator, by hand.

use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process::Tool;
use crate::repository::Repository;

/// Says to this program that cargo calls it in place of rustc, and with which flags it is to pass on.
const FLAGS: &str = "XTASK_RUSTC_FLAGS";

/// What the simulator is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Run<'a> {
    /// Live through so many worlds, from a seed on.
    Seeds(&'a str, &'a str),
    /// Live through one world, and tell its story.
    Seed(&'a str),
    /// Find the planted bugs.
    Planted,
}

/// What the words after `sim` ask for.
pub(crate) fn parse<'a>(words: &[&'a str]) -> Outcome<Run<'a>> {
    let number = |word: &&str| word.parse::<u64>().is_ok();
    match words {
        [] => Ok(Run::Seeds("20000", "0")),
        ["--seed", seed] if number(seed) => Ok(Run::Seed(seed)),
        ["--seeds", count] if number(count) => Ok(Run::Seeds(count, "0")),
        ["--seeds", count, "--from", first] if number(count) && number(first) => Ok(Run::Seeds(count, first)),
        ["--planted"] => Ok(Run::Planted),
        _ => Err(Failure::usage(format!("`sim` does not take `{}`", words.join(" ")))),
    }
}

/// Builds the simulator with optimisation and runs it.
pub(crate) fn run(repository: &Repository, run: &Run<'_>) -> Outcome {
    let tool = simulator(repository)?.arg("--");
    match run {
        Run::Seeds(count, first) => tool.arg("--seeds").arg(count).arg("--from").arg(first).run(),
        Run::Seed(seed) => tool.arg("--seed").arg(seed).run(),
        Run::Planted => planted(repository)?.run(),
    }
}

/// The simulator as a test; arguments for it come after `--`.
pub(crate) fn simulator(repository: &Repository) -> Outcome<Tool> {
    Ok(Tool::cargo(&repository.root).args("test --release --package offline-conformance --test sim"))
}

/// The simulator with planted bugs, each of which it has to find.
pub(crate) fn planted(repository: &Repository) -> Outcome<Tool> {
    Ok(compiling_with(simulator(repository)?, "--cfg planted")?.args("-- --planted"))
}

/// With more flags for the workspace's crates, and for no other: cargo calls this program for these, which passes on to rustc. So the
/// dependencies are those of any other build.
pub(crate) fn compiling_with(tool: Tool, flags: &str) -> Outcome<Tool> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("this program cannot be found or copied: {error}"), "Start it by `cargo xtask`.")
    };
    let own = std::env::current_exe().map_err(failed)?;
    // Cargo knows builds apart by the name of what it calls, and not by what that is told.
    let name = flags.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let named = own.with_file_name(format!("xtask-compiling-{name:x}"));
    std::fs::copy(&own, &named).map_err(failed)?;
    Ok(tool.env("RUSTC_WORKSPACE_WRAPPER", named).env(FLAGS, flags))
}

/// When cargo has called this program in place of rustc: passes on, with the flags that [`compiling_with`] wants.
pub(crate) fn as_compiler(arguments: &[String]) -> Option<Outcome> {
    let flags = std::env::var(FLAGS).ok()?;
    let (rustc, rest) = arguments.split_first()?;
    let failure = |why: String| Failure::new(why, "The lines above say why.");
    // Not a `Tool`: rustc must see every variable that cargo sets for it.
    Some(match Command::new(rustc).args(rest).args(flags.split_whitespace()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failure(format!("rustc failed ({status})"))),
        Err(error) => Err(failure(format!("rustc could not be started: {error}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_a_usage_error() {
        assert_eq!(parse(&["--seeds", "5", "--from", "7"]).unwrap(), Run::Seeds("5", "7"));
        assert_eq!(parse(&["--seed", "5"]).unwrap(), Run::Seed("5"));
        for words in [&["--seed", "x"][..], &["--seeds"], &["--seeds", "-1"], &["5"], &["--planted", "5"]] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }
}
