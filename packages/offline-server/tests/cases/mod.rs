//! What holds on every store. `on_sqlite.rs` and `on_postgres.rs` run all of it.

mod attacks;
mod changes;
mod decision_table;
mod decision_table_requests;
mod events;
mod idempotent;
mod operation;
pub(crate) mod own_sql;
mod records;
mod resources;
mod roles;
mod single;
mod single_requests;
mod store;
mod sums;
mod tokens;
