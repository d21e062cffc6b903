//! The store on SQLite: one file, one writer thread, a few readers beside it.

mod changes;
mod connection;
mod operation;
mod retention;
mod rows;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use futures_util::future::BoxFuture;
use offline_protocol::{RecordKey, RecordSnapshot, Timestamp, UserId, Verdict, WorkspaceId};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    CursorKey, Hub, Members, Membership, Memberships, Page, PageQuery, Role, Store, StoreError, Work,
};

use self::{
    connection::{open_reader, open_writer},
    retention::Retained,
    writer::Job,
};

/// How many idle reading connections are kept.
const IDLE_READERS: usize = 4;

/// The store, and the list of members, in one SQLite file. `synchronous=FULL`: what was answered survives a power failure.
///
/// Must be used within a Tokio runtime. Dropping it finishes what waits and closes the file, which then holds everything by itself.
pub struct SqliteStore {
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
    cursors: CursorKey,
    hub: Arc<Hub>,
}

struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl SqliteStore {
    /// Opens the file, makes it when it does not exist, and brings an older schema up to date.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        Self::serve(file, open_writer(file)?)
    }

    fn serve(file: &Path, connection: Connection) -> Result<Self, StoreError> {
        let cursors = changes::ensure_lineage(&connection)?;
        let hub = Arc::<Hub>::default();
        let (jobs, writer) = writer::start(connection, Arc::clone(&hub))
            .map_err(|error| StoreError::Backend(Box::new(error)))?;
        let readers = Arc::new(Readers { file: file.to_owned(), idle: Mutex::default() });
        Ok(Self { jobs: Some(jobs), writer: Some(writer), readers, cursors, hub })
    }

    /// Resolves when the store has closed itself, because the database could not be flushed to the disk. What is on the disk then is known
    /// only after it has been opened anew, so the process should end.
    pub async fn closed(&self) {
        if let Some(jobs) = &self.jobs {
            jobs.closed().await;
        }
    }

    async fn alone(
        &self,
        job: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.send(|answer| Job::Alone(Box::new(job), answer)).await
    }

    async fn send<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(job(sender)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        tokio::task::spawn_blocking(move || readers.with(read))
            .await
            .map_err(|error| StoreError::Backend(Box::new(error)))?
    }
}

impl Readers {
    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = idle().pop();
        let connection = match reused {
            Some(connection) => connection,
            None => open_reader(&self.file)?,
        };
        // A connection that failed is closed, not kept.
        let found = read(&connection)?;
        let mut idle = idle();
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        Ok(found)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.jobs = None;
        // Whoever closes the file last copies the log back into it, and a reader cannot.
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer thread of the store panicked");
        }
    }
}

impl Store for SqliteStore {
    fn run(&self, work: Work) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        Box::pin(self.send(|answer| Job::Run(work, answer)))
    }

    fn record<'a>(
        &'a self,
        membership: &'a Membership,
        key: &'a RecordKey,
    ) -> BoxFuture<'a, Result<Option<RecordSnapshot>, StoreError>> {
        let (membership, key) = (membership.clone(), key.clone());
        Box::pin(self.read(move |connection| rows::snapshot(connection, &membership, &key)))
    }

    fn page<'a>(
        &'a self,
        membership: &'a Membership,
        query: &'a PageQuery,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        let (membership, query) = (membership.clone(), query.clone());
        Box::pin(self.read(move |connection| rows::page(connection, &membership, &query)))
    }

    fn prune(
        &self,
        results_before: Timestamp,
        receipts_before: Timestamp,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.prune_receipts(Retained::Nothing, receipts_before).await?;
            self.prune_receipts(Retained::Verdict, results_before).await
        })
    }
}

impl Memberships for SqliteStore {
    fn role<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<Option<Role>, StoreError>> {
        let (workspace, user) = (workspace_id.clone(), user_id.clone());
        Box::pin(self.read(move |connection| rows::role(connection, &workspace, &user)))
    }
}

impl Members for SqliteStore {
    fn put_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
        role: &'a Role,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (workspace, user, role) = (workspace_id.clone(), user_id.clone(), role.clone());
        Box::pin(self.alone(move |connection| rows::put_member(connection, &workspace, &user, &role)))
    }

    fn remove_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (workspace, user) = (workspace_id.clone(), user_id.clone());
        Box::pin(self.alone(move |connection| rows::remove_member(connection, &workspace, &user)))
    }
}
