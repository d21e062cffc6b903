#![doc = include_str!("../README.md")]

mod auth;
mod batch;
mod changes;
mod clock;
mod envelope;
mod error;
mod fold;
#[cfg(test)]
mod fold_tests;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod http;
mod item;
mod json;
mod members_cache;
mod membership;
mod metrics;
mod postgres;
mod rates;
mod receipt;
mod seats;
mod shutdown;
mod sql;
mod sqlite;
mod store;
mod submit;
mod traces;

pub use auth::{Identity, KeySet, TokenRules, Tokens};
pub use changes::{
    ChangeLog, Changed, ChangedRecord, ChangesQuery, CursorKey, Extent, Hub, Kinds, Lineage, Live, Since,
    StreamLimits,
};
pub use clock::{Clock, SystemClock};
pub use error::{KeyError, StoreError, TokenError};
pub use http::{
    KEY_WAIT, ProblemResponse, ResourceError, Server, api, bearer, guarded, health, idempotent,
    metrics_routes, not_found, observed, resources, serve, with_protocol,
};
pub use members_cache::CachedMembers;
pub use membership::{Members, Membership, Memberships, Role, RoleError};
pub use metrics::Metrics;
pub use postgres::PostgresStore;
pub use rates::{RateLimit, Rates};
pub use receipt::{Receipt, StoredVerdict};
pub use shutdown::Shutdown;
pub use sql::{SqlAnswer, SqlCall, SqlError, SqlHandlers};
pub use sqlite::SqliteStore;
pub use store::{
    Change, Changes, Fold, Folded, Loaded, Page, PageQuery, Pause, Schema, Step, Store, StoredRecord, Wanted,
    Work,
};

// What own SQL is given, in the versions that the stores use.
pub use submit::{SubmitError, submit};
pub use traces::{TraceParent, Traces};
pub use {rusqlite, tokio_postgres};
