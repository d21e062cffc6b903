use offline_core::{BoxFuture, NetworkMonitor, NetworkVerdict, memory::ManualNetwork};

use crate::browser::is_offline;

/// What the browser hints and our server's answers say about the network. Whoever hears the browser's events passes them on.
#[derive(Debug)]
pub struct BrowserNetwork(ManualNetwork);

impl BrowserNetwork {
    /// Starts offline when the browser is sure of it, else unknown: its "online" says nothing.
    pub fn new() -> Self {
        let verdict = if is_offline() { NetworkVerdict::Offline } else { NetworkVerdict::Unknown };
        Self(ManualNetwork::new(verdict))
    }

    /// The browser says that there is a network.
    pub fn hint_online(&self) {
        self.0.hint_online();
    }

    /// The browser says that there is no network.
    pub fn hint_offline(&self) {
        self.0.hint_offline();
    }
}

impl Default for BrowserNetwork {
    fn default() -> Self {
        Self::new()
    }
}

impl NetworkMonitor for BrowserNetwork {
    fn verdict(&self) -> NetworkVerdict {
        self.0.verdict()
    }

    fn next_change(&self, seen: NetworkVerdict) -> BoxFuture<'_, NetworkVerdict> {
        self.0.next_change(seen)
    }

    fn report(&self, observed: NetworkVerdict) {
        self.0.report(observed);
    }
}
