//! How a connection is opened, and how the schema is brought up to date.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig, ffi};

use crate::{Schema, StoreError};

/// The schema's history. A step that was ever shipped never changes; new ones are added at the end.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001_commands.sql"),
    include_str!("migrations/0002_members.sql"),
    include_str!("migrations/0003_roles.sql"),
    include_str!("migrations/0004_changes.sql"),
];

/// How long a statement waits for a lock that another process (a backup, a shell) holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// As many statements stay prepared as there are; with fewer, each use would read its text again.
const STATEMENTS: usize = 64;

/// Pages that the writer keeps in memory: 32 MiB. With SQLite's own 2 MB a write reads the leaves of five indexes again, keys being random.
const CACHE_KIB: i64 = 32 * 1024;

/// After how many pages the log is copied back: 16 MB. Pages that change again before that are copied once.
const CHECKPOINT_PAGES: i64 = 4_000;

/// Opens the one connection that writes, with what was committed safe from a power failure, and migrates.
pub(crate) fn open_writer(file: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(file).map_err(store_error)?;
    tune(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(store_error)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(store_error)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(store_error)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(store_error)?;
    migrate(&mut connection, MIGRATIONS.len())?;
    Ok(connection)
}

/// Opens a connection that reads beside the writer.
pub(crate) fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(store_error)?;
    tune(&connection)?;
    Ok(connection)
}

fn tune(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT).map_err(store_error)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this a statement may be planned anew whenever a parameter has another value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(store_error).map(drop)
}

/// Its tables are not ours, so that ours have no place there.
#[derive(Debug, thiserror::Error)]
#[error("the file is the database of another program")]
struct Foreign;

/// Which schema the database has; an error when it is a newer one than this program knows, or another program's.
pub(crate) fn schema(connection: &Connection) -> Result<Schema, StoreError> {
    let found: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(store_error)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if !(0..=known).contains(&found) {
        return Err(StoreError::NewerSchema { found, known });
    }
    let (tables, ours): (i64, i64) = connection
        .query_row(
            "SELECT count(*), count(*) FILTER (WHERE name = 'receipt') FROM sqlite_master WHERE type = 'table'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(store_error)?;
    let made = if found == 0 { tables == 0 } else { ours == 1 };
    if made { Ok(Schema { found, known }) } else { Err(StoreError::Backend(Box::new(Foreign))) }
}

/// Brings the schema to `target`; each step is one transaction together with its number.
fn migrate(connection: &mut Connection, target: usize) -> Result<(), StoreError> {
    let done = usize::try_from(schema(connection)?.found).unwrap_or_default();
    for (number, migration) in (1_i64..).zip(MIGRATIONS).take(target).skip(done) {
        let transaction = connection.transaction().map_err(store_error)?;
        transaction.execute_batch(migration).map_err(store_error)?;
        transaction.pragma_update(None, "user_version", number).map_err(store_error)?;
        transaction.commit().map_err(store_error)?;
    }
    Ok(())
}

/// What a failure of SQLite means to the caller of the store.
pub(crate) fn store_error(error: rusqlite::Error) -> StoreError {
    let passing = matches!(
        error.sqlite_error_code(),
        Some(
            ffi::ErrorCode::DiskFull
                | ffi::ErrorCode::ReadOnly
                | ffi::ErrorCode::DatabaseBusy
                | ffi::ErrorCode::DatabaseLocked
                | ffi::ErrorCode::SystemIoFailure
                | ffi::ErrorCode::CannotOpen
        )
    );
    if passing { StoreError::Unavailable(Box::new(error)) } else { StoreError::Backend(Box::new(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_the_first_version_is_brought_up_to_date_with_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.sqlite");
        {
            let mut old = Connection::open(&file).unwrap();
            migrate(&mut old, 1).unwrap();
            old.execute("INSERT INTO workspace VALUES ('acme', 7)", []).unwrap();
        }
        for _ in 0..2 {
            let connection = open_writer(&file).unwrap();
            let schema: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            let seq: i64 =
                connection.query_row("SELECT change_seq FROM workspace", [], |row| row.get(0)).unwrap();
            let members: i64 =
                connection.query_row("SELECT count(*) FROM member", [], |row| row.get(0)).unwrap();
            assert_eq!((schema, seq, members), (i64::try_from(MIGRATIONS.len()).unwrap(), 7, 0));
        }
    }

    #[test]
    fn a_member_from_before_there_were_roles_is_a_plain_member() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.sqlite");
        {
            let mut old = Connection::open(&file).unwrap();
            migrate(&mut old, 2).unwrap();
            old.execute("INSERT INTO member VALUES ('acme', 'ana')", []).unwrap();
        }
        let connection = open_writer(&file).unwrap();
        let role: String = connection.query_row("SELECT role FROM member", [], |row| row.get(0)).unwrap();
        assert_eq!(role, "member");
    }

    #[test]
    fn the_database_of_another_program_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        for (name, version) in [("new", 0), ("old", 3)] {
            let file = folder.path().join(name);
            let other = Connection::open(&file).unwrap();
            other.execute_batch("CREATE TABLE record (a)").unwrap();
            other.pragma_update(None, "user_version", version).unwrap();
            let refused = open_writer(&file).unwrap_err();
            let StoreError::Backend(reason) = refused else { panic!("{refused:?}") };
            assert_eq!(reason.to_string(), "the file is the database of another program");
        }
    }

    #[test]
    fn a_database_of_a_newer_program_is_refused_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.sqlite");
        Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let refused = open_writer(&file).unwrap_err();
        assert!(matches!(refused, StoreError::NewerSchema { found: 99, .. }), "{refused:?}");
    }
}
