use offline_protocol::{CommandId, FieldError, RecordKey, Timestamp, UserId, WorkspaceId, read_value};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::Records;

/// What a type of command means: a pure function over records, the same on the server and (for display) in the client.
///
/// An implementation must guarantee:
/// - `touches` depends on the payload alone and names every record that `handle` reads or writes, but those of `READS_ALL`, which it only reads;
/// - `handle` depends on its arguments alone: no clock, no chance, no I/O;
/// - amounts, totals and states are computed here, never believed from a payload.
pub trait CommandHandler: Send + Sync + 'static {
    /// The payload. Its `Deserialize` refuses unknown fields.
    type Payload: DeserializeOwned + Serialize;

    /// The command type, ending in `_Vn`.
    const TYPE: &'static str;

    /// What happens when the record has changed since its author saw it.
    const POLICY: ConflictPolicy;

    /// The roles whose bearers may send it; empty: every member of the workspace may. The client does not look at it, the server does.
    const ROLES: &'static [&'static str] = &[];

    /// The kinds of which `handle` reads every record of the workspace, as a rule about all of them asks for. Small ones, which a rule of their
    /// own keeps small: the server loads all of it for each command. A client has what it has at hand.
    const READS_ALL: &'static [&'static str] = &[];

    /// Reads a payload, a JSON object. It may say everything that does not fit, as [`crate::read_form`] does, or the first thing, as here.
    fn read(&self, payload: &Value) -> Result<Self::Payload, Vec<FieldError>> {
        read_value(payload).map_err(|error| vec![error.into()])
    }

    /// Checks what the payload says by itself. An empty list means that it is in order.
    fn check(&self, _payload: &Self::Payload) -> Vec<FieldError> {
        Vec::new()
    }

    /// The records that the command reads or writes, at least one, the one that `expected` speaks of first.
    fn touches(&self, payload: &Self::Payload) -> Vec<Touch>;

    /// Turns the records and the command into changed records and a result, or refuses.
    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: Self::Payload,
    ) -> Result<Effect, Rejection>;
}

/// What happens when a record has changed since the command's author saw it. Declared for each type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// Makes a new record: an id that exists is a conflict. A version, when the command carries one, must be zero: that of no record.
    CreateOnly,
    /// The command must carry the version its author saw; another one is a conflict.
    Guarded,
    /// The version is checked when the command carries one.
    CheckedWhenGiven,
    /// Deltas and appends: any order gives the same sum, so a version is never checked.
    Commutes,
    /// The later one stands, and that is meant so.
    LastWriteWins,
}

/// How a command touches a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Makes it; an existing one is a conflict.
    Create,
    /// Changes it; a missing one is refused, a deleted one is a conflict.
    Update,
    /// Makes or changes it.
    Upsert,
    /// Moves it on, like a counter, in a way that any order serves; a missing one is refused, a deleted one is a conflict.
    Advance,
    /// Reads it, whether it exists or not.
    Read,
    /// Refers to it, and may read it; a missing or deleted one is refused.
    Require,
}

impl Access {
    /// Whether the record may be written.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Read | Self::Require)
    }

    /// Whether the record may come into being.
    pub const fn makes(self) -> bool {
        matches!(self, Self::Create | Self::Upsert)
    }

    /// Whether two commands that touch one record so keep their order, the later one waiting while the earlier one is parked.
    pub const fn keeps_order(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Upsert)
    }
}

/// One record that a command touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// Which one.
    pub key: RecordKey,
    /// How.
    pub access: Access,
}

impl Touch {
    /// The command makes this record.
    pub const fn create(key: RecordKey) -> Self {
        Self { key, access: Access::Create }
    }

    /// The command changes this record.
    pub const fn update(key: RecordKey) -> Self {
        Self { key, access: Access::Update }
    }

    /// The command makes or changes this record.
    pub const fn upsert(key: RecordKey) -> Self {
        Self { key, access: Access::Upsert }
    }

    /// The command moves this record on.
    pub const fn advance(key: RecordKey) -> Self {
        Self { key, access: Access::Advance }
    }

    /// The command reads this record.
    pub const fn read(key: RecordKey) -> Self {
        Self { key, access: Access::Read }
    }

    /// The command refers to this record, which must exist.
    pub const fn require(key: RecordKey) -> Self {
        Self { key, access: Access::Require }
    }
}

/// Who made a command, and when. The only source of time and ids for a handler.
#[derive(Debug, Clone)]
pub struct Context {
    /// The tenant.
    pub workspace_id: WorkspaceId,
    /// The author.
    pub user_id: UserId,
    /// The command.
    pub command_id: CommandId,
    /// When it was made, by the client's clock: for display, never for order or rights.
    pub created_at: Timestamp,
}

/// What a command does.
#[derive(Clone, Default, PartialEq)]
pub struct Effect {
    /// Records to write, each at most once, all of them touched by the command.
    pub writes: Vec<Write>,
    /// The answer for the caller; null when there is nothing to say.
    pub result: Value,
}

impl Effect {
    /// Writes one record, with nothing else to say.
    pub fn write(key: RecordKey, data: Value) -> Self {
        Self { writes: vec![Write { key, data: Some(data) }], result: Value::Null }
    }
}

/// A record's new content.
#[derive(Clone, PartialEq)]
pub struct Write {
    /// Which record.
    pub key: RecordKey,
    /// The content; `None` deletes it.
    pub data: Option<Value>,
}

/// A business rule's refusal. Final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// A sentence for people; never repeats user data.
    pub title: String,
    /// Which fields are at fault.
    pub errors: Vec<FieldError>,
}

impl Rejection {
    /// A refusal that no single field is at fault for.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), errors: Vec::new() }
    }
}
