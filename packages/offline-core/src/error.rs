use offline_domain::CommandError;
use offline_protocol::{CommandId, MAX_DEPENDS_ON, Part, ProblemCode, joined};

use crate::StoreError;

/// Why the engine did not do what it was asked. Nothing was changed then.
#[derive(Debug)]
pub enum EngineError {
    /// The command is not valid.
    Command(CommandError),
    /// The type is guarded: the command needs the version that its author saw.
    VersionRequired,
    /// The command is larger than the server takes.
    TooLarge {
        /// Its size on the wire.
        bytes: usize,
        /// The largest that the server takes.
        limit: usize,
    },
    /// A command named in `dependsOn` or `expected.after` is neither in the outbox nor applied.
    UnknownDependency(CommandId),
    /// `dependsOn` names too many commands.
    TooManyDependencies {
        /// How many.
        named: usize,
    },
    /// There is no such command in the outbox.
    NotFound,
    /// Only a parked command can be sent again by a person.
    NotParked,
    /// The command is on the wire; its outcome decides.
    InFlight,
    /// Other commands wait behind it: say what is to become of them.
    HasDependants {
        /// How many.
        count: usize,
    },
    /// The outbox holds commands that the server has not settled.
    Unsynced {
        /// How many.
        count: u64,
    },
    /// The engine was closed.
    Closed,
    /// The store failed.
    Store(StoreError),
}

impl Part for EngineError {
    fn add_to(&self, text: &mut String) {
        *text += &match self {
            Self::Command(error) => joined![error],
            Self::Store(error) => joined![error],
            Self::TooLarge { bytes, limit } => {
                joined!["the command has ", bytes, " bytes, the limit is ", limit]
            }
            Self::UnknownDependency(id) => {
                joined!["the command ", id, " that this one comes after is not known here"]
            }
            Self::TooManyDependencies { named } => {
                joined![
                    "the command names ",
                    named,
                    " others that it comes after, at most ",
                    MAX_DEPENDS_ON,
                    " may be named"
                ]
            }
            Self::HasDependants { count } => {
                joined![
                    count,
                    " other commands wait behind it: say whether they are kept or discarded with it"
                ]
            }
            Self::Unsynced { count } => joined![count, " commands are not synced"],
            Self::VersionRequired => joined!["this type of command needs the version that its author saw"],
            Self::NotFound => joined!["there is no such command in the outbox"],
            Self::NotParked => joined!["the command does not wait for a decision"],
            Self::InFlight => joined!["the command is being sent"],
            Self::Closed => joined!["the engine is closed"],
        };
    }
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&joined![self])
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Command(error) => error.source(),
            Self::Store(error) => error.source(),
            _ => None,
        }
    }
}

impl From<CommandError> for EngineError {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
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
