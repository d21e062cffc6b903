//! What one tab does to its partition's database, and where it may die meanwhile.

use std::{sync::Arc, time::Duration};

use offline_core::{
    Appended, BoxFuture, Clock as _, Counts, Durability, Fence, Flight, JournalEntry, JournalQuery, Lease,
    LeaseStore, NewCommand, OutboxCommand, OutboxQuery, OutboxStore, Resolve, Settlement, StoreError,
    Takeover, Unsynced,
};
use offline_protocol::{CommandId, Timestamp};

use super::{Disk, Rows, Write};
use crate::shared::locked;

/// One opener: a tab's.
pub(crate) struct Opener {
    pub(super) disk: Arc<Disk>,
    pub(super) store: Arc<dyn Rows>,
}

impl Opener {
    /// The way to a transaction: it may last, it may be where the program dies, and the database may refuse.
    async fn begin(&self, writes: bool, point: &'static str) -> Result<(), StoreError> {
        let shared = &self.disk.shared;
        if shared.dice.percent(3) {
            shared.clock.sleep(shared.dice.millis(1, 1500)).await;
        }
        shared.point(point).await;
        self.disk.fault(writes)
    }

    /// The way back from a commit.
    async fn end(&self, write: Write, force: Durability, point: &'static str) {
        self.disk.wrote(write, force);
        self.disk.shared.point(point).await;
    }
}

impl OutboxStore for Opener {
    fn append(
        &self,
        commands: Vec<NewCommand>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        Box::pin(async move {
            self.begin(true, "append: before the commit").await?;
            let appended = self.store.append(commands.clone(), durability).await?;
            self.disk.appended(&commands, &appended, durability);
            self.end(Write::Append(commands), durability, "append: after the commit").await;
            Ok(appended)
        })
    }

    fn list(&self, query: OutboxQuery) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        Box::pin(async move {
            self.begin(false, "list").await?;
            self.store.list(query).await
        })
    }

    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>> {
        Box::pin(async move {
            self.begin(false, "counts").await?;
            self.store.counts().await
        })
    }

    fn take_off(&self, flight: Flight) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        Box::pin(async move {
            self.begin(true, "take_off: before the commit").await?;
            let flown = self.store.take_off(flight.clone()).await?;
            self.disk.written_under(flight.fence, "a flight");
            let ids: Vec<_> = flown.iter().map(|command| command.command_id).collect();
            self.disk.shared.trace(|| format!("p{} takes off {ids:?}", self.disk.place));
            locked(&self.disk.state).flights.insert(flight.flight_id, ids);
            self.end(Write::TakeOff(flight), Durability::Strict, "take_off: after the commit").await;
            Ok(flown)
        })
    }

    fn settle(&self, settlement: Settlement) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            self.begin(true, "settle: before the commit").await?;
            let known = self.store.settle(settlement.clone()).await?;
            self.disk.written_under(settlement.fence, "a settlement");
            if known {
                self.disk.settled(&settlement);
            }
            self.end(Write::Settle(settlement), Durability::Strict, "settle: after the commit").await;
            Ok(known)
        })
    }

    fn recover(&self, fence: Fence) -> BoxFuture<'_, Result<Vec<CommandId>, StoreError>> {
        Box::pin(async move {
            self.begin(true, "recover: before the commit").await?;
            let back = self.store.recover(fence).await?;
            self.disk.written_under(fence, "a recovery");
            if !back.is_empty() {
                self.disk.shared.trace(|| format!("p{} recovers {back:?}", self.disk.place));
            }
            self.disk.still_there(&back, "recover");
            self.disk.shared.model().left(self.disk.place, back.iter().copied());
            locked(&self.disk.state).flights.clear();
            self.end(Write::Recover(fence), Durability::Relaxed, "recover: after the commit").await;
            Ok(back)
        })
    }

    fn resolve(&self, resolve: Resolve) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            self.begin(true, "resolve: before the commit").await?;
            let done = self.store.resolve(resolve.clone()).await?;
            if done {
                self.disk.decided(&resolve);
            }
            self.end(Write::Resolve(resolve), Durability::Strict, "resolve: after the commit").await;
            Ok(done)
        })
    }

    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>> {
        Box::pin(async move {
            self.begin(false, "journal").await?;
            self.store.journal(query).await
        })
    }

    fn prune_journal(&self, keep: usize) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            self.begin(true, "prune: before the commit").await?;
            let forgotten = self.store.prune_journal(keep).await?;
            self.end(Write::Prune(keep), Durability::Relaxed, "prune: after the commit").await;
            Ok(forgotten)
        })
    }

    fn wipe(&self, unsynced: Unsynced) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            self.begin(true, "wipe: before the commit").await?;
            let lost = self.disk.outbox();
            let wiped = self.store.wipe(unsynced).await?;
            if wiped {
                self.disk.wiped(&lost);
                self.end(Write::Wipe, Durability::Strict, "wipe: after the commit").await;
            }
            Ok(wiped)
        })
    }
}

impl LeaseStore for Opener {
    fn acquire<'a>(
        &'a self,
        holder: &'a str,
        at: Timestamp,
        ttl: Duration,
        takeover: Takeover,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>> {
        Box::pin(async move {
            self.begin(true, "acquire: before the commit").await?;
            let lease = self.store.acquire(holder, at, ttl, takeover).await?;
            if let Some(lease) = &lease {
                locked(&self.disk.state).fence = lease.fence;
                self.disk
                    .shared
                    .trace(|| format!("p{} {holder} has lease {:?}", self.disk.place, lease.fence));
                let write = Write::Acquire(holder.to_owned(), at, ttl, takeover);
                self.end(write, Durability::Relaxed, "acquire: after the commit").await;
            }
            Ok(lease)
        })
    }

    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        at: Timestamp,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.begin(true, "renew: before the commit").await?;
            let current = self.store.renew(lease, at, ttl).await?;
            let write = Write::Renew(lease.clone(), at, ttl);
            self.end(write, Durability::Relaxed, "renew: after the commit").await;
            Ok(current)
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            self.begin(true, "release: before the commit").await?;
            let current = self.store.release(lease).await?;
            self.end(Write::Release(lease.clone()), Durability::Relaxed, "release: after the commit").await;
            Ok(current)
        })
    }
}
