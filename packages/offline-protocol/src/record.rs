use serde::{Deserialize, Serialize};

use crate::{
    Timestamp, UserId, joined,
    text::{number_type, slug, text_type, visible_ascii},
};

text_type!(
    /// What sort of record: `expense`, `invoice`.
    RecordKind, "a record kind", "1 to 64 characters of a-z, 0-9, - and _", |text| slug(text, 64)
);

text_type!(
    /// Names a record within its workspace and kind. Made by the client; new ones are neither `.` nor `..`.
    RecordId, "a record id", "1 to 128 visible ASCII characters without /, ? and #",
    |text| visible_ascii(text, 128) && !text.bytes().any(|byte| matches!(byte, b'/' | b'?' | b'#'))
);

impl RecordId {
    /// Whether it is `.` or `..`, which clients take out of a path: a record that no path can name, and that no command makes any more.
    pub fn is_dots(&self) -> bool {
        matches!(self.as_str(), "." | "..")
    }
}

number_type!(
    /// How often a record has been written: 1 after its creation, then without gaps. 0 stands for a record that does not exist.
    Version, "a version", 0
);

number_type!(
    /// The place of a change in its workspace's log, from 1, taken in the writing transaction. 0 is before the first.
    ChangeSeq, "a change sequence number", 0
);

/// Names a record within a workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RecordKey {
    /// What sort of record.
    pub kind: RecordKind,
    /// Which one of that sort.
    pub id: RecordId,
}

impl RecordKey {
    /// The key of the record `id` of `kind`.
    pub const fn new(kind: RecordKind, id: RecordId) -> Self {
        Self { kind, id }
    }
}

impl std::fmt::Display for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&joined![self])
    }
}

/// The version that a command gave to a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RecordVersion {
    /// What sort of record.
    pub kind: RecordKind,
    /// Which one.
    pub id: RecordId,
    /// Its version after the command.
    pub version: Version,
}

/// A record as the server shows it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RecordSnapshot {
    /// Which one.
    pub id: RecordId,
    /// Its version.
    pub version: Version,
    /// Its content, a JSON object whose shape the kind defines.
    #[cfg_attr(feature = "typescript", ts(type = "unknown"))]
    pub data: serde_json::Value,
    /// When it was last written, by the server's clock.
    pub updated_at: Timestamp,
    /// Who wrote it last.
    pub updated_by: UserId,
}

impl std::fmt::Debug for RecordSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordSnapshot({} at version {})", self.id, self.version)
    }
}

/// One page of `GET /workspaces/{workspaceId}/records/{kind}`, in the order of the ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct RecordPage {
    /// The records of this page.
    pub records: Vec<RecordSnapshot>,
    /// The `after` of the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub next: Option<RecordId>,
}
