//! `cargo xtask fuzz`: every decoder against what libFuzzer thinks of.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, Outcome, file_failure};
use crate::process::Tool;
use crate::repository::Repository;
use crate::sim::compiling_with;

/// Each target by its corpus in `fuzz/corpus`.
const TARGETS: [&str; 11] = [
    "commands",
    "headers",
    "indexeddb",
    "json",
    "page",
    "parameters",
    "payload",
    "receipt",
    "sqlite",
    "timestamp",
    "wire",
];

/// What rustc adds to the workspace's crates: the doors, what tells the fuzzer where an input has led, and the checks of a debug build.
pub(crate) const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions=on -Coverflow-checks=on -Ccodegen-units=1";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run<'a> {
    seconds: &'a str,
    /// One target, or all.
    target: Option<&'a str>,
    /// Whether what was found is to be in the corpus from now on.
    keep: bool,
}

/// What the words after `fuzz` ask for.
pub(crate) fn parse<'a>(words: &[&'a str]) -> Outcome<Run<'a>> {
    let mut run = Run { seconds: "60", target: None, keep: false };
    let mut rest = words;
    loop {
        rest = match rest {
            [] => return Ok(run),
            ["--keep", rest @ ..] => {
                run.keep = true;
                rest
            }
            ["--seconds", seconds, rest @ ..] if seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0) => {
                run.seconds = seconds;
                rest
            }
            [target, rest @ ..] if run.target.is_none() && TARGETS.contains(target) => {
                run.target = Some(target);
                rest
            }
            [word, ..] => {
                let targets = TARGETS.join(", ");
                return Err(Failure::usage(format!(
                    "`fuzz` does not take `{word}`; the targets are {targets}"
                )));
            }
        };
    }
}

/// Builds the fuzzer and lets it work on each target in turn.
pub(crate) fn run(repository: &Repository, run: &Run<'_>) -> Outcome {
    let build =
        Tool::cargo(&repository.root).args("build --release --package offline-fuzz --features libfuzzer");
    compiling_with(build, FLAGS)?.run()?;
    let program = repository.target.join("release/offline-fuzz");
    for target in TARGETS.iter().filter(|target| run.target.is_none_or(|only| only == **target)) {
        println!("==> {target}");
        fuzz(repository, &program, target, run)?;
    }
    Ok(())
}

fn fuzz(repository: &Repository, program: &Path, target: &str, run: &Run<'_>) -> Outcome {
    let folder = |name: &str| {
        let dir = repository.target.join("fuzz").join(target).join(name);
        // What an earlier run has left is not wanted twice.
        let cleared = if dir.exists() { fs::remove_dir_all(&dir) } else { Ok(()) };
        let made = cleared.and_then(|()| fs::create_dir_all(&dir));
        made.map(|()| dir.display().to_string()).map_err(|error| file_failure("create", &dir, &error))
    };
    let (found, smallest) = (folder("found")?, folder("smallest")?);
    let lines = repository.root.join("fuzz/corpus").join(format!("{target}.jsonl")).display().to_string();
    let fuzzer = |arguments: &str| {
        let tool = Tool::new(program, &repository.root).env("FUZZ_TARGET", target);
        tool.or_else_try("The input that it stopped at is named above.").args(arguments)
    };
    fuzzer("-print_final_stats=1 -verbosity=0 -timeout=10 -rss_limit_mb=2048 -max_len=4096")
        .env("FUZZ_UNPACK", format!("{lines}:{found}"))
        .arg(format!("-max_total_time={}", run.seconds))
        .arg(format!("-artifact_prefix={}/fuzz/{target}/", repository.target.display()))
        .arg(&found)
        .run()?;
    if run.keep {
        // What is there stays, for it may show a bug that was repaired. How often a branch is taken is not worth a line, nor is a long input.
        fuzzer("-set_cover_merge=1 -use_counters=0 -verbosity=0 -max_len=512")
            .env("FUZZ_UNPACK", format!("{lines}:{smallest}"))
            .arg(&smallest)
            .arg(&found)
            .run()?;
        fuzzer("").env("FUZZ_PACK", format!("{smallest}:{lines}")).run()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_target_is_a_usage_error() {
        let run = parse(&["--seconds", "5", "json", "--keep"]).unwrap();
        assert_eq!(run, Run { seconds: "5", target: Some("json"), keep: true });
        for words in [&["xml"][..], &["json", "wire"], &["--seconds"], &["--seconds", "0"], &["--fast"]] {
            assert_eq!(parse(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }

    #[test]
    fn every_target_has_a_corpus_and_every_corpus_a_target() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        let name = |file: std::io::Result<fs::DirEntry>| file.unwrap().file_name().into_string().unwrap();
        let mut corpora: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
        corpora.sort();
        assert_eq!(corpora, TARGETS.map(|target| format!("{target}.jsonl")));
    }
}
