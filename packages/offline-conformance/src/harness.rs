use std::sync::Arc;

use offline_core::{BoxFuture, LeaseStore, MaybeSend, MaybeSync, NetworkMonitor, OutboxStore, StoreError};

/// One opener of a partition: the ports of its database.
#[derive(Clone)]
pub struct Partition {
    /// Its outbox.
    pub outbox: Arc<dyn OutboxStore>,
    /// Its lease.
    pub lease: Arc<dyn LeaseStore>,
}

/// Hands an adapter's database to a case: one partition, empty at first.
///
/// An implementation must guarantee:
/// - each `open` is an opener of its own, as far apart from the others as tabs or processes are: it shares no handle with them;
/// - `restart` is a crash and a new start: what is opened after it sees what calls that had resolved before have written, by way of the
///   medium and not of memory. Partitions opened before it are not used any more, and need not be closed.
pub trait StoreHarness: MaybeSend + MaybeSync {
    /// One more opener of the partition.
    fn open(&self) -> BoxFuture<'_, Result<Partition, StoreError>>;

    /// Crashes everything that is open.
    fn restart(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Hands a network monitor to a case, in its first state, with the platform's say in the case's hands.
pub trait NetworkHarness: MaybeSend + MaybeSync {
    /// The monitor, always the same one.
    fn monitor(&self) -> Arc<dyn NetworkMonitor>;

    /// The platform says "online". Has reached the monitor when it returns.
    fn hint_online(&self);

    /// The platform says "offline". Has reached the monitor when it returns.
    fn hint_offline(&self);
}
