//! Every guarantee of a store, every row of the decision table and every attack, on SQLite.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod cases;
#[path = "places/sqlite.rs"]
mod place;
mod support;
