//! How a connection is opened, and how the schema is brought up to date.

use std::{path::Path, time::Duration};

use offline_core::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, config::DbConfig};

use crate::error::store_error;

/// The schema's history. A step that was ever shipped never changes; new ones are added at the end.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_partition.sql"),
    include_str!("migrations/0002_settled_stay.sql"),
    include_str!("migrations/0003_status_is_compared.sql"),
];

/// As many statements stay prepared as there are; with fewer, each use would read its text again.
const STATEMENTS: usize = 64;

/// How long a transaction waits for one of another process. Theirs take milliseconds; after this something is wrong.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How large the write-ahead log may stay after it was used, in bytes.
const LOG_LIMIT: i64 = 4 << 20;

/// How often to ask for the write-ahead log, 10 ms apart: processes that open a new file at once refuse each other for a moment, and
/// SQLite's own waiting does not cover this.
const WAL_TRIES: u32 = 500;

/// Opens a connection whose schema is up to date.
pub(crate) fn open(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags).map_err(store_error)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(store_error)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this a statement may be planned anew whenever a parameter has another value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(store_error)?;
    refuse_newer(&connection)?;
    write_ahead(&connection).map_err(store_error)?;
    connection.pragma_update(None, "journal_size_limit", LOG_LIMIT).map_err(store_error)?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if tries < WAL_TRIES && is_busy(&error) => pause(),
            other => return other,
        }
        tries += 1;
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[allow(
    clippy::disallowed_methods,
    reason = "waits for another process on this machine, where no port reaches"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

fn version(connection: &Connection) -> Result<u32, StoreError> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(store_error)
}

/// Nothing is written to a database of a newer program, not even the way it keeps its log.
fn refuse_newer(connection: &Connection) -> Result<u32, StoreError> {
    let (found, known) = (version(connection)?, MIGRATIONS.len() as u32);
    if found > known { Err(StoreError::TooNew { found, known }) } else { Ok(found) }
}

/// Takes the missing steps in one transaction, one process at a time.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if version(connection)? == MIGRATIONS.len() as u32 {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
    let found = refuse_newer(&transaction)?;
    for (number, migration) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
        transaction.execute_batch(migration).map_err(store_error)?;
        transaction.pragma_update(None, "user_version", number).map_err(store_error)?;
    }
    transaction.commit().map_err(store_error)
}
