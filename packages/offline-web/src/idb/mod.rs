//! What the stores need of IndexedDB, and no more.
//!
//! The wrapper crates lack the durability option or abort what is under way when a future is dropped. Here a transaction resolves on its
//! `complete` event and fails by its `abort` event; the errors of single requests end up there.

mod database;
mod error;
mod transaction;

pub(crate) use database::{Database, Mode, Schema};
pub(crate) use error::{DbError, Failure};
pub(crate) use transaction::{Pending, Transaction};
