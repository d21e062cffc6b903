//! The database that the options name.

use std::{future::pending, sync::Arc};

use futures_util::future::BoxFuture;
use offline_server::{ChangeLog, Members, PostgresStore, SqliteStore, Store};

use crate::{data::DataFolder, error::StartError};

/// An open database.
pub(crate) struct Database {
    /// The records and receipts.
    pub(crate) store: Arc<dyn Store>,
    /// Who belongs where.
    pub(crate) members: Arc<dyn Members>,
    /// What changed since when.
    pub(crate) log: Arc<dyn ChangeLog>,
    /// Resolves when the database can be trusted only after a new start.
    pub(crate) closed: BoxFuture<'static, ()>,
}

impl Database {
    /// Opens PostgreSQL when there is an address, else the SQLite file of the data folder.
    pub(crate) async fn open(url: Option<&str>, folder: &DataFolder) -> Result<Self, StartError> {
        if let Some(url) = url {
            let store = Arc::new(PostgresStore::open(url).await?);
            return Ok(Self {
                store: store.clone(),
                members: store.clone(),
                log: store,
                closed: Box::pin(pending()),
            });
        }
        let store = Arc::new(SqliteStore::open(&folder.private_database()?)?);
        let watched = Arc::clone(&store);
        let closed = async move { watched.closed().await };
        Ok(Self { store: store.clone(), members: store.clone(), log: store, closed: Box::pin(closed) })
    }
}
