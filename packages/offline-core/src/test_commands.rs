//! Commands for this crate's own tests.

use offline_domain::{CommandHandler, ConflictPolicy, Context, Effect, Records, Registry, Rejection, Touch};
use offline_protocol::{
    CommandId, CommandType, DeviceId, Expected, IdempotencyKey, RecordId, RecordKey, RecordKind, Seq,
    Timestamp, TraceId, UserId, WorkspaceId,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{OutboxCommand, Status};

/// The id of the command with this seq.
pub(crate) fn id(seq: u64) -> CommandId {
    CommandId::from_uuid(uuid::Uuid::from_u128(u128::from(seq)))
}

/// The key of the thing of this name.
pub(crate) fn thing(name: &str) -> RecordKey {
    RecordKey::new(RecordKind::new("thing").unwrap(), RecordId::new(name).unwrap())
}

/// A pending command that touches these things.
pub(crate) fn command(seq: u64, touches: &[&str]) -> OutboxCommand {
    OutboxCommand {
        command_id: id(seq),
        workspace_id: WorkspaceId::new("acme").unwrap(),
        user_id: UserId::new("ana").unwrap(),
        device_id: DeviceId::new("d1").unwrap(),
        seq: Seq::new(seq).unwrap(),
        command_type: CommandType::new("THING_SET_V1").unwrap(),
        payload: json!({}).into(),
        touches: touches.iter().map(|name| thing(name)).collect(),
        expected: None,
        depends_on: Vec::new(),
        status: Status::Pending,
        attempts: 0,
        next_attempt_at: None,
        idempotency_key: IdempotencyKey::new(format!("key-{seq}")).unwrap(),
        created_at: Timestamp::EPOCH,
        client_trace_id: TraceId::new("trace").unwrap(),
        last_error: None,
        conflict: None,
    }
}

/// The same, after the command with that seq.
pub(crate) fn after(mut command: OutboxCommand, seq: u64) -> OutboxCommand {
    command.expected = Some(Expected::After(id(seq)));
    command
}

/// Makes a thing with a name, or renames it; an empty name is refused.
struct Name<const CREATE: bool>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameV1 {
    id: RecordId,
    name: String,
}

impl<const CREATE: bool> CommandHandler for Name<CREATE> {
    type Payload = NameV1;
    const TYPE: &'static str = if CREATE { "THING_CREATE_V1" } else { "THING_SET_V1" };
    const POLICY: ConflictPolicy = if CREATE { ConflictPolicy::CreateOnly } else { ConflictPolicy::Guarded };

    fn touches(&self, payload: &NameV1) -> Vec<Touch> {
        let key = thing(payload.id.as_str());
        vec![if CREATE { Touch::create(key) } else { Touch::update(key) }]
    }

    fn handle(&self, _: &Context, records: &Records, payload: NameV1) -> Result<Effect, Rejection> {
        let key = thing(payload.id.as_str());
        if payload.name.is_empty() || (!CREATE && records.data(&key).is_none()) {
            return Err(Rejection::new("No"));
        }
        Ok(Effect::write(key, json!({ "name": payload.name })))
    }
}

/// `THING_CREATE_V1` and `THING_SET_V1`, both `{id, name}`.
pub(crate) fn registry() -> Registry {
    Registry::new().with(Name::<true>).unwrap().with(Name::<false>).unwrap()
}

/// A pending command that gives the thing a name.
pub(crate) fn naming(seq: u64, command_type: &str, thing: &str, name: &str) -> OutboxCommand {
    let mut command = command(seq, &[thing]);
    command.command_type = CommandType::new(command_type).unwrap();
    command.payload = json!({ "id": thing, "name": name }).into();
    command
}
