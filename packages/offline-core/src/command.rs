use offline_protocol::{
    CommandId, CommandType, Conflict, DeviceId, Expected, IdempotencyKey, Payload, Problem, ProblemCode,
    RecordKey, Seq, Timestamp, TraceId, UserId, WorkspaceId,
};
use serde::{Deserialize, Serialize};

use crate::{Status, settle::UNKNOWN_DEPENDENCY};

/// A command in the outbox. Its JSON is what stores keep: fields may be added with a default, never changed.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxCommand {
    /// Names the command for ever.
    pub command_id: CommandId,
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The author.
    pub user_id: UserId,
    /// The installation that made it.
    pub device_id: DeviceId,
    /// Its gap-free place in the partition.
    pub seq: Seq,
    /// What it means.
    #[serde(rename = "type")]
    pub command_type: CommandType,
    /// The intent's content.
    pub payload: Payload,
    /// The records it reads or writes, the one that `expected` speaks of first. Derived by the handler.
    pub touches: Vec<RecordKey>,
    /// The version its author saw.
    pub expected: Option<Expected>,
    /// Commands that must have been applied before it, beside its lanes.
    #[serde(default)]
    pub depends_on: Vec<CommandId>,
    /// Where it stands.
    pub status: Status,
    /// How often it was sent and left the device.
    pub attempts: u32,
    /// Not to be sent before this, unless a signal ends the wait.
    pub next_attempt_at: Option<Timestamp>,
    /// What the server recognises a retry by. Renewed only when a person retries.
    pub idempotency_key: IdempotencyKey,
    /// When it was made, by this device's clock.
    pub created_at: Timestamp,
    /// Ties it to the client's logs.
    pub client_trace_id: TraceId,
    /// Why it is parked, or why it was put back.
    pub last_error: Option<Failure>,
    /// What stands on the server instead, when its status is CONFLICT.
    pub conflict: Option<Box<Conflict>>,
}

/// By hand, because a derived one is compiled again in each crate that uses it.
impl Clone for OutboxCommand {
    fn clone(&self) -> Self {
        Self {
            command_id: self.command_id,
            workspace_id: self.workspace_id.clone(),
            user_id: self.user_id.clone(),
            device_id: self.device_id.clone(),
            seq: self.seq,
            command_type: self.command_type.clone(),
            payload: self.payload.clone(),
            touches: self.touches.clone(),
            expected: self.expected,
            depends_on: self.depends_on.clone(),
            status: self.status,
            attempts: self.attempts,
            next_attempt_at: self.next_attempt_at,
            idempotency_key: self.idempotency_key.clone(),
            created_at: self.created_at,
            client_trace_id: self.client_trace_id.clone(),
            last_error: self.last_error.clone(),
            conflict: self.conflict.clone(),
        }
    }
}

impl OutboxCommand {
    /// Whether the server has given its word on the command's key, so that the same answer would come to it for ever.
    ///
    /// Without it, a copy of the request that the network still holds may take effect later. A parked command has none when the engine gave it
    /// up, or when the server refused it for what it is asked anew each time: who sends it, which types there are, how it is built.
    pub(crate) fn has_verdict(&self) -> bool {
        use ProblemCode as Code;
        let Some(error) = self.last_error.as_ref().filter(|_| self.status == Status::Failed) else {
            return self.status == Status::Conflict;
        };
        error.code != UNKNOWN_DEPENDENCY
            && !matches!(
                ProblemCode::of(&error.code),
                Code::WorkspaceNotFound
                    | Code::Forbidden
                    | Code::UnknownCommandType
                    | Code::InvalidPayload
                    | Code::InvalidCommand
                    | Code::CommandTooLarge
                    | Code::VersionRequired
            )
    }

    /// The commands it names: `dependsOn` and the one its `expected` comes after.
    pub fn named_predecessors(&self) -> impl Iterator<Item = CommandId> + '_ {
        let after = match self.expected {
            Some(Expected::After(id)) => Some(id),
            _ => None,
        };
        self.depends_on.iter().copied().chain(after)
    }
}

impl std::fmt::Debug for OutboxCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seq, status) = (self.seq, self.status.as_str());
        write!(f, "OutboxCommand({} {} seq {seq} {status})", self.command_type, self.command_id)
    }
}

/// A command on its way into the outbox: complete but for its place, which the store gives it.
#[derive(Clone, PartialEq)]
pub struct NewCommand {
    /// The command as it will be stored: status PENDING, no attempts. Its `seq` is ignored.
    pub command: OutboxCommand,
    /// Whether `expected` follows the author's own commands.
    pub chain: Chain,
}

/// Whether a command's `expected` follows its author's own commands on the same record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain {
    /// `expected` is stored as it is.
    AsGiven,
    /// See the first guarantee of [`crate::OutboxStore::append`].
    AfterOwn,
}

/// What became of one command of an `append`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Its place.
    pub seq: Seq,
    /// Its `expected` as stored.
    pub expected: Option<Expected>,
    /// Whether the store had this id already; then nothing was written for it and `seq` is that of the first.
    pub duplicate: bool,
}

/// How sure a write is when it resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Survives a crash of the program.
    Relaxed,
    /// Survives a power cut.
    #[default]
    Strict,
}

/// Why a command is parked, or why it was put back.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// A code of [`offline_protocol::ProblemCode`], or one of the engine's: `offline`, `not-our-server`, `transient`, `held`.
    pub code: String,
    /// A sentence for people.
    pub title: String,
    /// The server's whole word, when there is one.
    pub problem: Option<Problem>,
    /// When.
    pub at: Timestamp,
}

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Failure({})", self.code)
    }
}

/// How many unsettled commands of each status a partition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// PENDING.
    pub pending: u64,
    /// IN_FLIGHT.
    pub in_flight: u64,
    /// FAILED.
    pub failed: u64,
    /// CONFLICT.
    pub conflict: u64,
}

impl Counts {
    /// All that the server has not settled.
    pub const fn unsettled(&self) -> u64 {
        self.pending + self.in_flight + self.failed + self.conflict
    }
}
