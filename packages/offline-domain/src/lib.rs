#![doc = include_str!("../README.md")]

mod decode;
mod error;
mod execute;
mod handler;
mod record;
mod registry;

pub use error::{CommandError, RegistryError};
pub use execute::{Execution, check_versions, execute};
pub use handler::{Access, CommandHandler, ConflictPolicy, Context, Effect, Rejection, Touch, Write};
pub use record::{Record, Records};
pub use registry::{MAX_PAYLOAD_DEPTH, Prepared, Registry, TypeInfo};
