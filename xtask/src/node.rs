//! Node, and the npm packages that package-lock.json names.

use crate::failure::{Failure, Outcome};
use crate::process::Tool;
use crate::repository::Repository;
use crate::stamp::{Digest, Stamp};

/// The oldest Node that the tools run on: (major, minor). Also in package.json, `engines`.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// npm says what is wrong first, then lists all its options.
const COMPLAINT_LINES: usize = 15;

/// Makes sure that Node is there and `node_modules` is what package-lock.json says.
pub(crate) fn ensure_packages(repository: &Repository) -> Outcome {
    ensure_node(repository)?;
    let lock = repository.root.join("package-lock.json");
    let stamp = Stamp::new(
        repository.root.join("node_modules/.xtask-stamp"),
        Digest::new().with_file(&lock).with_file(&repository.root.join("package.json")),
    );
    if stamp.is_fresh() {
        return Ok(());
    }
    println!("    setup: npm ci (package-lock.json is new or has changed)");
    npm(repository)
        .args("ci --no-audit --no-fund --loglevel=error")
        .or_else_try(
            "If package.json and package-lock.json disagree, run `npm install` and commit the lock file.",
        )
        .run_quietly(COMPLAINT_LINES)?;
    stamp.set()
}

/// npm in the repository root.
pub(crate) fn npm(repository: &Repository) -> Tool {
    Tool::new("npm", &repository.root)
}

fn ensure_node(repository: &Repository) -> Outcome {
    let wanted = format!("{}.{}", OLDEST_NODE.0, OLDEST_NODE.1);
    let next =
        format!("Install Node {wanted} or newer with npm (nodejs.org, nvm, or your system's packages).");
    let version = Tool::new("node", &repository.root).arg("--version").or_else_try(next.clone()).read()?;
    match parse_version(&version) {
        Some(found) if found >= OLDEST_NODE => {}
        _ => return Err(Failure::new(format!("Node {version} is too old: {wanted} is needed"), next)),
    }
    npm(repository).arg("--version").or_else_try(next).read().map(drop)
}

/// The first two numbers of `v20.19.1`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().trim_start_matches('v').split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions_compare_by_number_not_by_text() {
        assert!(parse_version("v20.20.2") >= Some(OLDEST_NODE));
        assert!(parse_version("v22.0.0") >= Some(OLDEST_NODE));
        assert!(parse_version("v20.9.0") < Some(OLDEST_NODE));
        assert!(parse_version("v8.19.0") < Some(OLDEST_NODE));
        assert_eq!(parse_version("nonsense"), None);
    }
}
