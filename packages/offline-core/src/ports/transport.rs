use std::time::Duration;

use offline_protocol::{CommandId, CommandType, Hello, Json, Limits, Outcome};
use serde::{Deserialize, Serialize};

use crate::{BoxFuture, MaybeSend, MaybeSync, OutboxCommand};

/// How an exchange failed. The class is set where the failure is seen; nobody reads message texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request did not leave the device, or nothing answered.
    #[error("the server could not be reached")]
    Offline,
    /// Somebody answered without our protocol header: a captive portal, a proxy, an edge. He may have handed the request on before.
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

/// What a flush has to know of a server: its part of a [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// What it takes in one request.
    pub limits: Limits,
    /// The types that are to stay in the outbox for now.
    pub paused_types: Vec<CommandType>,
}

impl From<Hello> for Terms {
    fn from(hello: Hello) -> Self {
        Self { limits: hello.limits, paused_types: hello.paused_types }
    }
}

/// One batch on its way to the server.
#[derive(Clone)]
pub struct OutgoingBatch {
    /// Its commands, in order.
    pub command_ids: Vec<CommandId>,
    /// The body of the request: an [`offline_protocol::CommandBatch`] as JSON.
    pub body: String,
}

impl OutgoingBatch {
    /// The batch of these commands.
    pub fn of(commands: &[OutboxCommand]) -> Self {
        let mut json = Json::default();
        json.object();
        json.name("commands");
        json.list_of(commands.len(), &mut |place, json| commands[place].on_the_wire(json));
        json.end_object();
        Self {
            command_ids: commands.iter().map(|command| command.command_id).collect(),
            body: json.into_text(),
        }
    }

    /// Whether these are as many outcomes as commands, in their order and each with its command's id.
    pub fn is_answered_by(&self, outcomes: &[Outcome]) -> bool {
        let answered = outcomes.iter().map(|outcome| outcome.command_id);
        answered.eq(self.command_ids.iter().map(|id| Some(*id)))
    }
}

impl std::fmt::Debug for OutgoingBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutgoingBatch({:?})", self.command_ids)
    }
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
    fn send(&self, batch: OutgoingBatch) -> BoxFuture<'_, Result<Vec<Outcome>, TransportError>>;

    /// Asks whether the server is there and what it accepts. Needs no token.
    fn hello(&self) -> BoxFuture<'_, Result<Terms, TransportError>>;
}
