use serde::{Deserialize, Serialize};

use crate::{
    CommandId, CommandType, DeviceId, IdempotencyKey, Seq, Timestamp, TraceId, Version, WorkspaceId,
};

/// The version of the record that a command's author had before his eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Expected {
    /// This version exactly.
    Version(Version),
    /// The version that the author's own earlier command produces.
    After(CommandId),
}

/// The most commands that [`Command::depends_on`] may name when it is made.
pub const MAX_DEPENDS_ON: usize = 100;

/// The most that it may name on the wire: what comes behind a command that a person discards inherits what that one named.
pub const MAX_INHERITED_DEPENDS_ON: usize = 1000;

/// One command on its way to the server. Who sends it is in the token, what it touches is derived from its payload.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Command {
    /// Names the command for ever.
    pub command_id: CommandId,
    /// The tenant it belongs to.
    pub workspace_id: WorkspaceId,
    /// The installation that made it.
    pub device_id: DeviceId,
    /// Its place in that installation's outbox.
    pub seq: Seq,
    /// What it means.
    #[serde(rename = "type")]
    pub command_type: CommandType,
    /// The intent's content, a JSON object whose shape the type defines.
    #[cfg_attr(feature = "typescript", ts(type = "unknown"))]
    pub payload: serde_json::Value,
    /// What the server recognises a retry by.
    pub idempotency_key: IdempotencyKey,
    /// When it was made, by the client's clock.
    pub created_at: Timestamp,
    /// Ties it to the client's logs.
    pub client_trace_id: TraceId,
    /// The version it was made against; absent for a creation, an append or a delta.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub expected: Option<Expected>,
    /// Commands of the same author that must have been applied before it, beside those that its lane implies; at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<CommandId>>"))]
    #[cfg_attr(feature = "openapi", schemars(length(max = MAX_INHERITED_DEPENDS_ON)))]
    pub depends_on: Vec<CommandId>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Command({} {} seq {})", self.command_type, self.command_id, self.seq)
    }
}

/// The body of `POST /sync/commands`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CommandBatch {
    /// At most [`crate::Limits::max_items`], in the order of their `seq`.
    pub commands: Vec<Command>,
}
