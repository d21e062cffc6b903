use tokio::sync::watch;

use crate::{BoxFuture, NetworkError, NetworkMonitor, NetworkVerdict};

/// A [`NetworkMonitor`] without a platform of its own: whoever knows tells it.
///
/// Where nobody does (a server, a command line) it works by reports alone, starting from [`NetworkVerdict::Unknown`].
#[derive(Debug)]
pub struct ManualNetwork(watch::Sender<NetworkVerdict>);

impl ManualNetwork {
    /// Starts from a verdict.
    pub fn new(verdict: NetworkVerdict) -> Self {
        Self(watch::Sender::new(verdict))
    }

    /// The platform says that there is a network: an offline verdict becomes unknown, any other one stands.
    pub fn hint_online(&self) {
        self.0.send_if_modified(|verdict| {
            let offline = *verdict == NetworkVerdict::Offline;
            if offline {
                *verdict = NetworkVerdict::Unknown;
            }
            offline
        });
    }

    /// The platform says that there is no network.
    pub fn hint_offline(&self) {
        self.set(NetworkVerdict::Offline);
    }

    fn set(&self, new: NetworkVerdict) {
        self.0.send_if_modified(|verdict| std::mem::replace(verdict, new) != new);
    }
}

impl Default for ManualNetwork {
    fn default() -> Self {
        Self::new(NetworkVerdict::Unknown)
    }
}

impl NetworkMonitor for ManualNetwork {
    fn verdict(&self) -> Result<NetworkVerdict, NetworkError> {
        Ok(*self.0.borrow())
    }

    fn next_change(&self, seen: NetworkVerdict) -> BoxFuture<'_, Result<NetworkVerdict, NetworkError>> {
        Box::pin(async move {
            let mut verdicts = self.0.subscribe();
            let changed = verdicts.wait_for(|verdict| *verdict != seen).await;
            changed.map(|verdict| *verdict).map_err(|_| NetworkError::Closed)
        })
    }

    fn report(&self, observed: NetworkVerdict) {
        self.set(observed);
    }
}
