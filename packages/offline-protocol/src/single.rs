use serde::{Deserialize, Serialize};

use crate::{
    ChangeSeq, Conflict, ConflictReason, Problem, ProblemCode, RecordId, RecordKind, RecordVersion,
    Timestamp, UserId, Version,
};

/// The answer to a single write that took effect. A replay repeats it, with `Idempotency-Replayed: true`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The versions of the records it wrote.
    pub versions: Vec<RecordVersion>,
    /// What the handler returned; null when nothing, or when the receipt has been thinned out.
    #[cfg_attr(feature = "typescript", ts(type = "unknown"))]
    pub result: serde_json::Value,
    /// The place of its last change in the workspace's log.
    pub change_seq: ChangeSeq,
}

/// The answer to a single write whose record is not what its author saw: problem details, with the record as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConflictProblem {
    /// `version-conflict`, `already-exists` or `deleted`.
    #[serde(flatten)]
    pub problem: Problem,
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
}

impl ConflictProblem {
    /// The conflict of a batch, as an answer of its own: 412 when it is about a version that came by `If-Match`, else 409.
    pub fn new(conflict: Conflict) -> Self {
        let (code, status, title) = match conflict.reason {
            ConflictReason::VersionConflict => {
                (ProblemCode::VersionConflict, 412, "Somebody changed the record meanwhile")
            }
            ConflictReason::AlreadyExists => {
                (ProblemCode::AlreadyExists, 409, "A record of this id exists already")
            }
            ConflictReason::Deleted => (ProblemCode::Deleted, 409, "The record has been deleted"),
        };
        Self {
            problem: Problem::new(code, status, title),
            kind: conflict.kind,
            id: conflict.id,
            expected_version: conflict.expected_version,
            server_version: conflict.server_version,
            server_snapshot: conflict.server_snapshot,
            changed_by: conflict.changed_by,
            changed_at: conflict.changed_at,
        }
    }
}
