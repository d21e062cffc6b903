use std::{path::Path, time::Duration};

use offline_core::{
    Appended, BoxFuture, Counts, Durability, Fence, Flight, JournalEntry, JournalQuery, Lease, LeaseStore,
    NewCommand, OutboxCommand, OutboxQuery, OutboxStore, Resolve, Settlement, StoreError, Takeover, Unsynced,
};
use offline_protocol::{CommandId, DeviceId, Timestamp, UserId, WorkspaceId};
use rusqlite::{Connection, TransactionBehavior, params};

use crate::{
    error::store_error,
    file::{partition_file, prepare},
    memory::Memory,
    schema,
    tables::{flight, journal, lease, outbox, resolve},
    transaction::Transaction,
    writer::{Access, Queue},
};

const RELAXED: Access = Access::Write(Durability::Relaxed);
const STRICT: Access = Access::Write(Durability::Strict);

/// The outbox and the lease of one partition in a SQLite file.
///
/// Several stores may be open on one file, in one process or in many. Dropping it closes the database when the calls under way are done.
pub struct SqliteStore {
    queue: Queue,
    device_id: DeviceId,
}

impl SqliteStore {
    /// Opens the partition's file in a folder, and makes both where they are missing. Blocks for as long as that takes.
    ///
    /// `new_device` becomes the partition's device id if it has none yet. [`StoreError::TooNew`] when the file was written by a newer
    /// program; it is not touched then.
    pub fn open(
        folder: &Path,
        workspace_id: &WorkspaceId,
        user_id: &UserId,
        new_device: &DeviceId,
    ) -> Result<Self, StoreError> {
        let file = partition_file(folder, workspace_id, user_id);
        prepare(&file)?;
        let mut connection = schema::open(&file)?;
        let (generation, device_id) = settle_in(&mut connection, workspace_id, user_id, new_device)?;
        let queue = Queue::start(file, connection, generation)?;
        Ok(Self { queue, device_id })
    }

    /// This installation's id, made when the partition was first opened (or first after a wipe).
    pub const fn device_id(&self) -> &DeviceId {
        &self.device_id
    }
}

#[cfg(test)]
impl SqliteStore {
    pub(crate) const fn queue(&self) -> &Queue {
        &self.queue
    }
}

/// Makes the partition's row if it is missing, gives it a device id if it has none, and checks whose it is.
fn settle_in(
    connection: &mut Connection,
    workspace_id: &WorkspaceId,
    user_id: &UserId,
    new_device: &DeviceId,
) -> Result<(u64, DeviceId), StoreError> {
    let sqlite = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
    let sql = "INSERT OR IGNORE INTO partition (one, generation, workspace_id, user_id, last_seq, pending, in_flight, failed,
        conflict, last_fence, lease_expires_at) VALUES (1, 1, ?1, ?2, 0, 0, 0, 0, 0, 0, 0)";
    sqlite.execute(sql, params![workspace_id.as_str(), user_id.as_str()]).map_err(store_error)?;
    let sql = "SELECT workspace_id = ?1 AND user_id = ?2 FROM partition";
    let ours: bool = sqlite
        .query_row(sql, params![workspace_id.as_str(), user_id.as_str()], |row| row.get(0))
        .map_err(store_error)?;
    if !ours {
        return Err(StoreError::Corrupt { what: "partition" });
    }
    let mut memory = Memory::default();
    let mut transaction = Transaction::new(&sqlite, &mut memory)?;
    let device_id = transaction.partition.device_id.get_or_insert_with(|| new_device.as_str().into());
    let device_id = DeviceId::new(device_id).map_err(|_| StoreError::Corrupt { what: "device id" })?;
    let generation = transaction.partition.generation;
    transaction.finish()?;
    sqlite.commit().map_err(store_error)?;
    Ok((generation, device_id))
}

impl OutboxStore for SqliteStore {
    fn append(
        &self,
        mut commands: Vec<NewCommand>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        Box::pin(
            self.queue.run(Access::Write(durability), move |transaction| {
                outbox::append(transaction, &mut commands)
            }),
        )
    }

    fn list(&self, query: OutboxQuery) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        Box::pin(self.queue.run(Access::Read, move |transaction| outbox::list(transaction, &query)))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        Box::pin(self.queue.run(Access::Read, |transaction| Ok(transaction.partition.counts)))
    }

    fn take_off(&self, flight: Flight) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        Box::pin(self.queue.run(STRICT, move |transaction| flight::take_off(transaction, &flight)))
    }

    fn settle(&self, settlement: Settlement) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.queue.run(STRICT, move |transaction| flight::settle(transaction, &settlement)))
    }

    fn recover(&self, fence: Fence) -> BoxFuture<'_, Result<Vec<CommandId>, StoreError>> {
        Box::pin(self.queue.run(RELAXED, move |transaction| flight::recover(transaction, fence)))
    }

    fn resolve(&self, resolve: Resolve) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.queue.run(STRICT, move |transaction| resolve::resolve(transaction, &resolve)))
    }

    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>> {
        Box::pin(self.queue.run(Access::Read, move |transaction| journal::journal(transaction, &query)))
    }

    fn prune_journal(&self, keep: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let mut forgotten = 0;
            loop {
                let some =
                    self.queue.run(RELAXED, move |transaction| journal::prune(transaction, keep)).await?;
                forgotten += some;
                if some < journal::FORGOTTEN_AT_ONCE {
                    return Ok(forgotten);
                }
            }
        })
    }

    fn wipe(&self, unsynced: Unsynced) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.queue.run(Access::Wipe, move |transaction| lease::wipe(transaction, unsynced)))
    }
}

impl LeaseStore for SqliteStore {
    fn acquire<'a>(
        &'a self,
        holder: &'a str,
        now: Timestamp,
        ttl: Duration,
        takeover: Takeover,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        let holder = holder.to_owned();
        Box::pin(
            self.queue.run(RELAXED, move |transaction| {
                Ok(lease::acquire(transaction, &holder, now, ttl, takeover))
            }),
        )
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let fence = lease.fence;
        let renew =
            move |transaction: &mut Transaction<'_>| Ok(lease::renew(transaction, fence, now.plus(ttl)));
        Box::pin(self.queue.run(RELAXED, renew))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>> {
        let fence = lease.fence;
        Box::pin(self.queue.run(RELAXED, move |transaction| Ok(lease::release(transaction, fence))))
    }
}
