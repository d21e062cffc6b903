use std::{path::PathBuf, sync::Arc};

use offline_server::SqliteStore;

use crate::support::Opened;

/// A place where a store's data lie: here a file in a folder of its own.
#[derive(Clone)]
pub(crate) struct Place(Arc<tempfile::TempDir>);

impl Place {
    /// An empty one.
    pub(crate) async fn new() -> Self {
        Self(Arc::new(tempfile::tempdir().unwrap()))
    }

    /// Opens a store on it; any number may be open at once.
    pub(crate) async fn open(&self) -> Opened {
        Opened::of(SqliteStore::open(&self.file()).unwrap())
    }

    /// Begins another life of the database, as a restore does.
    pub(crate) async fn rotate_lineage(&self) {
        SqliteStore::rotate_lineage(&self.file()).unwrap();
    }

    /// Where it is, for another process.
    pub(crate) fn address(&self) -> String {
        self.file().to_str().unwrap().to_owned()
    }

    /// Opens a store at an address.
    pub(crate) async fn open_at(address: &str) -> Opened {
        Opened::of(SqliteStore::open(address.as_ref()).unwrap())
    }

    /// Does something beside the store, said for either database.
    pub(crate) async fn execute(&self, sqlite: &str, _postgres: &str) {
        rusqlite::Connection::open(self.file()).unwrap().execute_batch(sqlite).unwrap();
    }

    /// The number that a query gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        rusqlite::Connection::open(self.file()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let connection = rusqlite::Connection::open(self.file()).unwrap();
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("server.sqlite")
    }
}
