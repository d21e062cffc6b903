//! Schemathesis, which tries what the server's OpenAPI document promises: a Python program in an environment of its own below `target`.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};
use crate::process::{Tool, find_program};
use crate::repository::Repository;
use crate::stamp::{Digest, Stamp};

/// The versions of Schemathesis and of all that it needs.
const REQUIREMENTS: &str = "apps/server/schemathesis/requirements.txt";

/// How many lines of a complaint are shown.
const COMPLAINT_LINES: usize = 15;

/// Makes sure that the environment is there, with the versions of the list; returns its Python.
pub(crate) fn ensure(repository: &Repository) -> Outcome<PathBuf> {
    let requirements = repository.root.join(REQUIREMENTS);
    let folder = repository.target.join("schemathesis");
    let python = folder.join("bin/python");
    let stamp = Stamp::new(folder.join(".xtask-stamp"), Digest::new().with_file(&requirements));
    if stamp.is_fresh() && python.is_file() {
        return Ok(python);
    }
    if !find_program("python3").is_some_and(|_| make(repository, &folder)) {
        crate::apt::install(repository, &["python3-venv"], "the tests of the API with Schemathesis")?;
        if !make(repository, &folder) {
            let next = "Install Python 3.10 or newer with its module venv, then run this again.";
            return Err(Failure::new("`python3 -m venv` made no environment", next));
        }
    }
    println!("    setup: pip install -r {REQUIREMENTS} (it is new or has changed)");
    Tool::new(&python, &repository.root)
        .args("-m pip install --quiet --disable-pip-version-check --requirement")
        .arg(&requirements)
        .or_else_try("It takes Python 3.10 or newer, and a package index that pip can reach.")
        .run_quietly(COMPLAINT_LINES)?;
    stamp.set()?;
    Ok(python)
}

fn make(repository: &Repository, folder: &Path) -> bool {
    Tool::new("python3", &repository.root).args("-m venv --clear").arg(folder).succeeds()
}
