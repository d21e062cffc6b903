//! Commands whose handlers need SQL of their own: a host keeps its own tables beside ours, and changes them in the transaction that holds the receipt.

use std::{collections::HashMap, error::Error, sync::Arc};

use futures_util::future::BoxFuture;
use offline_domain::{CommandHandler, Context, Rejection};
use offline_protocol::read_value;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A command on its way to its own SQL: its pure handler has been asked and has agreed.
#[derive(Clone)]
pub struct SqlCall {
    /// Whose command it is, and when it was made.
    pub context: Context,
    /// Its payload, in the form of its newest version.
    pub payload: Value,
    pub(crate) handler: SqlHandler,
}

impl SqlCall {
    /// The payload as its type.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, SqlError> {
        read_value(&self.payload).map_err(|error| SqlError::Failed(Box::new(error)))
    }
}

impl std::fmt::Debug for SqlCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SqlCall({})", self.context.command_id)
    }
}

/// Why own SQL takes no effect. What it has written is undone in each case.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// A rule of the host refuses: a verdict, stored and repeated like any other.
    #[error("a rule refuses")]
    Refused(Rejection),
    /// SQLite failed. Trouble: nothing is stored, the command may be sent again.
    #[error("SQLite failed")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL failed. As with SQLite; a collision with another transaction is tried again at once.
    #[error("PostgreSQL failed")]
    Postgres(#[from] tokio_postgres::Error),
    /// Anything else that failed. Trouble.
    #[error("the handler failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl From<Rejection> for SqlError {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

/// What own SQL comes to for the fold.
#[derive(Debug)]
pub enum SqlAnswer {
    /// It is done, with this result.
    Done(Value),
    /// A rule of the host refused, and it is undone.
    Refused(Rejection),
    /// It failed, and is undone.
    Broken,
}

type OnSqlite = dyn Fn(&rusqlite::Connection, &SqlCall) -> Result<Value, SqlError> + Send + Sync;
type OnPostgres = dyn for<'a> Fn(&'a tokio_postgres::Client, &'a SqlCall) -> BoxFuture<'a, Result<Value, SqlError>>
    + Send
    + Sync;

/// The own SQL of one command type, for one database or both.
#[derive(Clone, Default)]
pub(crate) struct SqlHandler {
    pub(crate) sqlite: Option<Arc<OnSqlite>>,
    pub(crate) postgres: Option<Arc<OnPostgres>>,
}

/// The own SQL of a host's command types.
///
/// It runs after the type's pure handler has agreed, in the transaction that holds the receipt and the records: all of it is stored or nothing.
/// Its result takes the place of the pure handler's when it is not null. It must
///
/// - use the connection that it is given, and no other for what belongs together;
/// - not end the transaction;
/// - be quick, and wait for nothing but the database: it holds the workspace's lock, on SQLite that of the whole database;
/// - expect to run again: a transaction that has to be repeated is rolled back first.
///
/// A command of a type without SQL for the store's database is never applied: it is answered `retry`, and the log says why.
#[derive(Clone, Default)]
pub struct SqlHandlers(Arc<HashMap<&'static str, SqlHandler>>);

impl SqlHandlers {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Own SQL on SQLite, for the commands of a handler.
    #[must_use]
    pub fn sqlite<H: CommandHandler>(
        self,
        run: impl Fn(&rusqlite::Connection, &SqlCall) -> Result<Value, SqlError> + Send + Sync + 'static,
    ) -> Self {
        self.set::<H>(|handler| handler.sqlite = Some(Arc::new(run)))
    }

    /// Own SQL on PostgreSQL, for the commands of a handler. It runs as the role `offline_app`, which needs rights on the host's tables, with
    /// `offline.workspace_id` set for the transaction: policies of row-level security may use it.
    #[must_use]
    pub fn postgres<H: CommandHandler>(
        self,
        run: impl for<'a> Fn(&'a tokio_postgres::Client, &'a SqlCall) -> BoxFuture<'a, Result<Value, SqlError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.set::<H>(|handler| handler.postgres = Some(Arc::new(run)))
    }

    fn set<H: CommandHandler>(mut self, set: impl FnOnce(&mut SqlHandler)) -> Self {
        set(Arc::make_mut(&mut self.0).entry(H::TYPE).or_default());
        self
    }

    pub(crate) fn get(&self, command_type: &str) -> Option<&SqlHandler> {
        self.0.get(command_type)
    }
}

impl std::fmt::Debug for SqlHandlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What is said when own SQL failed: nothing of its error's text, which may quote rows.
pub(crate) fn log_broken(call: &SqlCall, why: &str) -> SqlAnswer {
    let Context { workspace_id, command_id, .. } = &call.context;
    tracing::error!(workspaceId = %workspace_id, commandId = %command_id, why, "a command's own SQL failed");
    SqlAnswer::Broken
}

/// Why there is nothing to run.
pub(crate) const NO_SQL: &str = "there is none for this database";

/// What is said of a panic.
pub(crate) const PANICKED: &str = "it panicked";
