//! The engine of one partition in one tab or process: it enqueues, shows and resolves, and one of them flushes.

mod enqueue;
mod group;
mod look;
mod notices;
mod resolve;
mod run;
mod state;
mod tell;
mod told;
mod view;

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use offline_domain::Registry;
use offline_protocol::{DeviceId, Limits, UserId, WorkspaceId};

pub use enqueue::{EnqueueRequest, Enqueued};
pub use notices::{Heard, Listener};
pub use resolve::{Dependants, DiscardReport};
pub use view::OutboxEntry;

use crate::{
    Clock, Connectivity, Election, EngineError, Ids, LeaseStore, NetworkMonitor, Notice, OutboxStore,
    RetryPolicy, Signal, SyncStatus, Transport,
};
use group::GroupCommit;
use notices::Notices;
use state::Shared;

/// Whose partition an engine serves, and how.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The user.
    pub user_id: UserId,
    /// This installation; kept in the partition's database.
    pub device_id: DeviceId,
    /// Names this running engine among those of the partition; unique.
    pub holder: String,
    /// What a request may hold until the server says so itself.
    pub limits: Limits,
    /// How long to wait after failures.
    pub retry: RetryPolicy,
    /// How long a lease lasts without a heartbeat.
    pub lease_ttl: Duration,
    /// What holding the lease needs.
    pub election: Election,
    /// How many journal entries are kept.
    pub journal_keep: usize,
}

impl EngineConfig {
    /// The usual settings: the server's default limits, a lease of 15 seconds that alone decides, 1,000 journal entries.
    pub fn new(workspace_id: WorkspaceId, user_id: UserId, device_id: DeviceId, holder: String) -> Self {
        Self {
            workspace_id,
            user_id,
            device_id,
            holder,
            limits: Limits::default(),
            retry: RetryPolicy::default(),
            lease_ttl: Duration::from_secs(15),
            election: Election::Lease,
            journal_keep: 1000,
        }
    }
}

/// What an engine needs of the world.
#[derive(Clone)]
pub struct Ports {
    /// The partition's outbox.
    pub outbox: Arc<dyn OutboxStore>,
    /// The partition's lease, in the same database.
    pub lease: Arc<dyn LeaseStore>,
    /// The way to the server.
    pub transport: Arc<dyn Transport>,
    /// What is known about that way.
    pub network: Arc<dyn NetworkMonitor>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids and chance.
    pub ids: Arc<dyn Ids>,
}

/// The engine of one partition. Clones are handles of the same engine.
///
/// Enqueueing, reading and resolving work at any time; commands are sent only while [`Engine::run`] is polled.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: EngineConfig,
    registry: Registry,
    ports: Ports,
    shared: Shared,
    notices: Notices,
    group: GroupCommit,
    running: AtomicBool,
    /// Whether the counts in the status were ever read of the store.
    counted: AtomicBool,
}

impl Engine {
    /// Makes an engine. Nothing is read or sent before [`Engine::run`].
    pub fn new(config: EngineConfig, registry: Registry, ports: Ports) -> Self {
        let now = ports.clock.now();
        let verdict = ports.network.verdict();
        Self(Arc::new(Inner {
            config,
            registry,
            shared: Shared::new(now, verdict),
            ports,
            notices: Notices::default(),
            group: GroupCommit::default(),
            running: AtomicBool::new(false),
            counted: AtomicBool::new(false),
        }))
    }

    /// Everything that happens from now on: here, and what other engines of the partition told through [`Engine::receive`].
    ///
    /// A listener that falls more than 4,096 notices behind is told how many it missed; it should read what it shows again.
    pub fn subscribe(&self) -> Listener {
        self.0.notices.subscribe()
    }

    /// How the partition stands.
    pub fn status(&self) -> SyncStatus {
        self.0.shared.status()
    }

    /// What is known about the way to the server.
    pub fn connectivity(&self) -> Connectivity {
        self.0.shared.connectivity()
    }

    /// The command types and their handlers.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The settings.
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// Says that something has changed; the engine that flushes hears of it, here or elsewhere.
    pub fn wake(&self, signal: Signal) {
        self.0.rouse(signal);
    }

    /// Says that there is a new login: ends a pause for one.
    pub fn signed_in(&self) {
        self.wake(Signal::SignedIn);
    }

    /// Says that this engine holds the platform's lock on the partition, so that whoever has the lease is gone.
    pub fn promote(&self) {
        self.0.shared.promote();
    }

    /// Takes in a notice that another engine of the same partition has told its subscribers. It is not told to this engine's own: the adapter that
    /// carries notices passes them on to its host, a status and a connectivity as [`Engine::status`] and [`Engine::connectivity`] then say.
    pub fn receive(&self, notice: &Notice) {
        match notice {
            Notice::Signal { signal } => self.0.shared.signal(*signal),
            Notice::Status(status) => self.0.shared.follow_status(status),
            Notice::Connectivity(connectivity) => self.0.shared.follow_connectivity(*connectivity),
            Notice::Changed { .. } => self.0.shared.mark_counts(),
            Notice::Event(_) => {}
        }
    }

    /// Flushes now, whatever it was waiting for, and resolves when there is nothing left to send or sending is not possible.
    ///
    /// When another engine of the partition flushes, this asks it to, and resolves with what it tells; after 10 seconds without a word from
    /// it, with what is known.
    pub async fn sync_now(&self) -> Result<SyncStatus, EngineError> {
        if self.0.shared.is_closed() {
            return Err(EngineError::Closed);
        }
        let seen = self.0.shared.rounds();
        self.wake(Signal::SyncNow);
        let patience = if self.status().leader { Duration::from_secs(3600) } else { Duration::from_secs(10) };
        let mut timeout = self.0.ports.clock.sleep(patience);
        poll_fn(|context| {
            if self.0.shared.is_round_after(seen, context) {
                return Poll::Ready(());
            }
            timeout.as_mut().poll(context)
        })
        .await;
        self.0.refresh_counts().await;
        Ok(self.status())
    }

    /// Ends [`Engine::run`] after the exchange that is under way. What is in the outbox stays there.
    pub fn close(&self) {
        self.0.shared.close();
    }

    /// Deletes the partition's outbox for every engine of it, and closes this one.
    ///
    /// Refused with [`EngineError::Unsynced`] while commands are unsettled, unless the user has agreed to lose them.
    pub async fn wipe(&self, unsynced: Unsynced) -> Result<(), EngineError> {
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::WipeCountsFirst)
            && self.0.ports.outbox.counts().await?.unsettled() == 0
        {
            self.0.ports.outbox.wipe(Unsynced::Lose).await?;
        }
        if !self.0.ports.outbox.wipe(unsynced).await? {
            let count = self.0.ports.outbox.counts().await?.unsettled();
            return Err(EngineError::Unsynced { count });
        }
        self.close();
        Ok(())
    }

    /// Whether [`Engine::run`] is being polled.
    pub fn is_running(&self) -> bool {
        self.0.running.load(Ordering::Acquire)
    }
}

/// What a wipe does with commands that the server has not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// Refuses to wipe.
    Keep,
    /// Deletes them: the user was asked and agreed.
    Lose,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("holder", &self.0.config.holder).finish_non_exhaustive()
    }
}
