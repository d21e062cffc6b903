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

/// What is known about the way to our server.
///
/// An implementation must guarantee:
/// - what the platform cannot tell is [`NetworkVerdict::Unknown`], and no error;
/// - [`NetworkVerdict::Online`] comes from `report` alone: a platform's "online" is a hint that makes an offline verdict `Unknown`;
/// - a platform's "offline" makes the verdict `Offline` at once;
/// - the latest of hint and report wins;
/// - `next_change` resolves at once when the verdict is not `seen`, else when it changes, for every waiter; dropping it loses nothing.
pub trait NetworkMonitor: MaybeSend + MaybeSync {
    /// The verdict now.
    fn verdict(&self) -> NetworkVerdict;

    /// Waits until the verdict is another one than `seen`.
    fn next_change(&self, seen: NetworkVerdict) -> BoxFuture<'_, NetworkVerdict>;

    /// What an exchange with the server has shown.
    fn report(&self, observed: NetworkVerdict);
}
