//! The reference store, but a transaction takes time, as it does on a disk.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use offline_conformance::fakes::VirtualClock;
use offline_core::{
    Appended, BoxFuture, Clock, Counts, Durability, Fence, Flight, JournalEntry, JournalQuery, NewCommand,
    OutboxCommand, OutboxQuery, OutboxStore, Resolve, Settlement, StoreError, Unsynced, memory::MemoryStore,
};
use offline_protocol::CommandId;

pub(crate) struct SlowStore {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) clock: VirtualClock,
    pub(crate) reading: Duration,
    /// How many transactions appended something.
    pub(crate) appends: Arc<AtomicUsize>,
    /// How many of the next reads of the counts fail.
    pub(crate) uncounted: Arc<AtomicUsize>,
}

impl OutboxStore for SlowStore {
    fn append(
        &self,
        commands: Vec<NewCommand>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        self.appends.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            self.clock.sleep(Duration::from_millis(1)).await;
            self.inner.append(commands, durability).await
        })
    }
    fn list(&self, query: OutboxQuery) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        Box::pin(async move {
            // What it says is as old as the transaction.
            let commands = self.inner.list(query).await;
            if !self.reading.is_zero() {
                self.clock.sleep(self.reading).await;
            }
            commands
        })
    }
    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        let fails =
            self.uncounted.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match fails {
            Ok(_) => Box::pin(async { Err(StoreError::backend("the handle is dead")) }),
            Err(_) => self.inner.counts(),
        }
    }
    fn take_off(&self, flight: Flight) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        self.inner.take_off(flight)
    }
    fn settle(&self, settlement: Settlement) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.inner.settle(settlement)
    }
    fn recover(&self, fence: Fence) -> BoxFuture<'_, Result<Vec<CommandId>, StoreError>> {
        self.inner.recover(fence)
    }
    fn resolve(&self, resolve: Resolve) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.inner.resolve(resolve)
    }
    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>> {
        self.inner.journal(query)
    }
    fn prune_journal(&self, keep: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            if !self.reading.is_zero() {
                self.clock.sleep(self.reading).await;
            }
            self.inner.prune_journal(keep).await
        })
    }
    fn wipe(&self, unsynced: Unsynced) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.inner.wipe(unsynced)
    }
}
