use std::sync::Mutex;

use offline_protocol::Timestamp;
use tokio::sync::{Notify, watch};

use crate::{Connectivity, Counts, NetworkVerdict, Phase, Progress, Signal, SyncStatus};

/// What an engine's handles and its runner share in memory. Never locked across an await.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Grows whenever a round of flushing has come to its end.
    rounds: watch::Sender<u64>,
    /// Says that the store's counts may be others now.
    counts: Notify,
}

#[derive(Debug)]
struct State {
    signals: Vec<Signal>,
    promoted: bool,
    closed: bool,
    status: SyncStatus,
    connectivity: Connectivity,
}

impl Shared {
    pub(super) fn new(now: Timestamp, verdict: NetworkVerdict) -> Self {
        let status = SyncStatus {
            phase: Phase::Starting,
            paused_by: None,
            counts: Counts::default(),
            progress: None,
            next_attempt_at: None,
            last_synced_at: None,
            leader: false,
        };
        let connectivity = Connectivity { verdict, since: now };
        let state = State { signals: Vec::new(), promoted: false, closed: false, status, connectivity };
        Self { state: Mutex::new(state), rounds: watch::Sender::new(0), counts: Notify::new() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("BUG: no code that holds this lock panics")
    }

    pub(super) fn status(&self) -> SyncStatus {
        self.state().status.clone()
    }

    pub(super) fn connectivity(&self) -> Connectivity {
        self.state().connectivity
    }

    pub(super) fn signal(&self, signal: Signal) {
        let mut state = self.state();
        if !state.signals.contains(&signal) {
            state.signals.push(signal);
        }
    }

    pub(super) fn take_signals(&self) -> Vec<Signal> {
        std::mem::take(&mut self.state().signals)
    }

    pub(super) fn promote(&self) {
        self.state().promoted = true;
    }

    pub(super) fn take_promotion(&self) -> bool {
        std::mem::take(&mut self.state().promoted)
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    pub(super) fn mark_counts(&self) {
        self.counts.notify_one();
    }

    pub(super) async fn counts_changed(&self) {
        self.counts.notified().await;
    }

    /// Changes the status; returns it when it is another one now.
    pub(super) fn update_status(&self, change: &mut dyn FnMut(&mut SyncStatus)) -> Option<SyncStatus> {
        let mut state = self.state();
        let before = state.status.clone();
        change(&mut state.status);
        (state.status != before).then(|| state.status.clone())
    }

    /// Changes the verdict; returns it when it is another one now.
    pub(super) fn update_verdict(&self, verdict: NetworkVerdict, now: Timestamp) -> Option<Connectivity> {
        let mut state = self.state();
        if state.connectivity.verdict == verdict {
            return None;
        }
        state.connectivity = Connectivity { verdict, since: now };
        Some(state.connectivity)
    }

    /// Takes over what the engine that flushes says. Counts are everybody's own reading of the store.
    pub(super) fn follow_status(&self, told: &SyncStatus) {
        let mut state = self.state();
        if state.status.leader || !told.leader {
            return;
        }
        let counts = state.status.counts;
        state.status = SyncStatus { leader: false, counts, ..told.clone() };
        drop(state);
        if told.phase != Phase::Syncing && told.phase != Phase::Starting {
            self.round_ended();
        }
    }

    pub(super) fn follow_connectivity(&self, told: Connectivity) {
        let mut state = self.state();
        if !state.status.leader {
            state.connectivity = told;
        }
    }

    pub(super) fn progress(&self) -> Option<Progress> {
        self.state().status.progress
    }

    pub(super) fn rounds(&self) -> u64 {
        *self.rounds.borrow()
    }

    pub(super) fn round_ended(&self) {
        self.rounds.send_modify(|rounds| *rounds += 1);
    }

    pub(super) async fn round_after(&self, seen: u64) {
        // An error means that the engine is gone; then there is nothing to wait for either.
        let _ = self.rounds.subscribe().wait_for(|rounds| *rounds > seen).await;
    }
}
