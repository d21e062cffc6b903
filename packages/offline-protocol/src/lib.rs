#![doc = include_str!("../README.md")]

mod answers;
mod change;
mod command;
mod command_type;
mod error;
mod fingerprint;
mod from_json;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod hello;
mod ids;
mod joined;
#[cfg(feature = "openapi")]
mod openapi;
mod outcome;
mod parse;
mod payload;
#[cfg(planted)]
pub mod planted;
mod problem;
mod read;
mod record;
mod scan;
mod single;
mod text;
mod timestamp;
#[cfg(feature = "typescript")]
pub mod typescript;
mod write;

pub use change::{ChangeTerms, ChangedUpTo, ChangesPage, Cursor, KindChanged, RecordChange};
pub use command::{Command, CommandBatch, Expected, MAX_DEPENDS_ON, MAX_INHERITED_DEPENDS_ON};
pub use command_type::CommandType;
pub use error::ValueError;
pub use fingerprint::Fingerprint;
pub use from_json::{Fields, FromJson, Named, from_json};
pub use hello::{Hello, Limits, Retention};
pub use ids::{CommandId, DeviceId, IdempotencyKey, Seq, TraceId, UserId, WorkspaceId};
pub use joined::{Part, whole_number};
pub use outcome::{Conflict, ConflictReason, Outcome, Outcomes, Verdict};
pub use parse::parse_json;
pub use payload::Payload;
pub use problem::{FieldError, Problem, ProblemCode};
pub use read::{ReadError, read_value};
pub use record::{
    ChangeSeq, RecordId, RecordKey, RecordKind, RecordPage, RecordSnapshot, RecordVersion, Version,
};
pub use scan::items as json_items;
pub use single::{Applied, ConflictProblem};
pub use timestamp::{Timestamp, is_date};
#[cfg(target_arch = "wasm32")]
pub use write::{Fractions, use_fractions};
pub use write::{Json, ToJson};

/// The protocol revision this crate speaks; the value of [`PROTOCOL_HEADER`].
pub const PROTOCOL: u32 = 1;

/// Stands on every request and every response. A response without it did not come from our server.
pub const PROTOCOL_HEADER: &str = "sync-protocol";
