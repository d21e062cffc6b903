//! What the stores need of IndexedDB, and no more.
//!
//! An operation of a store is a fold ([`Fold`]): shown the answers so far, it says what else it reads, or what it writes and how it ends. It is a plain
//! function of what it is shown. `driver.js` does the rest, in the language in which callbacks are small.

#[cfg(target_arch = "wasm32")]
mod database;
#[cfg(not(target_arch = "wasm32"))]
mod model;
mod plan;

#[cfg(target_arch = "wasm32")]
pub(crate) use database::Database;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use model::{Database, Disk};
pub(crate) use plan::{Answer, Fold, Index, Key, Mode, NewRow, Plan, Request, Row, Seen, Step, Store, Want};
