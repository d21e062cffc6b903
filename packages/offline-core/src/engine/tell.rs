//! What an engine says of itself, to its host and to the other engines of its partition.

use std::{sync::atomic::Ordering, time::Duration};

use offline_protocol::CommandId;

use super::{Inner, view::PAGE};
use crate::{
    BoxFuture, Connectivity, EngineEvent, EventKind, NetworkVerdict, Notice, Signal, SyncStatus,
    TransportError, plan::observed,
};

/// How long until counts that could not be read are read again.
const UNCOUNTED: Duration = Duration::from_secs(5);

impl Inner {
    pub(super) fn rouse(&self, signal: Signal) {
        self.shared.signal(signal);
        self.tell(Notice::Signal { signal });
    }

    pub(super) fn tell(&self, notice: Notice) {
        self.notices.tell(notice);
    }

    pub(super) fn tell_event(&self, kind: EventKind) {
        self.tell(Notice::Event(EngineEvent { at: self.ports.clock.now(), kind }));
    }

    /// What is known about the way to the server.
    pub(super) fn verdict(&self) -> NetworkVerdict {
        self.ports.network.verdict()
    }

    /// What an exchange has shown about the way to the server, `before` being what was known when it began.
    ///
    /// An answer over a network that the platform has left meanwhile says nothing of the one it is in now, which may be a captive portal's.
    pub(super) fn observe<T>(&self, before: NetworkVerdict, result: &Result<T, TransportError>) {
        let seen = match result {
            Ok(_) if self.verdict() != before => None,
            Ok(_) => Some(NetworkVerdict::Online),
            Err(error) => observed(error),
        };
        if let Some(verdict) = seen {
            self.ports.network.report(verdict);
            self.publish_verdict(verdict);
        }
    }

    pub(super) fn publish_verdict(&self, verdict: NetworkVerdict) {
        let changed: Option<Connectivity> = self.shared.update_verdict(verdict, self.ports.clock.now());
        if let Some(connectivity) = changed {
            self.tell(Notice::Connectivity(connectivity));
        }
    }

    /// Through a pointer, so that it is compiled once.
    pub(super) fn update_status(&self, change: &mut dyn FnMut(&mut SyncStatus)) {
        if let Some(status) = self.shared.update_status(change) {
            self.tell(Notice::Status(status));
        }
    }

    pub(super) fn tell_changed(&self, command_ids: &[CommandId]) {
        self.shared.mark_counts();
        self.tell_ids(command_ids);
    }

    /// New commands stand in the store; called within the turn of the append. Asking the store for the counts each time would make the next
    /// append wait for the answer.
    pub(super) fn tell_appended(&self, command_ids: &[CommandId], new: u64) {
        if self.counted.load(Ordering::Acquire) {
            self.update_status(&mut |status| status.counts.pending += new);
        } else {
            self.shared.mark_counts();
        }
        self.tell_ids(command_ids);
    }

    pub(super) fn tell_ids(&self, command_ids: &[CommandId]) {
        for some in command_ids.chunks(PAGE) {
            self.tell(Notice::Changed { command_ids: some.to_vec() });
        }
    }

    /// Keeps the counts in the status true, off the path of enqueues and flushes.
    pub(super) async fn publish_counts(&self) {
        loop {
            if self.refresh_counts().await {
                self.shared.counts_changed().await;
            } else {
                self.ports.clock.sleep(UNCOUNTED).await;
            }
        }
    }

    /// False when the store cannot be read: then the old counts stay.
    pub(super) fn refresh_counts(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            // No append of this engine is under way meanwhile, so that one that follows may add to what was read.
            let _turn = self.turn().await;
            let Ok(counts) = self.ports.outbox.counts().await else { return false };
            self.counted.store(true, Ordering::Release);
            self.update_status(&mut |status| status.counts = counts);
            true
        })
    }
}
