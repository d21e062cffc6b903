use serde::{Deserialize, Serialize};

use crate::{
    ChangeSeq, CommandId, Problem, ReadError, RecordId, RecordKind, RecordVersion, Timestamp, UserId,
    Version, read_value,
};

/// The answer to `POST /sync/commands`: one outcome for each command, in the order of the commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Outcomes {
    /// As many as commands were sent.
    pub outcomes: Vec<Outcome>,
}

/// The server's word on one command.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Which command; null when the item carried no valid id (the place in the list tells which one it was).
    pub command_id: Option<CommandId>,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What became of a command.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(tag = "status", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Verdict {
    /// It took effect, now or (replayed) at an earlier delivery. Final.
    Applied {
        /// The versions of the records it wrote.
        versions: Vec<RecordVersion>,
        /// What the handler returned.
        #[cfg_attr(feature = "typescript", ts(type = "unknown"))]
        result: serde_json::Value,
        /// Whether this repeats an earlier answer.
        #[serde(default)]
        replayed: bool,
        /// The place of its last change in the workspace's log.
        change_seq: ChangeSeq,
    },
    /// The record is not what its author saw. Final for this idempotency key.
    Conflict(Box<Conflict>),
    /// It cannot take effect as it is. Final for this idempotency key.
    Rejected {
        /// Why.
        problem: Problem,
        /// Whether this repeats an earlier answer.
        #[serde(default)]
        replayed: bool,
    },
    /// Not judged, because a command that it depends on was not applied. Send it again after that one.
    Held {
        /// The command in its way.
        by: CommandId,
    },
    /// Not judged, because of trouble on the server's side. Send it again, unchanged.
    Retry {
        /// How long to wait at least, in milliseconds.
        after_ms: u64,
    },
}

impl<'de> Deserialize<'de> for Outcome {
    /// By the status: what stands in fields that are another one's is nobody's business. (Derived code for a flattened enum would take lists for
    /// the objects within.)
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let read = || -> Result<Self, ReadError> {
            let Head { command_id, status } = read_value(&value)?;
            let verdict = match status.as_str() {
                "applied" => {
                    let AppliedFields { versions, result, replayed, change_seq } = read_value(&value)?;
                    Verdict::Applied { versions, result, replayed, change_seq }
                }
                "conflict" => Verdict::Conflict(read_value(&value)?),
                "rejected" => {
                    let RejectedFields { problem, replayed } = read_value(&value)?;
                    Verdict::Rejected { problem, replayed }
                }
                "held" => Verdict::Held { by: read_value::<HeldFields>(&value)?.by },
                "retry" => Verdict::Retry { after_ms: read_value::<RetryFields>(&value)?.after_ms },
                _ => return Err(serde::de::Error::custom("not an outcome of a known status")),
            };
            Ok(Self { command_id, verdict })
        };
        read().map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    command_id: Option<CommandId>,
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppliedFields {
    versions: Vec<RecordVersion>,
    #[serde(default)]
    result: serde_json::Value,
    #[serde(default)]
    replayed: bool,
    change_seq: ChangeSeq,
}

#[derive(Deserialize)]
struct RejectedFields {
    problem: Problem,
    #[serde(default)]
    replayed: bool,
}

#[derive(Deserialize)]
struct HeldFields {
    by: CommandId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RetryFields {
    after_ms: u64,
}

impl Verdict {
    /// The `status` on the wire.
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Conflict(_) => "conflict",
            Self::Rejected { .. } => "rejected",
            Self::Held { .. } => "held",
            Self::Retry { .. } => "retry",
        }
    }
}

impl std::fmt::Debug for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rejected { problem, .. } => write!(f, "rejected({})", problem.code),
            Self::Held { by } => write!(f, "held({by})"),
            other => f.write_str(other.status()),
        }
    }
}

/// Why a version check failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConflictReason {
    /// Somebody wrote the record meanwhile.
    VersionConflict,
    /// A record of that id exists already.
    AlreadyExists,
    /// Somebody deleted the record meanwhile.
    Deleted,
}

/// What stands on the server in place of what the command's author saw.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// Why.
    pub reason: ConflictReason,
    /// The record's kind.
    pub kind: RecordKind,
    /// The record's id.
    pub id: RecordId,
    /// The version that the command expected; null for a creation.
    pub expected_version: Option<Version>,
    /// The record's version now.
    pub server_version: Version,
    /// The record's content now; null when it is deleted.
    #[cfg_attr(feature = "typescript", ts(type = "unknown"))]
    pub server_snapshot: Option<serde_json::Value>,
    /// Who wrote the record last.
    pub changed_by: UserId,
    /// When, by the server's clock.
    pub changed_at: Timestamp,
    /// Whether this repeats an earlier verdict (the snapshot is read afresh).
    #[serde(default)]
    pub replayed: bool,
}

impl std::fmt::Debug for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Conflict({:?} on {}/{} at {})", self.reason, self.kind, self.id, self.server_version)
    }
}
