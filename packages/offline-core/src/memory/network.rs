use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Bell, BoxFuture, NetworkMonitor, NetworkVerdict};

/// A [`NetworkMonitor`] without a platform of its own: whoever knows tells it.
///
/// Where nobody does (a server, a command line) it works by reports alone, starting from [`NetworkVerdict::Unknown`].
#[derive(Debug)]
pub struct ManualNetwork {
    verdict: Mutex<NetworkVerdict>,
    changed: Bell,
}

impl ManualNetwork {
    /// Starts from a verdict.
    pub fn new(verdict: NetworkVerdict) -> Self {
        Self { verdict: Mutex::new(verdict), changed: Bell::new() }
    }

    /// The platform says that there is a network: an offline verdict becomes unknown, any other one stands.
    pub fn hint_online(&self) {
        let mut verdict = self.now();
        if *verdict == NetworkVerdict::Offline {
            *verdict = NetworkVerdict::Unknown;
            drop(verdict);
            self.changed.ring();
        }
    }

    /// The platform says that there is no network.
    pub fn hint_offline(&self) {
        self.set(NetworkVerdict::Offline);
    }

    fn set(&self, new: NetworkVerdict) {
        *self.now() = new;
        self.changed.ring();
    }

    fn now(&self) -> MutexGuard<'_, NetworkVerdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualNetwork {
    fn default() -> Self {
        Self::new(NetworkVerdict::Unknown)
    }
}

impl NetworkMonitor for ManualNetwork {
    fn verdict(&self) -> NetworkVerdict {
        *self.now()
    }

    fn next_change(&self, seen: NetworkVerdict) -> BoxFuture<'_, NetworkVerdict> {
        Box::pin(async move {
            let changed = || Some(*self.now()).filter(|verdict| *verdict != seen);
            self.changed.until(changed).await
        })
    }

    fn report(&self, observed: NetworkVerdict) {
        self.set(observed);
    }
}
