//! Every test suite of the repository, one summary at the end.

use crate::browser;
use crate::check;
use crate::clock::{Stopwatch, step};
use crate::failure::{Failure, Outcome};
use crate::node::{self, npm};
use crate::postgres;
use crate::process::Tool;
use crate::repository::Repository;
use crate::run;
use crate::schemathesis;
use crate::sim;
use crate::tally::{Runner, Tally};
use crate::wasm;
use crate::wasm_target::WasmTarget;

/// A test suite: what runs it and what it needs built before.
struct Suite {
    name: &'static str,
    about: &'static str,
    /// A file without which the suite cannot exist; its absence is an error, not a reason to skip.
    home: &'static str,
    runner: Runner,
    /// Fewer tests than this are a failure.
    fewest: u64,
    needs: Needs,
    command: fn(&Repository) -> Outcome<Tool>,
}

/// What is built before a suite runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// PostgreSQL's programs.
    Postgres,
    /// The server, and Schemathesis.
    Api,
    /// npm packages and the engine's bundle, which TypeScript imports.
    Engine,
    /// Chromium and the conformance bundle.
    Conformance,
    /// Chromium, the engine's bundle, the web app and the server.
    App,
    /// Firefox, WebKitGTK and the conformance bundle.
    OtherBrowsers,
}

/// Every suite, in the order in which they run. A new suite is a new entry here, and nothing else.
const SUITES: [Suite; 8] = [
    Suite {
        name: "rust",
        about: "all Rust tests that need no browser",
        home: "Cargo.toml",
        runner: Runner::Cargo,
        fewest: 1,
        needs: Needs::Postgres,
        command: rust,
    },
    Suite {
        name: "sim",
        about: "20,000 simulated worlds, built with optimisation",
        home: "packages/offline-conformance/tests/sim",
        runner: Runner::Cargo,
        fewest: 1,
        needs: Needs::Nothing,
        command: sim::simulator,
    },
    Suite {
        name: "planted",
        about: "the simulator finds each of 22 bugs that are planted",
        home: "packages/offline-conformance/tests/sim/planted.rs",
        runner: Runner::Cargo,
        fewest: 22,
        needs: Needs::Nothing,
        command: sim::planted,
    },
    Suite {
        name: "api",
        about: "Schemathesis tries what docs/openapi.json promises, against the real server",
        home: "apps/server/schemathesis/run.py",
        runner: Runner::Schemathesis,
        fewest: 2000,
        needs: Needs::Api,
        command: |repository| {
            let python = repository.target.join("schemathesis/bin/python");
            Ok(Tool::new(python, &repository.root).arg("apps/server/schemathesis/run.py"))
        },
    },
    Suite {
        name: "vitest",
        about: "unit tests of the TypeScript packages",
        home: "packages/offline-react/package.json",
        runner: Runner::Vitest,
        fewest: 1,
        needs: Needs::Engine,
        command: |repository| Ok(npm(repository).args("run test --workspaces --if-present")),
    },
    Suite {
        name: "conformance",
        about: "the browser adapters against the suites of every port, in Chromium",
        home: "packages/offline-web/e2e",
        runner: Runner::Playwright,
        fewest: 1,
        needs: Needs::Conformance,
        command: |repository| Ok(npm(repository).args("run e2e --workspace packages/offline-web")),
    },
    Suite {
        name: "e2e",
        about: "the ERP in Chromium against the real server",
        home: "apps/web/e2e",
        runner: Runner::Playwright,
        fewest: 1,
        needs: Needs::App,
        command: |repository| Ok(npm(repository).args("run e2e --workspace erp-web")),
    },
    Suite {
        name: "browsers",
        about: "the browser adapters against the suites of every port, in Firefox and WebKitGTK",
        home: "packages/offline-web/e2e/browsers.suite.ts",
        runner: Runner::Playwright,
        fewest: 1,
        needs: Needs::OtherBrowsers,
        command: |repository| Ok(npm(repository).args("run e2e:browsers --workspace packages/offline-web")),
    },
];

/// Crates that only link for the browser.
const BROWSER_CRATES: [&str; 2] = ["erp-engine", "offline-web-conformance"];

/// The variable that tells the browser suites where the server's binary is.
const SERVER_VARIABLE: &str = "ERP_SERVER";

/// Which suites to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The checks, then every suite.
    All,
    /// The checks, then the suites that need no browser.
    Quick,
    /// One suite alone, by its place in the list.
    One(usize),
}

impl Selection {
    /// The suite of that name.
    pub(crate) fn named(name: &str) -> Outcome<Self> {
        SUITES.iter().position(|suite| suite.name == name).map(Self::One).ok_or_else(|| {
            Failure::usage(format!("there is no suite `{name}`; the suites are {}", suite_names()))
        })
    }

    fn includes(self, index: usize, suite: &Suite) -> bool {
        match self {
            Self::All => true,
            Self::Quick => {
                matches!(suite.needs, Needs::Nothing | Needs::Postgres | Needs::Api | Needs::Engine)
            }
            Self::One(chosen) => chosen == index,
        }
    }
}

/// The names of all suites, for messages.
pub(crate) fn suite_names() -> String {
    SUITES.map(|suite| suite.name).join(", ")
}

/// One line on each suite, for `--help`.
pub(crate) fn suite_list() -> String {
    SUITES.iter().map(|suite| format!("    {:<12} {}\n", suite.name, suite.about)).collect()
}

/// Runs the selected suites up to the first that fails, then says what was counted.
pub(crate) fn run(repository: &Repository, selection: Selection) -> Outcome {
    let whole = Stopwatch::start();
    let mut lines = Vec::new();
    if !matches!(selection, Selection::One(_)) {
        check::all(repository)?;
        lines.push(format!("  {:<12} ok ({whole})", "check"));
    }
    let mut total = Tally::default();
    let mut result = Ok(());
    for (index, suite) in SUITES.iter().enumerate() {
        if !selection.includes(index, suite) {
            continue;
        }
        if result.is_err() {
            lines.push(format!("  {:<12} not run", suite.name));
            continue;
        }
        let watch = Stopwatch::start();
        let mut tally = Tally::default();
        result = suite.run(repository, &mut tally);
        let mark = if result.is_ok() { "" } else { " <- failed" };
        lines.push(format!("  {:<12} {tally} ({watch}){mark}", suite.name));
        total += tally;
    }
    println!("\n==> summary ({whole} in all)\n{}\n", lines.join("\n"));
    if result.is_err() && total.failed == 0 {
        println!("{} passed; a suite did not come to its end", total.passed);
    } else {
        println!("{} passed, {} failed", total.passed, total.failed);
    }
    result
}

impl Suite {
    fn run(&self, repository: &Repository, tally: &mut Tally) -> Outcome {
        if !repository.has(self.home) {
            let what = format!("the suite {} is gone: {} does not exist", self.name, self.home);
            return Err(Failure::new(what, "Restore it, or take it off the list in xtask/src/test.rs."));
        }
        let tool = self.prepare(repository)?;
        println!("==> suite {}", self.name);
        let ended = tool
            .or_else_try(format!("`cargo xtask test {}` runs this suite alone.", self.name))
            .watch(|line| *tally += self.runner.read(line))?;
        ended?;
        self.judge(*tally)
    }

    /// Builds what the suite needs and returns the command that runs it.
    fn prepare(&self, repository: &Repository) -> Outcome<Tool> {
        let tool = (self.command)(repository)?;
        if self.needs == Needs::Nothing {
            return Ok(tool);
        }
        if self.needs == Needs::Postgres {
            step("setup PostgreSQL", || postgres::ensure(repository))?;
            return Ok(tool);
        }
        if self.needs == Needs::Api {
            step("setup Schemathesis", || schemathesis::ensure(repository))?;
            run::server(repository)?;
            return Ok(tool.env(SERVER_VARIABLE, repository.binary("erp-server")));
        }
        step("setup", || node::ensure_packages(repository))?;
        let target = step("setup wasm", || WasmTarget::ensure(repository))?;
        match self.needs {
            Needs::Conformance | Needs::OtherBrowsers => wasm::CONFORMANCE.build(repository, &target)?,
            _ => wasm::ENGINE.build(repository, &target)?,
        }
        // Runners that know it refuse a forgotten `.only`, and never wait for a person.
        let tool = tool.env("CI", "1");
        if self.needs == Needs::Engine {
            return Ok(tool);
        }
        if self.needs == Needs::OtherBrowsers {
            let browsers =
                step("setup Firefox and WebKitGTK", || browser::OtherBrowsers::ensure(repository))?;
            return Ok(browsers.name_to(tool));
        }
        let chromium = step("setup Chromium", || browser::ensure_chromium(repository))?;
        let tool = tool.env(browser::VARIABLE, chromium);
        if self.needs == Needs::Conformance {
            return Ok(tool);
        }
        run::web(repository)?;
        run::server(repository)?;
        Ok(tool.env(SERVER_VARIABLE, repository.binary("erp-server")))
    }

    /// A runner's exit code is not believed alone: it also says 0 when it found no test.
    fn judge(&self, tally: Tally) -> Outcome {
        let alone = format!("`cargo xtask test {}` runs this suite alone.", self.name);
        if tally.failed > 0 {
            return Err(Failure::new(format!("suite {}: {tally}", self.name), alone));
        }
        if tally.passed == 0 {
            return Err(Failure::new(format!("suite {} ran no test at all", self.name), alone));
        }
        if tally.passed < self.fewest {
            let what = format!("suite {}: {tally}, and {} is the least", self.name, self.fewest);
            return Err(Failure::new(what, alone));
        }
        Ok(())
    }
}

fn rust(repository: &Repository) -> Outcome<Tool> {
    let cargo = Tool::cargo(&repository.root).args("test --workspace --no-fail-fast");
    Ok(BROWSER_CRATES.iter().fold(cargo, |cargo, name| cargo.arg("--exclude").arg(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64) -> Tally {
        Tally { passed, failed, skipped: 0 }
    }

    #[test]
    fn a_suite_that_ran_nothing_has_failed() {
        let suite = &SUITES[0];
        assert!(suite.judge(tally(1, 0)).is_ok());
        assert!(suite.judge(tally(0, 0)).unwrap_err().to_string().contains("no test at all"));
        assert!(suite.judge(tally(5, 1)).is_err());
        let api = SUITES.iter().find(|suite| suite.name == "api").unwrap();
        assert!(api.judge(tally(1999, 0)).unwrap_err().to_string().contains("2000 is the least"));
        assert!(api.judge(tally(2000, 0)).is_ok());
    }

    #[test]
    fn quick_leaves_out_exactly_the_suites_that_need_a_browser() {
        let quick =
            SUITES.iter().enumerate().filter(|(index, suite)| Selection::Quick.includes(*index, suite));
        let names: Vec<_> = quick.map(|(_, suite)| suite.name).collect();
        assert_eq!(names, ["rust", "sim", "planted", "api", "vitest"]);
    }

    #[test]
    fn an_unknown_suite_is_a_usage_error_that_names_the_suites() {
        let failure = Selection::named("nonsense").unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("rust, sim, planted, api, vitest, conformance, e2e"));
    }
}
