use std::time::Duration;

use offline_protocol::{Command, Hello, Outcome};

use crate::{BoxFuture, MaybeSend, MaybeSync};

/// How an exchange failed. The class is set where the failure is seen; nobody reads message texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request did not leave the device, or nothing answered.
    #[error("the server could not be reached")]
    Offline,
    /// Somebody answered without our protocol header: a captive portal, a proxy, an edge.
    #[error("the answer did not come from our server")]
    NotOurServer,
    /// The request may or may not have taken effect. Everything unknown is this.
    #[error("the server could not answer")]
    Transient {
        /// What the server asked to wait.
        retry_after: Option<Duration>,
    },
    /// The token is missing, expired or refused. Nothing was executed.
    #[error("the server asks for a login")]
    Unauthorized,
    /// The batch is over the server's limits. Nothing was executed.
    #[error("the batch is too large")]
    TooLarge,
    /// The server no longer understands this client. Nothing was executed.
    #[error("this version of the application is too old for the server")]
    Incompatible,
}

/// The way to the server, with the identity of the partition's user.
///
/// An implementation must guarantee:
/// - a response without the protocol header is [`TransportError::NotOurServer`], whatever its status and body;
/// - it sends each request once and never retries by itself; it gives up after a time of its own choosing with [`TransportError::Transient`];
/// - `send` returns as many outcomes as commands, in their order and each with its command's id, else [`TransportError::Transient`];
/// - 401 is `Unauthorized`, 413 `TooLarge`, 426 `Incompatible`, any other status but 200 `Transient`, with the response's `Retry-After`;
/// - it asks for the token before each request, so that a new login needs no new transport; without a token the request is not sent and
///   the answer is `Unauthorized`.
pub trait Transport: MaybeSend + MaybeSync {
    /// Sends one batch.
    fn send(&self, commands: Vec<Command>) -> BoxFuture<'_, Result<Vec<Outcome>, TransportError>>;

    /// Asks whether the server is there and what it accepts. Needs no token.
    fn hello(&self) -> BoxFuture<'_, Result<Hello, TransportError>>;
}
