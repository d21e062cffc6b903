use offline_domain::ConflictPolicy;
use offline_protocol::{
    CommandId, DeviceId, Expected, IdempotencyKey, Json, MAX_DEPENDS_ON, Payload, RecordKey, Seq, Timestamp,
    TraceId, joined,
};
use serde::{Deserialize, Serialize};

use super::{Engine, Inner};
use crate::{
    Chain, Durability, EngineError, EventKind, JournalOutcome, JournalQuery, NewCommand, OutboxCommand,
    OutboxQuery, Status,
};

/// A command as an application makes it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnqueueRequest {
    /// A registered type.
    #[serde(rename = "type")]
    pub command_type: String,
    /// The intent's content.
    pub payload: Payload,
    /// The version its author saw. With own unsettled commands on the record it becomes `after` the last of them.
    #[serde(default)]
    pub expected: Option<Expected>,
    /// Commands that must have been applied before it, beside those on the same record.
    #[serde(default)]
    pub depends_on: Vec<CommandId>,
    /// How sure it is when `enqueue` resolves.
    #[serde(default)]
    pub durability: Durability,
    /// Ties it to the application's logs; a new one when absent.
    #[serde(default)]
    pub client_trace_id: Option<TraceId>,
}

impl EnqueueRequest {
    /// A command without expectation and dependencies, with strict durability.
    pub fn new(command_type: impl Into<String>, payload: impl Into<Payload>) -> Self {
        Self {
            command_type: command_type.into(),
            payload: payload.into(),
            expected: None,
            depends_on: Vec::new(),
            durability: Durability::Strict,
            client_trace_id: None,
        }
    }

    /// The same with the version its author saw.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.expected = Some(expected);
        self
    }

    /// The same, to be applied only after `command_id`.
    #[must_use]
    pub fn depending_on(mut self, command_id: CommandId) -> Self {
        self.depends_on.push(command_id);
        self
    }
}

impl std::fmt::Debug for EnqueueRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnqueueRequest").field("expected", &self.expected).finish_non_exhaustive()
    }
}

/// A command that is durable in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enqueued {
    /// Its name for ever.
    pub command_id: CommandId,
    /// Its place.
    pub seq: Seq,
    /// Ties it to logs.
    pub client_trace_id: TraceId,
    /// The records it touches.
    pub touches: Vec<RecordKey>,
}

impl Engine {
    /// Checks a command and stores it. Once this has resolved with `Ok`, the command leaves the outbox only by the server's final answer or
    /// by a person's hand; on an error nothing was stored.
    ///
    /// Commands that are enqueued at the same time share a transaction, and are stored in the order of the calls. Dropping the future
    /// before it has resolved leaves open whether the command was stored.
    pub async fn enqueue(&self, request: EnqueueRequest) -> Result<Enqueued, EngineError> {
        let inner = &*self.0;
        if inner.shared.is_closed() {
            return Err(EngineError::Closed);
        }
        let durability = request.durability;
        let new = inner.prepare(request)?;
        if new.command.named_predecessors().next().is_some() {
            inner.check_predecessors(&new.command).await?;
        }
        let (command_id, touches) = (new.command.command_id, new.command.touches.clone());
        let client_trace_id = new.command.client_trace_id.clone();
        let appended = inner.append(new, durability).await?;

        inner.tell_event(EventKind::Enqueued {
            command_id,
            client_trace_id: client_trace_id.clone(),
            seq: appended.seq,
        });
        Ok(Enqueued { command_id, seq: appended.seq, client_trace_id, touches })
    }
}

impl Inner {
    fn prepare(&self, request: EnqueueRequest) -> Result<NewCommand, EngineError> {
        let (command_type, prepared) =
            self.registry.prepare_named(&request.command_type, &request.payload.value())?;
        let chain = match (prepared.policy(), request.expected) {
            (ConflictPolicy::Guarded, None) => return Err(EngineError::VersionRequired),
            (ConflictPolicy::Guarded | ConflictPolicy::CheckedWhenGiven, Some(_)) => Chain::AfterOwn,
            _ => Chain::AsGiven,
        };
        let named = request.depends_on.len();
        if named > MAX_DEPENDS_ON {
            return Err(EngineError::TooManyDependencies { named });
        }
        let now = self.ports.clock.now();
        let client_trace_id = match request.client_trace_id {
            Some(id) => id,
            None => trace_id(self.ports.ids.uuid(now)),
        };
        let command = OutboxCommand {
            command_id: CommandId::from_uuid(self.ports.ids.uuid(now)),
            workspace_id: self.config.workspace_id.clone(),
            user_id: self.config.user_id.clone(),
            device_id: DeviceId::clone(&self.config.device_id),
            seq: Seq::FIRST,
            command_type,
            payload: request.payload,
            touches: prepared.keys(),
            expected: request.expected,
            depends_on: request.depends_on,
            status: Status::Pending,
            attempts: 0,
            next_attempt_at: None,
            idempotency_key: self.new_key(now),
            created_at: now,
            client_trace_id,
            last_error: None,
            conflict: None,
        };
        let limit = self.config.limits.max_item_bytes as usize;
        // To count them it is written.
        if command.room_on_the_wire() > limit {
            let bytes = wire_size(&command);
            if bytes > limit {
                return Err(EngineError::TooLarge { bytes, limit });
            }
        }
        Ok(NewCommand { command, chain })
    }

    pub(super) fn new_key(&self, now: Timestamp) -> IdempotencyKey {
        let key = joined![self.ports.ids.uuid(now)];
        IdempotencyKey::of(&key).expect("BUG: a UUID is visible ASCII")
    }

    /// A command after one that never comes would wait for ever.
    async fn check_predecessors(&self, command: &OutboxCommand) -> Result<(), EngineError> {
        let ids: Vec<CommandId> = command.named_predecessors().collect();
        let outbox = self.ports.outbox.list(OutboxQuery::Ids(ids.clone())).await?;
        let missing: Vec<CommandId> =
            ids.into_iter().filter(|id| !outbox.iter().any(|known| known.command_id == *id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let journal = self.ports.outbox.journal(JournalQuery::Ids(missing.clone())).await?;
        let applied = |id: &CommandId| {
            journal.iter().any(|entry| {
                entry.command.command_id == *id && matches!(entry.outcome, JournalOutcome::Applied { .. })
            })
        };
        match missing.into_iter().find(|id| !applied(id)) {
            Some(unknown) => Err(EngineError::UnknownDependency(unknown)),
            None => Ok(()),
        }
    }
}

fn trace_id(uuid: uuid::Uuid) -> TraceId {
    let digits: String = joined![uuid].chars().filter(|digit| *digit != '-').collect();
    TraceId::of(&digits).expect("BUG: a UUID is visible ASCII")
}

/// How many bytes the command takes on the wire.
fn wire_size(command: &OutboxCommand) -> usize {
    let mut json = Json::default();
    command.on_the_wire(&mut json);
    json.into_text().len()
}

impl std::fmt::Debug for NewCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.command.fmt(f)
    }
}
