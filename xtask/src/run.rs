//! `cargo xtask run`: the ERP on this machine, from a fresh clone.

use crate::clock::step;
use crate::failure::{Failure, Outcome};
use crate::node::{self, npm};
use crate::postgres;
use crate::process::Tool;
use crate::repository::Repository;
use crate::wasm;
use crate::wasm_target::WasmTarget;

/// The server's flags when the caller gives none: (flag, value).
const DEFAULTS: [(&str, Option<&str>); 4] = [
    ("--dev", None),
    ("--listen", Some("127.0.0.1:8787")),
    ("--data", Some("./data")),
    ("--web", Some("apps/web/dist")),
];

/// Where the server keeps its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// In a file of its data folder.
    Sqlite,
    /// In a PostgreSQL of our own.
    Postgres,
}

/// The variable that names the server's database.
const DATABASE_VARIABLE: &str = "ERP_SERVER_DATABASE_URL";

/// Builds all that the ERP needs and becomes the server, which prints its address and ends at Ctrl-C.
pub(crate) fn serve(repository: &Repository, database: Database, flags: &[String]) -> Outcome {
    step("setup", || node::ensure_packages(repository))?;
    let target = step("setup wasm", || WasmTarget::ensure(repository))?;
    wasm::ENGINE.build(repository, &target)?;
    web(repository)?;
    server(repository)?;
    let arguments = with_defaults(flags);
    println!("==> erp-server {}   (Ctrl-C ends it)", arguments.join(" "));
    let mut server = Tool::new(repository.binary("erp-server"), &repository.root);
    if database == Database::Postgres {
        let url = step("PostgreSQL", || postgres::start(repository))?;
        println!("    its address, for psql: {url}");
        server = server.env(DATABASE_VARIABLE, url);
    }
    arguments.iter().fold(server, Tool::arg).become_it()
}

/// Builds the web app into apps/web/dist.
pub(crate) fn web(repository: &Repository) -> Outcome {
    step("web app", || {
        if repository.has("apps/web/package.json") {
            return npm(repository).args("run --silent build --workspace erp-web").run();
        }
        Err(Failure::new("apps/web has no package.json", "Restore apps/web: it is the ERP's web app."))
    })
}

/// Builds the server with cargo's dev profile: twice as quick to build as a release, and what the tests use anyway.
pub(crate) fn server(repository: &Repository) -> Outcome {
    step("erp-server (dev profile)", || {
        Tool::cargo(&repository.root).args("build --package erp-server").run()
    })
}

/// The caller's flags after those defaults that he did not set himself.
fn with_defaults(flags: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for (flag, value) in DEFAULTS {
        let given = flags.iter().any(|own| own == flag || own.starts_with(&format!("{flag}=")));
        if !given {
            all.push(flag.to_owned());
            all.extend(value.map(str::to_owned));
        }
    }
    all.extend_from_slice(flags);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_caller_replace_the_defaults() {
        let flags = ["--listen=127.0.0.1:9000", "--data", "/tmp/x"].map(str::to_owned);
        let all = with_defaults(&flags).join(" ");
        assert_eq!(all, "--dev --web apps/web/dist --listen=127.0.0.1:9000 --data /tmp/x");
    }
}
