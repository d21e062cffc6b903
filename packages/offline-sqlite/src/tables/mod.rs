//! What each call does to the tables, inside a transaction.

pub(crate) mod flight;
pub(crate) mod journal;
pub(crate) mod lease;
pub(crate) mod outbox;
pub(crate) mod resolve;
pub(crate) mod runs;

use offline_core::StoreError;
use rusqlite::{Params, Row};

use crate::{error::store_error, transaction::Transaction};

impl Transaction<'_> {
    /// Runs a statement. Returns how many rows it changed.
    fn execute(&self, sql: &str, params: impl Params) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(store_error)?;
        statement.execute(params).map(|rows| rows as u64).map_err(store_error)
    }

    /// All rows of a query.
    fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(store_error)?;
        let rows = statement.query_map(params, read).map_err(store_error)?;
        rows.collect::<rusqlite::Result<_>>().map_err(store_error)
    }

    /// The first row of a query, if there is one.
    fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(store_error)?;
        let mut rows = statement.query(params).map_err(store_error)?;
        rows.next().map_err(store_error)?.map(read).transpose().map_err(store_error)
    }
}

/// A limit as SQLite takes it.
fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
