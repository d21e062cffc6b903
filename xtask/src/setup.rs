//! `cargo xtask setup`: all that any task may need. The tasks call the parts they need themselves.

use crate::browser;
use crate::clock::step;
use crate::failure::Outcome;
use crate::node;
use crate::postgres;
use crate::repository::Repository;
use crate::schemathesis;
use crate::wasm_target::WasmTarget;

/// Installs what is missing and says so.
pub(crate) fn everything(repository: &Repository) -> Outcome {
    step("npm packages", || node::ensure_packages(repository))?;
    step("wasm32 target", || WasmTarget::ensure(repository).map(drop))?;
    step("PostgreSQL", || postgres::ensure(repository))?;
    step("Schemathesis", || schemathesis::ensure(repository).map(drop))?;
    step("Chromium", || {
        let binary = browser::ensure_chromium(repository)?;
        println!("    {}", binary.display());
        Ok(())
    })?;
    step("Firefox and WebKitGTK", || browser::OtherBrowsers::ensure(repository).map(drop))
}
