//! A device's database as a real SQLite file, for the short scenarios.

use std::{fs, path::Path, time::Duration};

use futures_executor::block_on;
use offline_core::{
    Appended, BoxFuture, Counts, Durability, Fence, Flight, JournalEntry, JournalQuery, Lease, LeaseStore,
    NewCommand, OutboxCommand, OutboxQuery, OutboxStore, Resolve, Settlement, StoreError, Takeover, Unsynced,
};
use offline_protocol::{CommandId, DeviceId, Timestamp, UserId, WorkspaceId};
use offline_sqlite::SqliteStore;
use tempfile::TempDir;

/// The store, finished with each call within one poll: its thread's answers would come whenever they like.
pub(crate) struct FileStore(SqliteStore);

impl FileStore {
    pub(crate) fn open(folder: &Path, workspace: &WorkspaceId, user: &UserId) -> Self {
        let device = DeviceId::new("device").expect("BUG: a device id");
        Self(SqliteStore::open(folder, workspace, user, &device).expect("the file can be opened"))
    }
}

/// What a killed process leaves behind: the files as they are, log and all, without the memory that its readers share.
pub(crate) fn left_behind(folder: &Path) -> TempDir {
    let left = TempDir::new().expect("a folder can be made");
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let entry = entry.expect("the folder can be read");
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), left.path().join(entry.file_name())).expect("a file can be copied");
        }
    }
    left
}

macro_rules! at_once {
    ($call:expr) => {
        Box::pin(async move { block_on($call) })
    };
}

impl OutboxStore for FileStore {
    fn append(
        &self,
        commands: Vec<NewCommand>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        at_once!(self.0.append(commands, durability))
    }
    fn list(&self, query: OutboxQuery) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        at_once!(self.0.list(query))
    }
    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        at_once!(self.0.counts())
    }
    fn take_off(&self, flight: Flight) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        at_once!(self.0.take_off(flight))
    }
    fn settle(&self, settlement: Settlement) -> BoxFuture<'_, Result<bool, StoreError>> {
        at_once!(self.0.settle(settlement))
    }
    fn recover(&self, fence: Fence) -> BoxFuture<'_, Result<Vec<CommandId>, StoreError>> {
        at_once!(self.0.recover(fence))
    }
    fn resolve(&self, resolve: Resolve) -> BoxFuture<'_, Result<bool, StoreError>> {
        at_once!(self.0.resolve(resolve))
    }
    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>> {
        at_once!(self.0.journal(query))
    }
    fn prune_journal(&self, keep: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        at_once!(self.0.prune_journal(keep))
    }
    fn wipe(&self, unsynced: Unsynced) -> BoxFuture<'_, Result<bool, StoreError>> {
        at_once!(self.0.wipe(unsynced))
    }
}

impl LeaseStore for FileStore {
    fn acquire<'a>(
        &'a self,
        holder: &'a str,
        at: Timestamp,
        ttl: Duration,
        takeover: Takeover,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        at_once!(self.0.acquire(holder, at, ttl, takeover))
    }
    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        at: Timestamp,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        at_once!(self.0.renew(lease, at, ttl))
    }
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>> {
        at_once!(self.0.release(lease))
    }
}
