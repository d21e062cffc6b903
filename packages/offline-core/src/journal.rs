use offline_protocol::{ChangeSeq, RecordVersion, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{OutboxCommand, Status};

/// What became of a command that has left the outbox. Written in the transaction that removed it.
///
/// Its JSON is what stores keep. The command is kept whole: its author sees it on top of the server's data until these have caught up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalEntry {
    /// The command as it was last.
    pub command: OutboxCommand,
    /// What became of it.
    pub outcome: JournalOutcome,
    /// When, by this device's clock.
    pub settled_at: Timestamp,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum JournalOutcome {
    /// The server applied it.
    Applied {
        /// The versions of the records it wrote.
        versions: Vec<RecordVersion>,
        /// Its place in the workspace's log.
        change_seq: ChangeSeq,
        /// Whether the answer was a repetition.
        replayed: bool,
    },
    /// A person discarded it.
    Discarded {
        /// Whether it had been sent without a final answer, so that the server may have it all the same.
        maybe_applied: bool,
    },
}

/// Every field that an outcome of any kind may have; see the wire's outcome for why it is read by way of this.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyJournalOutcome {
    kind: String,
    versions: Option<Vec<RecordVersion>>,
    change_seq: Option<ChangeSeq>,
    replayed: Option<bool>,
    maybe_applied: Option<bool>,
}

impl AnyJournalOutcome {
    /// `None` when a field of its kind is missing, or the kind is none.
    fn outcome(self) -> Option<JournalOutcome> {
        Some(match self.kind.as_str() {
            "applied" => JournalOutcome::Applied {
                versions: self.versions?,
                change_seq: self.change_seq?,
                replayed: self.replayed?,
            },
            "discarded" => JournalOutcome::Discarded { maybe_applied: self.maybe_applied? },
            _ => return None,
        })
    }
}

impl<'de> Deserialize<'de> for JournalOutcome {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let any = AnyJournalOutcome::deserialize(deserializer)?;
        any.outcome().ok_or_else(|| serde::de::Error::custom("not a complete outcome of a known kind"))
    }
}

impl JournalEntry {
    /// The entry of an applied command.
    pub fn applied(mut command: OutboxCommand, applied: crate::Applied, settled_at: Timestamp) -> Self {
        command.status = Status::Succeeded;
        command.next_attempt_at = None;
        command.last_error = None;
        let crate::Applied { versions, change_seq, replayed, attempts } = applied;
        command.attempts = attempts;
        Self { command, outcome: JournalOutcome::Applied { versions, change_seq, replayed }, settled_at }
    }

    /// The entry of a command that a person discarded.
    pub fn discarded(command: OutboxCommand, settled_at: Timestamp) -> Self {
        let maybe_applied = command.attempts > 0 && !command.has_verdict();
        Self { command, outcome: JournalOutcome::Discarded { maybe_applied }, settled_at }
    }
}
