#![doc = include_str!("../README.md")]

mod error;
mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod memory;
mod schema;
#[cfg(test)]
mod settled_tests;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod transaction;
mod writer;

pub use file::partition_file;
pub use store::SqliteStore;
