use std::{sync::Mutex, task::Context};

use offline_protocol::Timestamp;

use crate::{Bell, Connectivity, Counts, NetworkVerdict, Phase, Progress, Signal, SyncStatus};

/// What an engine's handles and its runner share in memory. Never locked across an await.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    bell: Bell,
}

/// What wakes the runner.
pub(super) enum News {
    Promoted,
    /// Signals, or none when the engine was closed.
    Signals(Vec<Signal>),
}

#[derive(Debug)]
struct State {
    signals: Vec<Signal>,
    promoted: bool,
    closed: bool,
    /// Grows whenever a round of flushing has come to its end.
    rounds: u64,
    /// Whether the store's counts may be others now.
    stale_counts: bool,
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
        let state = State {
            signals: Vec::new(),
            promoted: false,
            closed: false,
            rounds: 0,
            stale_counts: false,
            status,
            connectivity,
        };
        Self { state: Mutex::new(state), bell: Bell::new() }
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
        self.change(&mut |state| {
            if !state.signals.contains(&signal) {
                state.signals.push(signal);
            }
        });
    }

    /// Through a pointer, so that it is compiled once.
    fn change(&self, change: &mut dyn FnMut(&mut State)) {
        change(&mut self.state());
        self.bell.ring();
    }

    /// What the runner is to hear of; when it is nothing, the next change wakes its task.
    pub(super) fn news(&self, context: &Context<'_>) -> Option<News> {
        self.bell.hear(context);
        let mut state = self.state();
        if std::mem::take(&mut state.promoted) {
            return Some(News::Promoted);
        }
        let signals = std::mem::take(&mut state.signals);
        (state.closed || !signals.is_empty()).then_some(News::Signals(signals))
    }

    pub(super) fn promote(&self) {
        self.change(&mut |state| state.promoted = true);
    }

    pub(super) fn close(&self) {
        self.change(&mut |state| state.closed = true);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    pub(super) fn mark_counts(&self) {
        self.change(&mut |state| state.stale_counts = true);
    }

    pub(super) async fn counts_changed(&self) {
        self.bell.until(|| std::mem::take(&mut self.state().stale_counts).then_some(())).await;
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
        self.state().rounds
    }

    pub(super) fn round_ended(&self) {
        self.change(&mut |state| state.rounds += 1);
    }

    /// Whether somebody wants a round that has not begun yet.
    pub(super) fn is_asked(&self) -> bool {
        self.state().signals.contains(&Signal::SyncNow)
    }

    /// When no round has ended since, the next change wakes the task that asks.
    pub(super) fn is_round_after(&self, seen: u64, context: &Context<'_>) -> bool {
        self.bell.hear(context);
        self.state().rounds > seen
    }
}
