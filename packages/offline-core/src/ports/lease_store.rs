use std::time::Duration;

use offline_protocol::Timestamp;

use crate::{BoxFuture, MaybeSend, MaybeSync, StoreError};

/// A number that grows with every acquisition of a partition's lease, from 1. Zero is held by nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fence(pub u64);

/// The right to flush a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it: one running engine.
    pub holder: String,
    /// Shown to the store with every write of a flush.
    pub fence: Fence,
    /// When others may take it.
    pub expires_at: Timestamp,
}

/// Whose lease may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// An expired one.
    IfExpired,
    /// Any: the caller knows, by a lock of the platform, that the holder is gone.
    Always,
}

/// Who may flush a partition.
///
/// An implementation must guarantee:
/// - it lives in the same database as the partition's outbox, which checks the fence in the same transaction as its writes;
/// - every `acquire` that succeeds gives a fence greater than all before it, also after a crash, a reopen and a release;
/// - of any number of concurrent `acquire`s of a free lease with [`Takeover::IfExpired`] exactly one succeeds;
/// - a lease is expired when `now` has reached `expires_at`, and also when `expires_at` is later than `now + ttl`: then a clock has jumped,
///   and waiting could last for ever;
/// - `renew` and `release` of a lease that is no longer the current one change nothing and return false;
/// - what it wrote is there after a crash of the program (it need not survive a power cut).
pub trait LeaseStore: MaybeSend + MaybeSync {
    /// Takes the lease if it is free, expired, one's own, or `takeover` says so. `None` when somebody else holds it.
    fn acquire<'a>(
        &'a self,
        holder: &'a str,
        now: Timestamp,
        ttl: Duration,
        takeover: Takeover,
    ) -> BoxFuture<'a, Result<Option<Lease>, StoreError>>;

    /// Moves the end of the current lease to `now + ttl`; false when it is not the current one any more.
    fn renew<'a>(
        &'a self,
        lease: &'a Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Gives the lease back; false when it is not the current one any more.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<bool, StoreError>>;
}
