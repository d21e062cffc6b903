//! The outbox and the lease of one partition in IndexedDB.
//!
//! The layout saves requests, for each costs more than the bytes it moves:
//! - `commands` holds the commands, up to 64 in a row; the browser's key generator gives the seq, so that an append reads nothing first. Rows that
//!   were applied as a whole stay where they are. Under negative keys it holds the journal, so that one index knows every id;
//! - `flights` holds one small row per flight. Its commands are not rewritten: that they are IN_FLIGHT follows from the flight;
//! - `meta` holds the lease, and the tally from which the counts follow. An append does not touch it: how many commands there ever were
//!   is the highest seq.
//!
//! Each operation is a fold over one transaction: see [`crate::idb`].

mod append;
mod block;
mod flight;
#[cfg(all(any(test, fuzzing), not(target_arch = "wasm32")))]
mod fuzzed;
mod journal;
mod lease;
mod list;
mod memory;
mod meta;
mod resolve;
mod runs;
mod sorted;
#[cfg(test)]
mod tests;

use std::time::Duration;

use offline_core::{
    Appended, BoxFuture, Counts, Durability, Fence, Flight, JournalEntry, JournalQuery, Lease, LeaseStore,
    NewCommand, OutboxCommand, OutboxQuery, OutboxStore, Resolve, Settlement, StoreError, Takeover, Unsynced,
};
use offline_protocol::{CommandId, Timestamp};
#[cfg(target_arch = "wasm32")]
use offline_protocol::{DeviceId, UserId, WorkspaceId, joined};

#[cfg(all(any(test, fuzzing), not(target_arch = "wasm32")))]
pub(crate) use self::fuzzed::fuzzed;
use self::memory::Memory;
use crate::idb::{
    Database, Mode, Step,
    Store::{self, Commands, Flights, Meta},
};

/// The outbox and the lease of one partition, in the IndexedDB database `offline-outbox:<workspace>:<user>`.
///
/// Cheap to clone; clones share the handle. Each tab has one of its own.
#[derive(Clone)]
pub struct IndexedDbStore {
    database: Database,
    memory: Memory,
}

/// Every store.
const ALL: &[Store] = &[Commands, Flights, Meta];

#[cfg(target_arch = "wasm32")]
impl IndexedDbStore {
    /// The store of a partition. The database is opened, and made if need be, when it is first used.
    pub fn new(workspace_id: &WorkspaceId, user_id: &UserId) -> Self {
        Self::of(Database::new(&joined!["offline-outbox:", workspace_id.as_str(), ":", user_id.as_str()]))
    }

    /// Opens the database and tells the id of this installation, which was made with it.
    pub async fn device_id(&self) -> Result<DeviceId, StoreError> {
        let identity = self.database.identity().await?;
        DeviceId::of(&identity).ok_or(StoreError::Corrupt { what: "device id" })
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

impl IndexedDbStore {
    fn of(database: Database) -> Self {
        Self { database, memory: Memory::default() }
    }
}

impl OutboxStore for IndexedDbStore {
    fn append(
        &self,
        commands: Vec<NewCommand>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        let mut append = append::Append::new(commands);
        self.database.run(
            &[Commands, Meta],
            durability.into(),
            Box::new(move |seen, plan| append.step(&seen, plan)),
        )
    }

    fn list(&self, query: OutboxQuery) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        let mut list = list::List::new(query, self.memory.clone());
        self.database.run(ALL, Mode::Read, Box::new(move |seen, plan| list.step(&seen, plan)))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        self.database.run(ALL, Mode::Read, Box::new(|seen, plan| meta::counts(&seen, plan)))
    }

    fn take_off(&self, flight: Flight) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        let mut take_off = flight::TakeOff::new(flight, self.memory.clone());
        self.database.run(ALL, Mode::Strict, Box::new(move |seen, plan| take_off.step(&seen, plan)))
    }

    fn settle(&self, settlement: Settlement) -> BoxFuture<'_, Result<bool, StoreError>> {
        let memory = self.memory.clone();
        let settled = self.database.run(
            ALL,
            Mode::Strict,
            Box::new(move |seen, plan| flight::settle(&settlement, &memory, &seen, plan)),
        );
        Box::pin(async move {
            let settled = settled.await?;
            if settled {
                self.memory.look().settled();
            }
            Ok(settled)
        })
    }

    fn recover(&self, fence: Fence) -> BoxFuture<'_, Result<Vec<CommandId>, StoreError>> {
        self.database.run(ALL, Mode::Relaxed, Box::new(move |seen, plan| flight::recover(fence, &seen, plan)))
    }

    fn resolve(&self, resolve: Resolve) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.database.run(
            ALL,
            Mode::Strict,
            Box::new(move |seen, plan| resolve::resolve(&resolve, &seen, plan)),
        )
    }

    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>> {
        self.database.run(
            &[Commands, Meta],
            Mode::Read,
            Box::new(move |seen, plan| journal::journal(&query, &seen, plan)),
        )
    }

    fn prune_journal(&self, keep: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let mut forgotten = 0;
            loop {
                let part = self.database.run(
                    &[Commands, Meta],
                    Mode::Relaxed,
                    Box::new(move |seen, plan| journal::prune(keep, &seen, plan)),
                );
                let part = part.await?;
                forgotten += part;
                if part < journal::FORGOTTEN_AT_ONCE {
                    return Ok(forgotten);
                }
            }
        })
    }

    fn wipe(&self, unsynced: Unsynced) -> BoxFuture<'_, Result<bool, StoreError>> {
        // Emptied first: a frozen tab can hold up the deletion, but not this.
        let emptied = self.database.run(
            ALL,
            Mode::Strict,
            Box::new(move |seen, plan| {
                let Step::Done(counts) = meta::counts(&seen, plan)? else { return Ok(Step::More) };
                if unsynced == Unsynced::Keep && counts.unsettled() > 0 {
                    return Ok(Step::Done(false));
                }
                plan.delete(Commands, (i64::MIN, i64::MAX));
                plan.delete(Flights, ("", "\u{ffff}"));
                plan.delete(Meta, ("", "\u{ffff}"));
                Ok(Step::Done(true))
            }),
        );
        Box::pin(async move {
            let emptied = emptied.await?;
            if emptied {
                self.database.delete().await?;
            }
            Ok(emptied)
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
        let wanted = lease::Wanted { holder: holder.to_owned(), now, ttl, takeover };
        self.database.run(
            &[Meta],
            Mode::Relaxed,
            Box::new(move |seen, plan| lease::acquire(&wanted, &seen, plan)),
        )
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.change(lease, Some(now.plus(ttl)))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.change(lease, None)
    }
}

impl IndexedDbStore {
    fn change(
        &self,
        lease: &Lease,
        expires_at: Option<Timestamp>,
    ) -> BoxFuture<'static, Result<bool, StoreError>> {
        let fence = lease.fence;
        self.database.run(
            &[Meta],
            Mode::Relaxed,
            Box::new(move |seen, plan| lease::change(fence, expires_at, &seen, plan)),
        )
    }
}
