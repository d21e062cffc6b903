use offline_protocol::{ChangeSeq, ReadError, RecordVersion, Timestamp, read_value};
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

impl<'de> Deserialize<'de> for JournalOutcome {
    /// By the kind, as the wire's outcome.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let read = || -> Result<Self, ReadError> {
            match read_value::<Head>(&value)?.kind.as_str() {
                "applied" => {
                    let AppliedFields { versions, change_seq, replayed } = read_value(&value)?;
                    Ok(Self::Applied { versions, change_seq, replayed })
                }
                "discarded" => {
                    let DiscardedFields { maybe_applied } = read_value(&value)?;
                    Ok(Self::Discarded { maybe_applied })
                }
                _ => Err(serde::de::Error::custom("not an outcome of a known kind")),
            }
        };
        read().map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
struct Head {
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppliedFields {
    versions: Vec<RecordVersion>,
    change_seq: ChangeSeq,
    replayed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DiscardedFields {
    maybe_applied: bool,
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
