//! `cargo xtask bench`: measures beside the raw limit, prints ratios, judges nothing.

use crate::browser;
use crate::clock::step;
use crate::failure::Outcome;
use crate::node::{self, npm};
use crate::postgres;
use crate::process::Tool;
use crate::repository::Repository;
use crate::wasm;
use crate::wasm_target::WasmTarget;

/// The engine on SQLite, beside plain rusqlite. `ROUNDS` and `MANY` make it shorter or longer.
pub(crate) fn sqlite(repository: &Repository) -> Outcome {
    Tool::cargo(&repository.root).args("bench --package offline-sqlite --bench beside_plain").run()
}

/// The server over HTTP beside its stores without HTTP. `ROUNDS` and `MANY` make it shorter or longer, `ONLY=sqlite` or `ONLY=postgres` half of it.
pub(crate) fn server(repository: &Repository) -> Outcome {
    step("setup PostgreSQL", || postgres::ensure(repository))?;
    Tool::cargo(&repository.root).args("bench --package erp-server --bench server").run()
}

/// The server's memory and handles under a steady load: three minutes on SQLite, three on PostgreSQL, or `SECONDS` each.
pub(crate) fn soak(repository: &Repository) -> Outcome {
    step("setup PostgreSQL", || postgres::ensure(repository))?;
    Tool::cargo(&repository.root).args("bench --package erp-server --bench server -- soak").run()
}

/// The engine in Chromium on a real profile, beside plain IndexedDB. `ROUNDS` and `MANY` make it shorter or longer.
pub(crate) fn web(repository: &Repository) -> Outcome {
    step("setup", || node::ensure_packages(repository))?;
    let target = step("setup wasm", || WasmTarget::ensure(repository))?;
    let chromium = browser::ensure_chromium(repository)?;
    wasm::ENGINE.build(repository, &target)?;
    let bench = npm(repository).args("run --silent bench --workspace packages/offline-web");
    bench.env(browser::VARIABLE, &chromium).run()
}
