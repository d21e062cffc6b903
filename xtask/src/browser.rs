//! The Chromium that drives the browser tests.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};
use crate::process::find_program;
use crate::repository::Repository;

/// The variable that names another binary, for us and for the test suites.
pub(crate) const VARIABLE: &str = "CHROMIUM";

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const MAC_BINARIES: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// The browser's binary: what CHROMIUM names, else what is in PATH, else a fresh Debian package.
pub(crate) fn ensure_chromium(repository: &Repository) -> Outcome<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        return if named.is_file() {
            Ok(named)
        } else {
            let what = format!("{VARIABLE}={} is not a file", named.display());
            Err(Failure::new(what, format!("Let {VARIABLE} name a Chromium or Chrome binary, or unset it.")))
        };
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    crate::apt::install(repository, &["chromium"], "the browser tests").map_err(|failure| {
        failure.advise(format!(
            "Install Chromium (`sudo apt-get install chromium`) or Chrome, or name its binary in {VARIABLE}."
        ))
    })?;
    find().ok_or_else(|| {
        let next = format!("Name the binary in {VARIABLE}.");
        Failure::new("the package chromium is installed, but brought no `chromium` into PATH", next)
    })
}

fn find() -> Option<PathBuf> {
    let in_path = NAMES.iter().find_map(|name| find_program(name));
    in_path.or_else(|| MAC_BINARIES.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_path_buf))
}
