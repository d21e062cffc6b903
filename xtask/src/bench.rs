//! `cargo xtask bench`: measures beside the raw limit, prints ratios, judges nothing.

use std::env;

use crate::browser;
use crate::clock::step;
use crate::failure::{Failure, Outcome};
use crate::node::{self, npm};
use crate::postgres;
use crate::process::Tool;
use crate::repository::Repository;
use crate::wasm;
use crate::wasm_target::WasmTarget;

/// The engine on SQLite, beside plain rusqlite. `ROUNDS` and `MANY` make it shorter or longer, `FLUSH_MS` the disk slower.
pub(crate) fn sqlite(repository: &Repository) -> Outcome {
    let cargo = Tool::cargo(&repository.root);
    on_asked_disk(repository, cargo.args("bench --package offline-sqlite --bench beside_plain"))?.run()
}

/// The server over HTTP beside its stores without HTTP. `ROUNDS` and `MANY` make it shorter or longer, `ONLY=sqlite` or `ONLY=postgres` half of it,
/// `FLUSH_MS` the disk slower.
pub(crate) fn server(repository: &Repository) -> Outcome {
    step("setup PostgreSQL", || postgres::ensure(repository))?;
    let cargo = Tool::cargo(&repository.root);
    on_asked_disk(repository, cargo.args("bench --package erp-server --bench server"))?.run()
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

/// With `FLUSH_MS`, on a disk that takes so many milliseconds longer for each flush, for ours and for what stands beside it alike: what a flush takes
/// decides what it is worth to share one.
fn on_asked_disk(repository: &Repository, bench: Tool) -> Outcome<Tool> {
    let Some(asked) = env::var_os("FLUSH_MS") else { return Ok(bench) };
    if asked.to_str().and_then(|text| text.parse::<u16>().ok()).is_none() {
        let what = format!("FLUSH_MS must be milliseconds, 0 to {}", u16::MAX);
        return Err(Failure::new(what, "Set it to 4, say, or leave it out."));
    }
    if !cfg!(target_os = "linux") {
        return Err(Failure::new("FLUSH_MS is for Linux alone", "Leave it out."));
    }
    let library = repository.target.join("slow_disk.so");
    let source = repository.root.join("xtask/src/slow_disk.c");
    let compiler = Tool::new("cc", &repository.root).args("-O2 -shared -fPIC -o").arg(&library).arg(source);
    compiler.or_else_try("FLUSH_MS needs a C compiler, cc.").run()?;
    // The loader puts it before the C library.
    Ok(bench.env("LD_PRELOAD", library))
}
