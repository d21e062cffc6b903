//! The PostgreSQL of the tests and of `cargo xtask run --postgres`.

use private_postgres::{PrivatePostgres, is_installed};

use crate::failure::{Failure, Outcome};
use crate::repository::Repository;

/// Installs PostgreSQL's programs when they are missing.
pub(crate) fn ensure(repository: &Repository) -> Outcome {
    if is_installed() {
        return Ok(());
    }
    let next =
        "Install PostgreSQL 14 or newer (`sudo apt-get install postgresql`), with initdb and pg_ctl in PATH.";
    crate::apt::install(repository, &["postgresql"], "the tests of the PostgreSQL store")
        .map_err(|failure| failure.advise(next))?;
    if is_installed() {
        return Ok(());
    }
    Err(Failure::new("the package postgresql is installed, but brought no initdb and pg_ctl", next))
}

/// Starts a private PostgreSQL whose data lie in `data-postgres`; it ends with this process, or with what this process becomes. Returns
/// the address of its database.
pub(crate) fn start(repository: &Repository) -> Outcome<String> {
    ensure(repository)?;
    let data = repository.root.join("data-postgres");
    let postgres = PrivatePostgres::in_folder(&data).map_err(|error| {
        let next = format!(
            "If another `cargo xtask run --postgres` is running, end it; its data lie in {}.",
            data.display()
        );
        Failure::new(error.to_string(), next)
    })?;
    Ok(postgres.url("postgres"))
}
