//! The outbox and the lease of one partition in IndexedDB.
//!
//! The layout saves requests, for each costs more than the bytes it moves:
//! - `commands` holds the unsettled commands, up to 64 in a row; the browser's key generator gives the seq, so that an append reads nothing first;
//! - `flights` holds one small row per flight. Its commands are not rewritten: that they are IN_FLIGHT follows from the flight;
//! - `journal` holds rows of up to 64 entries each;
//! - `meta` holds the lease, and the tally from which the counts follow. An append does not touch it: how many commands there ever were
//!   is the highest seq.

mod append;
mod block;
mod flight;
mod journal;
mod keys;
mod lease;
mod meta;
mod resolve;
mod schema;

use offline_core::{
    Appended, BoxFuture, Counts, Durability, Fence, Flight, JournalEntry, JournalQuery, Lease, LeaseStore,
    NewCommand, OutboxCommand, OutboxQuery, OutboxStore, Resolve, Settlement, StoreError, Takeover, Unsynced,
};
use offline_protocol::{CommandId, DeviceId, Timestamp, UserId, WorkspaceId};
use std::time::Duration;

use self::schema::{COMMANDS, FLIGHTS, JOURNAL, META};
use crate::idb::{Database, Mode};

/// The outbox and the lease of one partition, in the IndexedDB database `offline-outbox:<workspace>:<user>`.
///
/// Cheap to clone; clones share the handle. Each tab has one of its own.
#[derive(Clone)]
pub struct IndexedDbStore {
    database: Database,
}

const RELAXED: Mode = Mode::Write(Durability::Relaxed);
const STRICT: Mode = Mode::Write(Durability::Strict);

impl IndexedDbStore {
    /// The store of a partition. The database is opened, and made if need be, when it is first used.
    pub fn new(workspace_id: &WorkspaceId, user_id: &UserId) -> Self {
        let name = format!("offline-outbox:{workspace_id}:{user_id}");
        Self { database: Database::new(name, schema::SCHEMA) }
    }

    /// Opens the database and tells the id of this installation, which was made with it.
    pub async fn device_id(&self) -> Result<DeviceId, StoreError> {
        let identity = self.database.open().await?;
        DeviceId::new(identity).map_err(|_| StoreError::Corrupt { what: "device id" })
    }

    /// Gives the handle back; every later call fails with [`StoreError::Closed`].
    pub fn close(&self) {
        self.database.close();
    }

    /// Deletes the database of a partition that is not open here, however it looks inside.
    pub async fn delete(workspace_id: &WorkspaceId, user_id: &UserId) -> Result<(), StoreError> {
        Self::new(workspace_id, user_id).database.delete().await
    }
}

impl OutboxStore for IndexedDbStore {
    fn append(
        &self,
        commands: Vec<NewCommand>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        Box::pin(async move { append::append(&self.database, &commands, durability).await })
    }

    fn list(&self, query: OutboxQuery) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        Box::pin(async move {
            Ok(self
                .database
                .transact(&[COMMANDS, FLIGHTS], Mode::Read, async |tx| block::list(tx, &query).await)
                .await?)
        })
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        Box::pin(async move {
            Ok(self
                .database
                .transact(&[COMMANDS, FLIGHTS, META], Mode::Read, async |tx| meta::counts(tx).await)
                .await?)
        })
    }

    fn take_off(&self, flight: Flight) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        Box::pin(async move {
            let scope = [COMMANDS, FLIGHTS, META];
            Ok(self
                .database
                .transact(&scope, RELAXED, async |tx| flight::take_off(tx, &flight).await)
                .await?)
        })
    }

    fn settle(&self, settlement: Settlement) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let scope = [COMMANDS, FLIGHTS, JOURNAL, META];
            Ok(self
                .database
                .transact(&scope, STRICT, async |tx| flight::settle(tx, &settlement).await)
                .await?)
        })
    }

    fn recover(&self, fence: Fence) -> BoxFuture<'_, Result<Vec<CommandId>, StoreError>> {
        Box::pin(async move {
            let scope = [COMMANDS, FLIGHTS, META];
            Ok(self.database.transact(&scope, RELAXED, async |tx| flight::recover(tx, fence).await).await?)
        })
    }

    fn resolve(&self, resolve: Resolve) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let scope = [COMMANDS, FLIGHTS, JOURNAL, META];
            Ok(self
                .database
                .transact(&scope, STRICT, async |tx| resolve::resolve(tx, &resolve).await)
                .await?)
        })
    }

    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>> {
        Box::pin(async move {
            Ok(self
                .database
                .transact(&[JOURNAL], Mode::Read, async |tx| journal::read(tx, &query).await)
                .await?)
        })
    }

    fn prune_journal(&self, keep: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            Ok(self
                .database
                .transact(&[JOURNAL, META], RELAXED, async |tx| journal::prune(tx, keep).await)
                .await?)
        })
    }

    fn wipe(&self, unsynced: Unsynced) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            // Emptied first: a frozen tab can hold up the deletion, but not this.
            let emptied = self.database.transact(&schema::STORES, STRICT, async |tx| {
                if unsynced == Unsynced::Keep && meta::counts(tx).await?.unsettled() > 0 {
                    return Ok(false);
                }
                schema::empty(tx)?;
                Ok(true)
            });
            if !emptied.await? {
                return Ok(false);
            }
            self.database.delete().await?;
            Ok(true)
        })
    }
}

impl LeaseStore for IndexedDbStore {
    fn acquire<'a>(
        &'a self,
        holder: &'a str,
        now: Timestamp,
        ttl: Duration,
        takeover: Takeover,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(async move {
            let wanted = lease::Wanted { holder, now, ttl, takeover };
            Ok(self.database.transact(&[META], RELAXED, async |tx| lease::acquire(tx, &wanted).await).await?)
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            Ok(self
                .database
                .transact(&[META], RELAXED, async |tx| lease::renew(tx, lease, now, ttl).await)
                .await?)
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            Ok(self.database.transact(&[META], RELAXED, async |tx| lease::release(tx, lease).await).await?)
        })
    }
}
