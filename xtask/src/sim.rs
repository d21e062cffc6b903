//! `cargo xtask sim`: the deterministic simulator, by hand.

use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::process::Tool;
use crate::repository::Repository;

/// Says to this program that cargo calls it in place of rustc, to compile the workspace's crates with planted bugs.
const PLANTING: &str = "XTASK_PLANTING";

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
    let tool = simulator(repository).arg("--");
    match run {
        Run::Seeds(count, first) => tool.arg("--seeds").arg(count).arg("--from").arg(first).run(),
        Run::Seed(seed) => tool.arg("--seed").arg(seed).run(),
        Run::Planted => planting(tool)?.arg("--planted").run(),
    }
}

/// The simulator as a test; arguments for it come after `--`.
pub(crate) fn simulator(repository: &Repository) -> Tool {
    Tool::cargo(&repository.root).args("test --release --package offline-conformance --test sim")
}

/// With planted bugs in the workspace's crates, and in no other: cargo calls this program for these, which passes on to rustc. So the
/// dependencies are those of any other build.
fn planting(tool: Tool) -> Outcome<Tool> {
    let own = std::env::current_exe().map_err(|error| {
        Failure::new(format!("this program cannot find itself: {error}"), "Start it by `cargo xtask`.")
    })?;
    Ok(tool.env("RUSTC_WORKSPACE_WRAPPER", own).env(PLANTING, "1"))
}

/// When cargo has called this program in place of rustc: passes on, with the cfg that plants the bugs.
pub(crate) fn as_compiler(arguments: &[String]) -> Option<Outcome> {
    std::env::var_os(PLANTING)?;
    let (rustc, rest) = arguments.split_first()?;
    let failure = |why: String| Failure::new(why, "The lines above say why.");
    // Not a `Tool`: rustc must see every variable that cargo sets for it.
    Some(match Command::new(rustc).args(rest).args(["--cfg", "planted"]).status() {
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
