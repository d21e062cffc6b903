use offline_domain::CommandError;
use offline_protocol::{CommandId, MAX_DEPENDS_ON, ProblemCode};

use crate::StoreError;

/// Why the engine did not do what it was asked. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The command is not valid.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The type is guarded: the command needs the version that its author saw.
    #[error("this type of command needs the version that its author saw")]
    VersionRequired,
    /// The command is larger than the server takes.
    #[error("the command has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size on the wire.
        bytes: usize,
        /// The largest that the server takes.
        limit: usize,
    },
    /// A command named in `dependsOn` or `expected.after` is neither in the outbox nor applied.
    #[error("the command {0} that this one comes after is not known here")]
    UnknownDependency(CommandId),
    /// `dependsOn` names too many commands.
    #[error("the command names {named} others that it comes after, at most {MAX_DEPENDS_ON} may be named")]
    TooManyDependencies {
        /// How many.
        named: usize,
    },
    /// There is no such command in the outbox.
    #[error("there is no such command in the outbox")]
    NotFound,
    /// Only a parked command can be sent again by a person.
    #[error("the command does not wait for a decision")]
    NotParked,
    /// The command is on the wire; its outcome decides.
    #[error("the command is being sent")]
    InFlight,
    /// Other commands wait behind it: say what is to become of them.
    #[error("{count} other commands wait behind it: say whether they are kept or discarded with it")]
    HasDependants {
        /// How many.
        count: usize,
    },
    /// The outbox holds commands that the server has not settled.
    #[error("{count} commands are not synced")]
    Unsynced {
        /// How many.
        count: u64,
    },
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EngineError {
    /// The stable code for the edges.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Command(error) => error.code().as_str(),
            Self::VersionRequired => ProblemCode::VersionRequired.as_str(),
            Self::TooLarge { .. } => ProblemCode::CommandTooLarge.as_str(),
            Self::UnknownDependency(_) => "unknown-dependency",
            Self::TooManyDependencies { .. } => "too-many-dependencies",
            Self::NotFound => "not-found",
            Self::NotParked => "not-parked",
            Self::InFlight => "in-flight",
            Self::HasDependants { .. } => "has-dependants",
            Self::Unsynced { .. } => "unsynced",
            Self::Closed | Self::Store(StoreError::Closed) => "closed",
            Self::Store(StoreError::Full) => "storage-full",
            Self::Store(_) => "storage-unavailable",
        }
    }
}
