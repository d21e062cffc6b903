use serde::{Deserialize, Serialize};

use crate::{BoxFuture, MaybeSend, MaybeSync};

/// Whether our server can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkVerdict {
    /// Nobody has tried since something changed.
    #[default]
    Unknown,
    /// Our server answered.
    Online,
    /// The platform says that there is no network, or nothing was reached.
    Offline,
    /// Somebody answered who is not our server.
    CaptivePortal,
    /// Our server, or the edge before it, answered that it cannot serve.
    ServerUnavailable,
}

/// Why a monitor cannot tell.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The monitor was closed.
    #[error("the network monitor is closed")]
    Closed,
    /// The platform failed.
    #[error("the platform does not tell about the network: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What is known about the way to our server.
///
/// An implementation must guarantee:
/// - [`NetworkVerdict::Online`] comes from `report` alone: a platform's "online" is a hint that makes an offline verdict `Unknown`;
/// - a platform's "offline" makes the verdict `Offline` at once;
/// - the latest of hint and report wins;
/// - `next_change` resolves at once when the verdict is not `seen`, else when it changes, for every waiter; dropping it loses nothing.
pub trait NetworkMonitor: MaybeSend + MaybeSync {
    /// The verdict now.
    fn verdict(&self) -> Result<NetworkVerdict, NetworkError>;

    /// Waits until the verdict is another one than `seen`.
    fn next_change(&self, seen: NetworkVerdict) -> BoxFuture<'_, Result<NetworkVerdict, NetworkError>>;

    /// What an exchange with the server has shown.
    fn report(&self, observed: NetworkVerdict);
}
