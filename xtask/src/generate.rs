//! Files that are generated from Rust types: written by tests of the crates that own the types, which otherwise compare.

use crate::failure::Outcome;
use crate::process::Tool;
use crate::repository::Repository;

/// The crates whose types have TypeScript twins, and the feature that has them.
const PACKAGES: [&str; 2] = ["offline-protocol", "erp"];
const FEATURE: &str = "typescript";

/// The variable that tells those tests to write instead of to compare.
const UPDATE: &str = "UPDATE_GENERATED";

/// Whether to write the generated files or to compare them with what would be written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write them.
    Update,
    /// Fail when they differ.
    Compare,
}

/// Runs the generating tests, of all packages in one go: they share most of what is compiled.
pub(crate) fn types(repository: &Repository, mode: Mode) -> Outcome {
    let features = PACKAGES.map(|package| format!("{package}/{FEATURE}")).join(",");
    let cargo = Tool::cargo(&repository.root).args("test --quiet --features").arg(features);
    let cargo = PACKAGES.iter().fold(cargo, |cargo, package| cargo.arg("--package").arg(package));
    match mode {
        Mode::Update => cargo.env(UPDATE, "1").run(),
        Mode::Compare => {
            cargo.or_else_try("If generated files differ: `cargo xtask generate`, then commit.").run()
        }
    }
}
