//! What a batch says, and what has to be loaded to judge it.

use offline_domain::Prepared;
use offline_protocol::{
    Command, CommandId, Expected, Fingerprint, Problem, RecordKind, Retention, Timestamp,
};

use crate::{Membership, SqlHandlers, Wanted};

/// A batch whose items have been read.
pub(crate) struct Batch {
    pub(crate) membership: Membership,
    pub(crate) now: Timestamp,
    pub(crate) retention: Retention,
    pub(crate) sql: SqlHandlers,
    pub(crate) items: Vec<Item>,
}

/// One item of a batch.
pub(crate) enum Item {
    /// Well-formed, of a known type, with a payload that fits it.
    Ready(Box<Ready>),
    /// Refused for what it says by itself.
    Refused(Box<Refused>),
}

/// An item that cannot be judged.
pub(crate) struct Refused {
    pub(crate) command_id: Option<CommandId>,
    /// The command, when the item is one: for the log.
    pub(crate) command: Option<Command>,
    pub(crate) problem: Problem,
}

/// A command that can be judged.
pub(crate) struct Ready {
    pub(crate) command: Command,
    pub(crate) prepared: Prepared,
    pub(crate) fingerprint: Fingerprint,
}

impl Item {
    pub(crate) fn command_id(&self) -> Option<CommandId> {
        match self {
            Self::Ready(ready) => Some(ready.command.command_id),
            Self::Refused(refused) => refused.command_id,
        }
    }

    pub(crate) fn command(&self) -> Option<&Command> {
        match self {
            Self::Ready(ready) => Some(&ready.command),
            Self::Refused(refused) => refused.command.as_ref(),
        }
    }
}

impl Batch {
    /// What has to be loaded to fold this batch.
    pub(crate) fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        for item in &self.items {
            let Item::Ready(ready) = item else { continue };
            let command = &ready.command;
            wanted.records.extend(ready.prepared.touches().iter().map(|touch| touch.key.clone()));
            wanted.kinds.extend(ready.prepared.reads_all().iter().map(|kind| {
                // A rule about all of them would hold for none.
                RecordKind::new(kind).expect("BUG: a handler names kinds that can be")
            }));
            wanted.keys.push(command.idempotency_key.clone());
            wanted.commands.push(command.command_id);
            wanted.commands.extend(predecessors(command));
        }
        wanted.records.sort();
        wanted.records.dedup();
        wanted.kinds.sort();
        wanted.kinds.dedup();
        wanted.commands.sort();
        wanted.commands.dedup();
        wanted
    }
}

/// The commands that must have been applied before this one.
pub(crate) fn predecessors(command: &Command) -> impl Iterator<Item = CommandId> {
    let after = match command.expected {
        Some(Expected::After(id)) => Some(id),
        _ => None,
    };
    command.depends_on.iter().copied().chain(after)
}
