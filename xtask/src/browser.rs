//! The browsers that the tests drive.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};
use crate::process::{Tool, find_program};
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

/// A program that the suites in other browsers need.
struct Program {
    /// The variable that names another binary, for us and for the suite.
    variable: &'static str,
    package: &'static str,
    find: fn() -> Option<PathBuf>,
}

const OTHERS: [Program; 4] = [
    Program {
        variable: "FIREFOX",
        package: "firefox-esr",
        find: || find_program("firefox-esr").or_else(|| find_program("firefox")),
    },
    Program {
        variable: "WEBKIT_DRIVER",
        package: "webkit2gtk-driver",
        find: || find_program("WebKitWebDriver"),
    },
    Program { variable: "WEBKIT_BROWSER", package: "webkit2gtk-driver", find: find_mini_browser },
    Program { variable: "XVFB", package: "xvfb", find: || find_program("Xvfb") },
];

/// Firefox and WebKitGTK with what drives them, installed where they are missing.
pub(crate) struct OtherBrowsers(Vec<(&'static str, PathBuf)>);

impl OtherBrowsers {
    pub(crate) fn ensure(repository: &Repository) -> Outcome<Self> {
        let missing = |program: &&Program| program.located().is_none();
        let mut packages: Vec<_> = OTHERS.iter().filter(missing).map(|program| program.package).collect();
        packages.dedup();
        if !packages.is_empty() {
            crate::apt::install(repository, &packages, "the suites in Firefox and WebKitGTK")?;
        }
        let located = |program: &Program| {
            let path = program.located().filter(|path| path.is_file());
            path.map(|path| (program.variable, path)).ok_or_else(|| {
                let what =
                    format!("the package {} brought no program for {}", program.package, program.variable);
                Failure::new(what, format!("Name the binary in {}.", program.variable))
            })
        };
        OTHERS.iter().map(located).collect::<Outcome<_>>().map(Self)
    }

    /// Tells the suite where they are.
    pub(crate) fn name_to(&self, tool: Tool) -> Tool {
        self.0.iter().fold(tool, |tool, (variable, path)| tool.env(variable, path))
    }
}

impl Program {
    fn located(&self) -> Option<PathBuf> {
        std::env::var_os(self.variable).map(PathBuf::from).or_else(self.find)
    }
}

/// The browser that WebKitGTK brings for tests, in the folder of the machine's architecture.
fn find_mini_browser() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let paths = folders.flatten().map(|folder| folder.path().join("webkit2gtk-4.1/MiniBrowser"));
    paths.into_iter().find(|path| path.is_file())
}

fn find() -> Option<PathBuf> {
    let in_path = NAMES.iter().find_map(|name| find_program(name));
    in_path.or_else(|| MAC_BINARIES.iter().map(Path::new).find(|path| path.is_file()).map(Path::to_path_buf))
}
