//! What a page asks of an open partition: calls by the numbers that `handle.js` gives them, with texts.

use offline_core::{
    Dependants, EngineError, EnqueueRequest, JournalEntry, JournalQuery, OutboxEntry, OutboxQuery, Unsynced,
};
use offline_protocol::{
    CommandId, Fields, FromJson, Payload, ProblemCode, RecordKind, RecordSnapshot, from_json,
};

use crate::error::PublicError;

// The calls by number that are no `Call`; the others are in `Call::of`.
pub(crate) const OVERLAY: u32 = 9;
pub(crate) const SIGNED_IN: u32 = 10;
pub(crate) const HINT: u32 = 11;
pub(crate) const FREE: u32 = 12;

/// What is asked of an open partition and takes its time.
pub(crate) enum Call {
    Enqueue(EnqueueRequest),
    List(OutboxQuery),
    Journal(JournalQuery),
    SyncNow,
    Retry(CommandId, Option<Payload>),
    BlastRadius(CommandId),
    Discard(CommandId, Option<Dependants>),
    Wipe(Unsynced),
    Close,
}

impl Call {
    /// Reads it.
    pub(crate) fn of(call: u32, text: &str, more: Option<&str>) -> Result<Self, PublicError> {
        Ok(match call {
            0 => {
                let message = "The command has a missing, malformed or unknown field.";
                let unreadable = || PublicError::invalid(ProblemCode::InvalidCommand, message);
                Self::Enqueue(from_json(text).ok_or_else(unreadable)?)
            }
            1 => Self::List(from_json(text).ok_or_else(not_readable)?),
            2 => Self::Journal(from_json(text).ok_or_else(not_readable)?),
            3 => Self::SyncNow,
            4 => {
                let payload =
                    more.map(|payload| Payload::parse(payload).ok_or_else(not_readable)).transpose()?;
                Self::Retry(named(text)?, payload)
            }
            5 => Self::BlastRadius(named(text)?),
            6 => {
                let dependants = match more {
                    None => None,
                    Some("discard") => Some(Dependants::Discard),
                    Some("keep") => Some(Dependants::Keep),
                    Some(_) => return Err(not_readable()),
                };
                Self::Discard(named(text)?, dependants)
            }
            7 => Self::Wipe(if text == "lose" { Unsynced::Lose } else { Unsynced::Keep }),
            8 => Self::Close,
            _ => return Err(not_readable()),
        })
    }
}

/// What `overlay` is asked with.
pub(crate) struct Shown {
    pub(crate) kind: RecordKind,
    pub(crate) records: Vec<RecordSnapshot>,
    pub(crate) entries: Vec<OutboxEntry>,
    pub(crate) journal: Vec<JournalEntry>,
}

impl FromJson for Shown {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            kind: fields.named("kind"),
            records: fields.objects("records"),
            entries: fields.objects("entries"),
            journal: fields.objects("journal"),
        }
    }
}

pub(crate) fn not_readable() -> PublicError {
    PublicError::invalid(ProblemCode::InvalidRequest, "The engine does not know what it was asked.")
}

fn named(command_id: &str) -> Result<CommandId, PublicError> {
    CommandId::of(command_id).ok_or_else(|| EngineError::NotFound.into())
}
