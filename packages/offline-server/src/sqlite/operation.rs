//! What an operator does with the file: look at it, copy it while it is in use, bring a copy back.

use std::path::Path;

use rusqlite::Connection;

use crate::{Schema, SqliteStore, StoreError};

use super::{
    changes,
    connection::{open_reader, open_writer, schema, store_error},
};

/// Why a file cannot be restored from.
#[derive(Debug, thiserror::Error)]
enum BadBackup {
    #[error(
        "the file is not a backup of this database: it has no schema (server.sqlite alone is none while a server runs or after it was killed)"
    )]
    NoSchema,
    #[error("the file is damaged")]
    Damaged,
}

impl SqliteStore {
    /// Which schema the file has. Reads it only, also while a server uses it.
    pub fn schema(file: &Path) -> Result<Schema, StoreError> {
        schema(&open_reader(file)?)
    }

    /// Writes a copy of the database as it is at this moment, also while a server uses it and writes on. `to` must not exist, or be empty.
    /// The copy is not flushed to the disk.
    pub fn backup(file: &Path, to: &Path) -> Result<(), StoreError> {
        let reader = open_reader(file)?;
        schema(&reader)?;
        // As SQLite takes it: a path that is not UTF-8 has no such form.
        let to = to.to_str().ok_or_else(|| StoreError::Backend("the path is not UTF-8".into()))?;
        reader.execute("VACUUM INTO ?1", [to]).map_err(store_error)?;
        Ok(())
    }

    /// Makes a database of a copy that `backup` wrote: checks it, brings it up to date, and begins another life, so that no client goes on
    /// from a place that it never reached.
    pub fn restore(copy: &Path) -> Result<(), StoreError> {
        let bad = |reason| StoreError::Backend(Box::new(reason));
        {
            let reader = open_reader(copy)?;
            if schema(&reader)?.found == 0 {
                return Err(bad(BadBackup::NoSchema));
            }
            if !is_sound(&reader)? {
                return Err(bad(BadBackup::Damaged));
            }
        }
        let writer = open_writer(copy)?;
        changes::ensure_lineage(&writer)?;
        changes::rotate_lineage(&writer)?;
        writer.close().map_err(|(_, error)| store_error(error))
    }

    /// Begins another life of the database in this file: cursors of the earlier one lead nowhere. For a file that was put back by other means
    /// than [`SqliteStore::restore`].
    pub fn rotate_lineage(file: &Path) -> Result<(), StoreError> {
        let writer = open_writer(file)?;
        changes::ensure_lineage(&writer)?;
        changes::rotate_lineage(&writer)
    }
}

fn is_sound(reader: &Connection) -> Result<bool, StoreError> {
    let word: String =
        reader.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(store_error)?;
    Ok(word == "ok")
}
