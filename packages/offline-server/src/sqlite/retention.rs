//! How old receipts go: looked for beside the writer, and taken a part at a time, so that nobody's command waits for the whole of it.

use offline_protocol::Timestamp;
use rusqlite::{Connection, params};

use crate::{SqliteStore, StoreError};

use super::connection::store_error;

/// How many receipts one transaction takes: writers wait for it, some hundredths of a second.
const AT_ONCE: i64 = 1000;

/// What is left of a receipt.
#[derive(Clone, Copy)]
pub(crate) enum Retained {
    /// Key and verdict.
    Verdict,
    Nothing,
}

impl Retained {
    /// Finds those behind a row that still have more.
    const fn find(self) -> &'static str {
        match self {
            Self::Verdict => {
                "SELECT rowid FROM receipt WHERE rowid > ?1 AND received_at < ?2 AND result IS NOT NULL ORDER BY rowid LIMIT ?3"
            }
            Self::Nothing => {
                "SELECT rowid FROM receipt WHERE rowid > ?1 AND received_at < ?2 ORDER BY rowid LIMIT ?3"
            }
        }
    }

    const fn reduce(self) -> &'static str {
        match self {
            Self::Verdict => "UPDATE receipt SET result = NULL WHERE rowid = ?1 AND received_at < ?2",
            Self::Nothing => "DELETE FROM receipt WHERE rowid = ?1 AND received_at < ?2",
        }
    }
}

impl SqliteStore {
    /// Leaves no more than this of the receipts from before.
    pub(crate) async fn prune_receipts(&self, to: Retained, before: Timestamp) -> Result<(), StoreError> {
        let mut last = 0;
        loop {
            let found = self.read(move |connection| found(connection, to, last, before)).await?;
            let Some(highest) = found.last() else { return Ok(()) };
            last = *highest;
            self.alone(move |connection| reduce(connection, to, &found, before)).await?;
        }
    }
}

fn found(
    connection: &Connection,
    to: Retained,
    behind: i64,
    before: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection.prepare_cached(to.find()).map_err(store_error)?;
    let rows = statement.query_map(params![behind, before.as_millis(), AT_ONCE], |row| row.get(0));
    rows.and_then(Iterator::collect).map_err(store_error)
}

fn reduce(connection: &Connection, to: Retained, rows: &[i64], before: Timestamp) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(to.reduce()).map_err(store_error)?;
    for row in rows {
        statement.execute(params![row, before.as_millis()]).map_err(store_error)?;
    }
    Ok(())
}
