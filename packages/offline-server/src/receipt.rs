use offline_protocol::{
    ChangeSeq, CommandId, ConflictReason, Fingerprint, IdempotencyKey, Problem, RecordKey, RecordVersion,
    Timestamp, Version,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The server's memory of one idempotency key of one user in one workspace. Never changes once written.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The key.
    pub idempotency_key: IdempotencyKey,
    /// The command that came with it first.
    pub command_id: CommandId,
    /// What that command said.
    pub fingerprint: Fingerprint,
    /// What became of it.
    pub verdict: StoredVerdict,
    /// What the handler returned; null when nothing, or when the receipt has been thinned out.
    pub result: Value,
    /// When, by the server's clock.
    pub received_at: Timestamp,
}

/// A final verdict as a store keeps it: a conflict without the snapshot, which a replay reads afresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum StoredVerdict {
    /// It took effect.
    Applied {
        /// The versions of the records it wrote.
        versions: Vec<RecordVersion>,
        /// The place of its last change.
        change_seq: ChangeSeq,
    },
    /// The record was not what its author saw.
    Conflict {
        /// Why.
        reason: ConflictReason,
        /// Which record.
        record: RecordKey,
        /// The version that it expected.
        expected_version: Option<Version>,
    },
    /// A rule refused it.
    Rejected {
        /// Why.
        problem: Problem,
    },
}

impl StoredVerdict {
    /// The `status` on the wire.
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Conflict { .. } => "conflict",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// The version that the command gave to a record, when it was applied and wrote it.
    pub fn version_of(&self, key: &RecordKey) -> Option<Version> {
        let Self::Applied { versions, .. } = self else { return None };
        let written = |version: &&RecordVersion| version.kind == key.kind && version.id == key.id;
        versions.iter().find(written).map(|version| version.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What databases in the field hold. These texts may be added to, never changed.
    const STORED: [&str; 3] = [
        r#"{"status":"applied","versions":[{"kind":"expense","id":"e1","version":2}],"changeSeq":7}"#,
        r#"{"status":"conflict","reason":"version-conflict","record":{"kind":"expense","id":"e1"},"expectedVersion":1}"#,
        r#"{"status":"rejected","problem":{"type":"urn:offline:problem:rule-violated","code":"rule-violated","title":"No","status":422}}"#,
    ];

    #[test]
    fn a_stored_verdict_reads_and_writes_as_it_always_did() {
        for stored in STORED {
            let verdict: StoredVerdict = serde_json::from_str(stored).unwrap();
            assert_eq!(serde_json::to_string(&verdict).unwrap(), stored);
            assert!(stored.contains(verdict.status()));
        }
    }
}
