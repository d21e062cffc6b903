//! Every task of this repository: `cargo xtask --help`.

mod apt;
mod bench;
mod browser;
mod check;
mod clock;
mod failure;
mod fuzz;
mod generate;
mod node;
mod postgres;
mod process;
mod repository;
mod run;
mod schemathesis;
mod setup;
mod sim;
mod stamp;
mod tally;
mod test;
mod wasm;
mod wasm_order;
mod wasm_target;

use std::process::ExitCode;

use failure::{Failure, Outcome};
use repository::Repository;
use test::Selection;
use wasm_target::WasmTarget;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match sim::as_compiler(&arguments).unwrap_or_else(|| dispatch(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let repository = Repository::find();
    match words.as_slice() {
        [] | ["help"] => help(),
        [.., "--help" | "-h"] if !words.contains(&"--") => help(),
        ["setup"] => setup::everything(&repository),
        ["wasm"] => wasm::engine(&repository),
        ["wasm", "--conformance"] => wasm::CONFORMANCE.build(&repository, &WasmTarget::ensure(&repository)?),
        ["wasm", "--check"] => wasm::check(&repository, &WasmTarget::ensure(&repository)?),
        ["generate"] => generate::types(&repository, generate::Mode::Update),
        ["check"] => check::all(&repository),
        ["test"] => test::run(&repository, Selection::All),
        ["test", "--quick"] => test::run(&repository, Selection::Quick),
        ["test", suite] if !suite.starts_with('-') => test::run(&repository, Selection::named(suite)?),
        ["bench", "server"] => bench::server(&repository),
        ["bench", "soak"] => bench::soak(&repository),
        ["bench", "sqlite"] => bench::sqlite(&repository),
        ["bench", "web"] => bench::web(&repository),
        ["fuzz", rest @ ..] => fuzz::run(&repository, &fuzz::parse(rest)?),
        ["sim", rest @ ..] => sim::run(&repository, &sim::parse(rest)?),
        ["run"] => run::serve(&repository, run::Database::Sqlite, &[]),
        ["run", "--", ..] => run::serve(&repository, run::Database::Sqlite, &arguments[2..]),
        ["run", "--postgres"] => run::serve(&repository, run::Database::Postgres, &[]),
        ["run", "--postgres", "--", ..] => run::serve(&repository, run::Database::Postgres, &arguments[3..]),
        [task, rest @ ..] => Err(unknown(task, rest)),
    }
}

fn unknown(task: &str, rest: &[&str]) -> Failure {
    const TASKS: [&str; 9] = ["setup", "wasm", "generate", "check", "test", "sim", "fuzz", "bench", "run"];
    if !TASKS.contains(&task) {
        return Failure::usage(format!("there is no task `{task}`; the tasks are {}", TASKS.join(", ")));
    }
    let hint = if task == "run" { " (flags of the server come after `--`)" } else { "" };
    Failure::usage(format!("`{task}` does not take `{}`{hint}", rest.join(" ")))
}

fn help() -> Outcome {
    print!(
        "\
Usage: cargo xtask <task>

  run [-- <server flags>]   build everything and serve the ERP on http://127.0.0.1:8787
  run --postgres            the same on a private PostgreSQL, which ends with the server
  test                      check, then every test suite; the last line counts the tests
  test --quick              the same without the suites that need a browser
  test <suite>              one suite alone, without check
  sim --seeds <n>           live through simulated worlds, `--from <seed>` on; the promises are checked in each
  sim --seed <seed>         live through one of them and tell its story
  sim --planted             how many worlds it takes to find each planted bug
  fuzz [--seconds 60] [<target>]
                            every decoder, or one, against what libFuzzer thinks of; `--keep` renews fuzz/corpus
  check                     fmt, clippy, rustdoc, generated types, wasm, TypeScript, lint
  bench web                 the engine in a browser beside plain IndexedDB; ROUNDS=5, MANY=100000
  bench sqlite              the engine on SQLite beside plain rusqlite; the same two variables, and FLUSH_MS=0 more for each flush of the disk
  bench server              the server over HTTP beside its stores; ROUNDS=3, MANY=3, FLUSH_MS=0
  bench soak                the server's memory and handles under a steady load; SECONDS=180
  generate                  rewrite the files that are generated from Rust types
  wasm                      the web app's engine, into apps/web/engine/pkg
  wasm --conformance        the browser test bundle, into packages/offline-web/conformance/pkg
  wasm --check              only compile the client crates for wasm32
  setup                     install what is missing; every task does this for what it needs

Suites:
{}
Environment: CHROMIUM names the browser of the tests; CARGO_TARGET_DIR is respected.
",
        test::suite_list()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(line: &str) -> String {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let failure = dispatch(&arguments).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        failure.to_string()
    }

    #[test]
    fn unknown_tasks_and_flags_are_usage_errors() {
        assert!(refused("fly").contains("there is no task `fly`"));
        assert!(refused("check --fast").contains("`check` does not take `--fast`"));
        assert!(refused("test --fast").contains("`test` does not take `--fast`"));
        assert!(refused("test rust e2e").contains("does not take `rust e2e`"));
        assert!(refused("run --listen :1").contains("after `--`"));
    }
}
