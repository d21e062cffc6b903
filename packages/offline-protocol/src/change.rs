use serde::{Deserialize, Serialize};

use crate::{
    ChangeSeq, RecordId, RecordKind, Timestamp, UserId, Version,
    text::{text_type, visible_ascii},
};

text_type!(
    /// A place in a workspace's order of changes, issued by the server and opaque to everybody else.
    Cursor, "a cursor", "1 to 256 visible ASCII characters", |text| visible_ascii(text, 256)
);

/// One page of `GET /sync/changes`: the records that changed since the cursor, each at most once, as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ChangesPage {
    /// In the order of their last changes.
    pub changes: Vec<RecordChange>,
    /// Whether the page belongs to a snapshot: with its last page (`more` is false) the client has all there is, and what it was not told of
    /// in any of them does not exist any more.
    pub snapshot: bool,
    /// Whether there was more when the page was read.
    pub more: bool,
    /// The `since` of the next request, now or whenever there is something new.
    pub next: Cursor,
}

/// A record that changed, as it is now.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RecordChange {
    /// What sort of record.
    pub kind: RecordKind,
    /// Which one.
    pub id: RecordId,
    /// Its version.
    pub version: Version,
    /// The place of its last change.
    pub change_seq: ChangeSeq,
    /// When it was last written, by the server's clock.
    pub updated_at: Timestamp,
    /// Who wrote it last.
    pub updated_by: UserId,
    /// Whether it was deleted; it has no content then.
    pub deleted: bool,
    /// Its content, a JSON object whose shape the kind defines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "unknown"))]
    pub data: Option<serde_json::Value>,
}

impl std::fmt::Debug for RecordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordChange({}/{} at version {})", self.kind, self.id, self.version)
    }
}

/// The data of the event `changed` of `GET /sync/events`: records of this kind changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct KindChanged {
    /// Which kind.
    pub kind: RecordKind,
    /// The place of its last change.
    pub change_seq: ChangeSeq,
}

/// The data of the events `ready` and `pull` of `GET /sync/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChangedUpTo {
    /// The place of the workspace's last change.
    pub change_seq: ChangeSeq,
}

/// What the server says in its hello about `GET /sync/changes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChangeTerms {
    /// The most records of one page.
    pub max_records: u32,
    /// Bytes of records after which a page ends.
    pub max_bytes: u32,
    /// Days after which a cursor that was not used is answered `cursor-expired`.
    pub cursor_days: u32,
}

impl Default for ChangeTerms {
    /// 10,000 records, 4 MiB, 400 days.
    fn default() -> Self {
        Self { max_records: 10_000, max_bytes: 4 * 1024 * 1024, cursor_days: 400 }
    }
}
