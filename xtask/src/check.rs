//! Everything that can be said about the code without running the tests.

use crate::clock::step;
use crate::failure::{Failure, Outcome, file_failure};
use crate::generate::{self, Mode};
use crate::node::{self, npm};
use crate::process::Tool;
use crate::repository::Repository;
use crate::wasm;
use crate::wasm_target::WasmTarget;

/// Quick checks first; TypeScript after the engine's bundle, whose types it imports.
pub(crate) fn all(repository: &Repository) -> Outcome {
    step("setup", || node::ensure_packages(repository))?;
    let target = step("setup wasm", || WasmTarget::ensure(repository))?;
    step("cargo fmt", || {
        let cargo = Tool::cargo(&repository.root).args("fmt --all --check");
        cargo.or_else_try("`cargo fmt --all` puts it right.").run()
    })?;
    step("package-lock.json", || lock_file(repository))?;
    step("oxlint", || npm(repository).args("run --silent lint").run())?;
    step("cargo clippy", || {
        let cargo =
            Tool::cargo(&repository.root).args("clippy --quiet --keep-going --workspace --all-targets");
        cargo.args("-- -D warnings").run()
    })?;
    step("cargo doc", || {
        let cargo = Tool::cargo(&repository.root).args("doc --quiet --workspace --no-deps");
        cargo.env("RUSTDOCFLAGS", "-D warnings").run()
    })?;
    step("generated types", || generate::types(repository, Mode::Compare))?;
    step("wasm check", || wasm::check(repository, &target))?;
    wasm::ENGINE.build(repository, &target)?;
    wasm::CONFORMANCE.build(repository, &target)?;
    step("tsc", || npm(repository).args("run typecheck --silent --workspaces --if-present").run())
}

fn lock_file(repository: &Repository) -> Outcome {
    let path = repository.root.join("package-lock.json");
    let text = std::fs::read_to_string(&path).map_err(|error| file_failure("read", &path, &error))?;
    match recorded_address(&text) {
        None => Ok(()),
        Some(line) => Err(Failure::new(
            format!("package-lock.json records a registry address: {}", line.trim()),
            "Run `npm install` with the repository's .npmrc, which leaves addresses out.",
        )),
    }
}

/// The first line that ties a package to the machine it was fetched on.
fn recorded_address(lock: &str) -> Option<&str> {
    lock.lines().find(|line| line.contains("\"resolved\":") && line.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_the_lock_file_are_found_and_workspace_links_are_not() {
        assert_eq!(recorded_address("\"resolved\": \"apps/web\",\n\"link\": true"), None);
        let line = "\"resolved\": \"https://registry.example/x.tgz\",";
        assert_eq!(recorded_address(&format!("{{\n{line}\n}}")), Some(line));
    }
}
