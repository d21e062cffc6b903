#![doc = include_str!("../README.md")]

mod error;
mod execute;
mod form;
mod handler;
#[cfg(feature = "openapi")]
pub mod openapi;
mod record;
mod registry;
mod resource;

pub use error::{CommandError, RegistryError};
pub use execute::{Execution, check_versions, execute};
pub use form::{Form, MAX_ERRORS, Place, read_form};
#[doc(hidden)]
pub use form::{Object, open};
pub use handler::{Access, CommandHandler, ConflictPolicy, Context, Effect, Rejection, Touch, Write};
pub use record::{Record, Records};
pub use registry::{MAX_PAYLOAD_DEPTH, Prepared, Registry, TypeInfo};
pub use resource::{Operation, Resource, Verb};
#[doc(hidden)]
pub use serde_json::Value;
