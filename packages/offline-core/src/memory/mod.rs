//! The in-memory reference adapters: what the ports mean, in the fewest words. Nothing here survives the end of the program.

mod disk;
mod network;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use offline_protocol::{CommandId, Timestamp};

use self::disk::Disk;
pub use self::network::ManualNetwork;
use crate::{
    Appended, BoxFuture, Counts, Durability, Fence, Flight, JournalEntry, JournalQuery, Lease, LeaseStore,
    NewCommand, OutboxCommand, OutboxQuery, OutboxStore, Resolve, Settlement, StoreError, Takeover, Unsynced,
};

/// The database of one partition, as long as somebody holds it.
///
/// Each [`MemoryDisk::open`] is an opener of its own, as a tab or a process would be. What a call has not finished is not on it, so
/// dropping every opener and opening again is what a crash looks like.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

impl MemoryDisk {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more opener.
    pub fn open(&self) -> MemoryStore {
        let wipes = self.0.lock().unwrap_or_else(PoisonError::into_inner).wipes;
        MemoryStore { disk: self.clone(), wipes }
    }
}

/// The outbox and the lease of one partition in memory.
///
/// Each call does all of its work in one poll, under a lock: dropped before that it has done nothing, after that everything.
pub struct MemoryStore {
    disk: MemoryDisk,
    /// How often the disk had been wiped when this was opened; it is closed when that has grown.
    wipes: u64,
}

impl MemoryStore {
    /// The store of a partition of its own.
    pub fn new() -> Self {
        MemoryDisk::new().open()
    }

    fn transaction<'a, T: 'a>(
        &'a self,
        work: impl FnOnce(&mut Disk) -> Result<T, StoreError> + crate::MaybeSend + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            let mut disk = self.disk.0.lock().unwrap_or_else(PoisonError::into_inner);
            if disk.wipes == self.wipes { work(&mut disk) } else { Err(StoreError::Closed) }
        })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl OutboxStore for MemoryStore {
    fn append(
        &self,
        commands: Vec<NewCommand>,
        _: Durability,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        self.transaction(|disk| Ok(commands.into_iter().map(|new| disk.append(new)).collect()))
    }

    fn list(&self, query: OutboxQuery) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        self.transaction(move |disk| Ok(disk.list(&query)))
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        self.transaction(|disk| Ok(disk.counts))
    }

    fn take_off(&self, flight: Flight) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        self.transaction(move |disk| disk.take_off(&flight))
    }

    fn settle(&self, settlement: Settlement) -> BoxFuture<'_, Result<bool, StoreError>> {
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::SettleInTwoSteps) {
            return Box::pin(async move {
                let copy = settlement.clone();
                let half = self.transaction(move |disk| Ok(disk.half_settle(&copy))).await?;
                let mut paused = false;
                std::future::poll_fn(|context| {
                    context.waker().wake_by_ref();
                    if std::mem::replace(&mut paused, true) {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                })
                .await;
                self.transaction(|disk| {
                    disk.unsettle(half);
                    disk.settle(settlement)
                })
                .await
            });
        }
        self.transaction(|disk| disk.settle(settlement))
    }

    fn recover(&self, fence: Fence) -> BoxFuture<'_, Result<Vec<CommandId>, StoreError>> {
        self.transaction(move |disk| disk.recover(fence))
    }

    fn resolve(&self, resolve: Resolve) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.transaction(|disk| Ok(disk.resolve(resolve)))
    }

    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>> {
        self.transaction(move |disk| Ok(disk.journal(&query)))
    }

    fn prune_journal(&self, keep: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.transaction(move |disk| Ok(disk.prune_journal(keep)))
    }

    fn wipe(&self, unsynced: Unsynced) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.transaction(move |disk| Ok(disk.wipe(unsynced)))
    }
}

impl LeaseStore for MemoryStore {
    fn acquire<'a>(
        &'a self,
        holder: &'a str,
        now: Timestamp,
        ttl: Duration,
        takeover: Takeover,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        self.transaction(move |disk| Ok(disk.acquire(holder, now, ttl, takeover)))
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.transaction(move |disk| Ok(disk.renew(lease, now, ttl)))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.transaction(move |disk| Ok(disk.release(lease)))
    }
}
