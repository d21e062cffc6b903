use offline_protocol::{CommandId, RecordId, RecordKind, RecordVersion, Seq, Timestamp, TraceId};
use serde::{Deserialize, Serialize};

use crate::{Counts, NetworkVerdict};

/// Something that happened, in this tab or process or in the one that flushes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EngineEvent {
    /// When, by this device's clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the types they hold")]
pub enum EventKind {
    /// A command is durable in the outbox.
    Enqueued { command_id: CommandId, client_trace_id: TraceId, seq: Seq },
    /// Sending has begun; `total` commands wait.
    FlushStarted { total: u64 },
    /// A batch was answered.
    FlushProgress { settled: u64, total: u64 },
    /// There is nothing more to send now.
    FlushFinished { settled: u64 },
    /// The server answered: applied, held or retry.
    Outcome {
        command_id: CommandId,
        client_trace_id: TraceId,
        status: OutcomeStatus,
        versions: Vec<RecordVersion>,
    },
    /// The exchange failed and will be tried again.
    RetryScheduled { command_ids: Vec<CommandId>, next_attempt_at: Timestamp, code: String },
    /// A command is parked because the record has changed.
    Conflict { command_id: CommandId, client_trace_id: TraceId, kind: RecordKind, id: RecordId },
    /// A command is parked because the server refused it.
    Rejected { command_id: CommandId, client_trace_id: TraceId, code: String },
    /// A person decided about a command.
    Resolved { command_id: CommandId, client_trace_id: TraceId, how: HowResolved },
    /// Nothing is sent until something changes.
    Paused { reason: PauseReason },
    /// The pause is over.
    Resumed,
    /// The server asks for a login.
    LoginNeeded,
}

/// A verdict that parks nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeStatus {
    /// It took effect.
    Applied,
    /// It waits for another one.
    Held,
    /// It will be sent again.
    Retry,
}

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HowResolved {
    /// Sent it again.
    Retried,
    /// Discarded it.
    Discarded,
}

/// Why nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PauseReason {
    /// The server asks for a login.
    Login,
    /// The server no longer understands this version of the application.
    Incompatible,
    /// The device's storage does not take writes.
    Storage,
}

/// What the engine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It has not looked into the outbox yet.
    Starting,
    /// There is nothing to send.
    Idle,
    /// It sends.
    Syncing,
    /// It waits for the next try.
    Waiting,
    /// It waits for something to change.
    Paused,
}

/// How far a flush is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Answered for good.
    pub settled: u64,
    /// Waiting when the flush began, or more.
    pub total: u64,
}

/// How the partition stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// What the engine that flushes is doing.
    pub phase: Phase,
    /// Why it is paused.
    pub paused_by: Option<PauseReason>,
    /// What is in the outbox.
    pub counts: Counts,
    /// How far the flush is.
    pub progress: Option<Progress>,
    /// The next try, when it waits.
    pub next_attempt_at: Option<Timestamp>,
    /// When the server last settled something or had nothing to settle.
    pub last_synced_at: Option<Timestamp>,
    /// Whether this engine is the one that flushes.
    pub leader: bool,
}

/// What is known about the way to our server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connectivity {
    /// What the last exchange or hint has shown.
    pub verdict: NetworkVerdict,
    /// When it became this.
    pub since: Timestamp,
}

/// Something that changes what the engine should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// A command was added.
    Enqueued,
    /// The platform hints that the network is back, or that the user looks at the application again.
    Hint,
    /// A person wants it now.
    SyncNow,
    /// There is a new login.
    SignedIn,
    /// A person decided about a parked command.
    Resolved,
}

/// What an engine tells its host and the other engines of its partition.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Notice {
    /// Something happened.
    Event(EngineEvent),
    /// These commands are not what they were: read them again.
    Changed {
        /// Which.
        command_ids: Vec<CommandId>,
    },
    /// The partition's status.
    Status(SyncStatus),
    /// The verdict on the network.
    Connectivity(Connectivity),
    /// For the engine that flushes.
    Signal {
        /// Which.
        signal: Signal,
    },
}
