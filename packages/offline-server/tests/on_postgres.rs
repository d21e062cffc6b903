//! Every guarantee of a store, every row of the decision table and every attack, on PostgreSQL; and what only PostgreSQL can do.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod cases;
#[path = "places/postgres.rs"]
mod place;
mod postgres_alone;
mod support;
