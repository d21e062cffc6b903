//! Single statements, each in a transaction that names its workspace: all of it is one round trip.

use deadpool_postgres::Client;
use futures_util::{join, try_join};
use offline_protocol::WorkspaceId;
use tokio_postgres::{Row, types::ToSql};

use super::{failure::Failure, rows::SCOPE};

/// Reads.
pub(crate) async fn query(
    client: &Client,
    workspace: &WorkspaceId,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    let (scope, statement) = try_join!(client.prepare_cached(SCOPE), client.prepare_cached(sql))?;
    let id = workspace.as_str();
    let workspace: [&(dyn ToSql + Sync); 1] = [&id];
    let (begun, scoped, rows, ended) = join!(
        client.batch_execute("BEGIN READ ONLY"),
        client.execute(&scope, &workspace),
        client.query(&statement, parameters),
        client.batch_execute("COMMIT"),
    );
    begun?;
    scoped?;
    let rows = rows?;
    ended?;
    Ok(rows)
}

/// Writes; may be repeated, so that a lost answer to the commit does no harm.
pub(crate) async fn execute(
    client: &Client,
    workspace: &WorkspaceId,
    sql: &'static str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<(), Failure> {
    let (scope, statement) = try_join!(client.prepare_cached(SCOPE), client.prepare_cached(sql))?;
    let id = workspace.as_str();
    let workspace: [&(dyn ToSql + Sync); 1] = [&id];
    let (begun, scoped, written, committed) = join!(
        client.batch_execute("BEGIN"),
        client.execute(&scope, &workspace),
        client.execute(&statement, parameters),
        client.batch_execute("COMMIT"),
    );
    begun?;
    scoped?;
    Failure::of_commit(written, committed)
}
