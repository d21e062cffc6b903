//! The store on PostgreSQL: any number of processes over one database.
//!
//! A transaction is two round trips: one locks the workspace's row and loads all that a group of batches wants to know, the other writes all
//! that the folds decided and commits. Between the two nothing waits but the fold, in memory.

mod changes;
mod connection;
mod failure;
mod group;
mod known;
mod members;
mod migrate;
mod notices;
mod retention;
mod rows;
mod scoped;

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use offline_protocol::{RecordKey, RecordSnapshot, Timestamp, Verdict, WorkspaceId};
use tokio_postgres::{Config, Row, config::SslMode, types::ToSql};

use crate::{CursorKey, Hub, Membership, Page, PageQuery, Schema, Store, StoreError, Work};

use self::{connection::Connections, group::Groups, notices::Notices, retention::Ages};

/// After how long without a word the other side is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long making a connection may take when the address does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The store, and the list of members, in the schema `offline` of a PostgreSQL database.
///
/// Must be used within a Tokio runtime. Any number of them, in any number of processes, may work on one database at once.
pub struct PostgresStore {
    connections: Arc<Connections>,
    groups: Arc<Groups>,
    cursors: CursorKey,
    hub: Arc<Hub>,
}

/// Why an address is not one.
#[derive(Debug, thiserror::Error)]
enum BadAddress {
    #[error("it must look like postgres://user:password@host:5432/database")]
    Form,
    #[error("it asks for TLS, which this program does not speak to the database")]
    Tls,
}

impl PostgresStore {
    /// Connects to the database at `postgres://user:password@host:port/database`, and brings an older schema up to date.
    ///
    /// The connection is not encrypted: the database has to be reached by a Unix socket, on this machine, or through a network that is.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let config = Self::config(url)?;
        migrate::migrate(&config).await?;
        let connections = Arc::new(Connections::new(config.clone())?);
        // A role that must not do its work is found out now and not with the first command.
        let cursors = connections.with(changes::cursor_key).await?;
        let hub = Arc::<Hub>::default();
        let notices = Notices::start(config, Arc::clone(&hub));
        let groups = Arc::new(Groups::new(Arc::clone(&connections), Arc::clone(&hub), notices));
        Ok(Self { groups, connections, cursors, hub })
    }

    /// Begins another life of the database: cursors of the earlier one lead nowhere. For a database that was restored from a backup. The
    /// address's user has to own the tables.
    pub async fn rotate_lineage(url: &str) -> Result<(), StoreError> {
        let config = Self::config(url)?;
        migrate::migrate(&config).await?;
        migrate::rotate_lineage(&config).await
    }

    /// Which schema the database has. Changes nothing.
    pub async fn schema(url: &str) -> Result<Schema, StoreError> {
        migrate::schema(&Self::config(url)?).await
    }

    fn config(url: &str) -> Result<Config, StoreError> {
        let bad = |reason| StoreError::Backend(Box::new(reason));
        let mut config: Config = url.parse().map_err(|_| bad(BadAddress::Form))?;
        if !matches!(config.get_ssl_mode(), SslMode::Disable | SslMode::Prefer) {
            return Err(bad(BadAddress::Tls));
        }
        if config.get_application_name().is_none() {
            config.application_name("offline-server");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.keepalives_idle(KEEPALIVE);
        Ok(config)
    }
}

impl Store for PostgresStore {
    fn run(&self, work: Work) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        Box::pin(Arc::clone(&self.groups).run(work))
    }

    fn record<'a>(
        &'a self,
        membership: &'a Membership,
        key: &'a RecordKey,
    ) -> BoxFuture<'a, Result<Option<RecordSnapshot>, StoreError>> {
        let workspace = membership.workspace_id();
        Box::pin(
            self.connections.with(move |client| async move { rows::snapshot(&client, workspace, key).await }),
        )
    }

    fn page<'a>(
        &'a self,
        membership: &'a Membership,
        query: &'a PageQuery,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        let workspace = membership.workspace_id();
        Box::pin(
            self.connections.with(move |client| async move { rows::page(&client, workspace, query).await }),
        )
    }

    fn prune(
        &self,
        results_before: Timestamp,
        receipts_before: Timestamp,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let before = Ages { results: results_before, receipts: receipts_before };
        Box::pin(async move {
            let mut failed = None;
            for workspace in self.workspaces().await? {
                if let Err(error) = self.prune_receipts(&workspace, before).await {
                    self.go_on_after(&workspace, error, &mut failed).await?;
                }
            }
            failed.map_or(Ok(()), Err)
        })
    }
}

impl PostgresStore {
    /// What fails in one workspace holds up no other, and is told at the end; a database that cannot be asked ends it all.
    async fn go_on_after(
        &self,
        workspace: &WorkspaceId,
        error: StoreError,
        failed: &mut Option<StoreError>,
    ) -> Result<(), StoreError> {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(workspaceId = %workspace, %error, source, "what is old could not be dropped in one workspace");
        failed.get_or_insert(error);
        self.connections.with(|client| async move { Ok(client.batch_execute("SELECT").await?) }).await
    }

    /// Those that were ever written to.
    async fn workspaces(&self) -> Result<Vec<WorkspaceId>, StoreError> {
        let rows = self
            .connections
            .with(|client| async move {
                Ok(client.query("SELECT workspace_id FROM offline.workspace", &[]).await?)
            })
            .await?;
        let id = |row: &Row| WorkspaceId::new(row.get::<_, &str>(0));
        rows.iter().map(id).collect::<Result<_, _>>().map_err(|error| StoreError::Backend(Box::new(error)))
    }

    /// Carries out a statement that may be repeated.
    async fn write(
        &self,
        workspace: &WorkspaceId,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(), StoreError> {
        self.connections
            .with(|client| async move { scoped::execute(&client, workspace, sql, parameters).await })
            .await
    }
}
