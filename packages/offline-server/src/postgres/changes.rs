//! The order of changes: the statements behind [`ChangeLog`](crate::ChangeLog).

use std::sync::Arc;

use deadpool_postgres::Client;
use futures_util::{future::BoxFuture, join, try_join};
use offline_protocol::{ChangeSeq, RecordId, RecordKey, RecordKind, Timestamp, UserId, Version, WorkspaceId};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    ChangeLog, Changed, ChangedRecord, ChangesQuery, CursorKey, Extent, Hub, Kinds, Lineage, Membership,
    PostgresStore, StoreError,
};

use super::{
    connection::Lease,
    failure::Failure,
    rows::{SCOPE, bad_row, column, integer, number, text},
    scoped,
};

/// How many changes one transaction drops from the log.
const PRUNED_AT_ONCE: i64 = 5000;

const EXTENT: &str = "SELECT l.id, coalesce(w.pruned_seq, 0), coalesce(w.change_seq, 0) FROM offline.lineage l \
    LEFT JOIN offline.workspace w ON w.workspace_id = $1";

/// All statements see one moment. The index has the order: without statistics the planner would read and sort all that is behind a place, for
/// each page of it.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off";

/// The contents of what no longer fits the page stay where they are; one row more than that comes, to say that there is more.
const CHANGED: &str = "SELECT kind, id, version, change_seq, updated_at, updated_by, \
        CASE WHEN before < $6 THEN data END, before >= $6 FROM ( \
        SELECT kind, id, version, change_seq, updated_at, updated_by, data, \
            coalesce(sum(octet_length(data)) OVER (ORDER BY change_seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) \
                AS before \
        FROM offline.record WHERE workspace_id = $1 AND change_seq > $2 AND (kind = ANY ($3) OR cardinality($3) = 0) \
            AND (data IS NOT NULL OR change_seq > $4) \
        ORDER BY change_seq LIMIT $5 \
    ) page ORDER BY change_seq";

/// One statement, one moment: the highest of the places is how far it looked.
const KINDS: &str = "SELECT kind, max(change_seq) FROM offline.record WHERE workspace_id = $1 AND change_seq > $2 GROUP BY kind";

const HEADS: &str = "SELECT workspace_id, change_seq FROM offline.workspace WHERE workspace_id = ANY ($1)";

/// The log reaches back to the first change that is not old, or to nothing when all are.
const NOTE_PRUNED: &str = "UPDATE offline.workspace SET pruned_seq = greatest(pruned_seq, coalesce( \
        (SELECT seq - 1 FROM offline.change WHERE workspace_id = $1 AND changed_at >= $2 ORDER BY seq LIMIT 1), \
        change_seq)) \
    WHERE workspace_id = $1";

const DROP: &str = "DELETE FROM offline.change WHERE workspace_id = $1 AND seq <= $2";

const REACH: &str = "SELECT w.pruned_seq, min(c.seq) FROM offline.workspace w \
    JOIN offline.change c ON c.workspace_id = w.workspace_id AND c.seq <= w.pruned_seq \
    WHERE w.workspace_id = $1 GROUP BY w.pruned_seq";

impl ChangeLog for PostgresStore {
    fn changed<'a>(
        &'a self,
        membership: &'a Membership,
        query: &'a ChangesQuery,
    ) -> BoxFuture<'a, Result<Changed, StoreError>> {
        let workspace = membership.workspace_id();
        Box::pin(self.connections.with(move |client| async move { changed(&client, workspace, query).await }))
    }

    fn extent<'a>(&'a self, workspace: &'a WorkspaceId) -> BoxFuture<'a, Result<Extent, StoreError>> {
        Box::pin(self.connections.with(move |client| async move {
            let rows = scoped::query(&client, workspace, EXTENT, &[&workspace.as_str()]).await?;
            rows.first().map(read_extent).ok_or_else(|| bad_row("lineage"))?
        }))
    }

    fn kinds_since<'a>(
        &'a self,
        workspace: &'a WorkspaceId,
        after: ChangeSeq,
    ) -> BoxFuture<'a, Result<Kinds, StoreError>> {
        Box::pin(self.connections.with(move |client| async move {
            let id = workspace.as_str();
            let rows = scoped::query(&client, workspace, KINDS, &[&id, &integer(after.get())]).await?;
            let mut kinds = Kinds { head: after, kinds: Vec::new() };
            for row in &rows {
                let place = number(column(row, 1, "record")?, ChangeSeq::new, "record")?;
                kinds.head = kinds.head.max(place);
                kinds.kinds.push((text(row, 0, RecordKind::new, "record")?, place));
            }
            Ok(kinds)
        }))
    }

    fn heads<'a>(
        &'a self,
        workspaces: &'a [WorkspaceId],
    ) -> BoxFuture<'a, Result<Vec<(WorkspaceId, ChangeSeq)>, StoreError>> {
        Box::pin(self.connections.with(move |client| async move {
            let ids: Vec<_> = workspaces.iter().map(WorkspaceId::as_str).collect();
            let statement = client.prepare_cached(HEADS).await?;
            let rows = client.query(&statement, &[&ids]).await?;
            let head = |row: &Row| {
                let workspace = text(row, 0, WorkspaceId::new, "workspace")?;
                Ok((workspace, number(column(row, 1, "workspace")?, ChangeSeq::new, "workspace")?))
            };
            rows.iter().map(head).collect()
        }))
    }

    fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    fn cursors(&self) -> &CursorKey {
        &self.cursors
    }

    fn prune_log(&self, before: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut failed = None;
            for workspace in self.workspaces().await? {
                if let Err(error) = self.prune_changes(&workspace, before).await {
                    self.go_on_after(&workspace, error, &mut failed).await?;
                }
            }
            failed.map_or(Ok(()), Err)
        })
    }
}

impl PostgresStore {
    async fn prune_changes(&self, workspace: &WorkspaceId, before: Timestamp) -> Result<(), StoreError> {
        let id = workspace.as_str();
        self.write(workspace, NOTE_PRUNED, &[&id, &before.as_millis()]).await?;
        while let Some(until) = self.next_to_drop(workspace).await? {
            self.write(workspace, DROP, &[&id, &until]).await?;
        }
        Ok(())
    }

    /// Up to where the next part of what is to go reaches.
    async fn next_to_drop(&self, workspace: &WorkspaceId) -> Result<Option<i64>, StoreError> {
        let id = workspace.as_str();
        let rows = self
            .connections
            .with(|client| async move { scoped::query(&client, workspace, REACH, &[&id]).await })
            .await?;
        Ok(rows.first().map(|row| row.get::<_, i64>(0).min(row.get::<_, i64>(1) + PRUNED_AT_ONCE - 1)))
    }
}

/// The key that this database's cursors are signed with.
pub(crate) async fn cursor_key(client: Lease) -> Result<CursorKey, Failure> {
    let row = client.query_one("SELECT cursor_key FROM offline.lineage", &[]).await?;
    let key: &[u8] = column(&row, 0, "lineage")?;
    key.try_into().map(CursorKey).map_err(|_| bad_row("lineage"))
}

async fn changed(client: &Client, workspace: &WorkspaceId, query: &ChangesQuery) -> Result<Changed, Failure> {
    let (scope, find_extent, find_changed) = try_join!(
        client.prepare_cached(SCOPE),
        client.prepare_cached(EXTENT),
        client.prepare_cached(CHANGED)
    )?;
    let id = workspace.as_str();
    let of: [&(dyn ToSql + Sync); 1] = [&id];
    let kinds: Vec<_> = query.kinds.iter().map(RecordKind::as_str).collect();
    let no_tombstones_until = query.no_tombstones_until().map_or(i64::MAX, |place| integer(place.get()));
    let parameters: [&(dyn ToSql + Sync); 6] = [
        &id,
        &integer(query.after().get()),
        &kinds,
        &no_tombstones_until,
        &(i64::from(query.limit) + 1),
        &i64::from(query.max_bytes),
    ];
    let (begun, scoped, extent, rows, ended) = join!(
        client.batch_execute(BEGIN),
        client.execute(&scope, &of),
        client.query_opt(&find_extent, &of),
        client.query(&find_changed, &parameters),
        client.batch_execute("COMMIT"),
    );
    begun?;
    scoped?;
    let (extent, rows) = (extent?, rows?);
    ended?;
    let extent = extent.as_ref().map(read_extent).ok_or_else(|| bad_row("lineage"))??;
    let mut changed = Changed { extent, records: Vec::with_capacity(rows.len()), more: false };
    for row in &rows {
        if changed.records.len() >= query.limit as usize || column(row, 7, "record")? {
            changed.more = true;
            break;
        }
        changed.records.push(record(row)?);
    }
    Ok(changed)
}

fn read_extent(row: &Row) -> Result<Extent, Failure> {
    Ok(Extent {
        lineage: Lineage(column(row, 0, "lineage")?),
        pruned: number(column(row, 1, "workspace")?, ChangeSeq::new, "workspace")?,
        head: number(column(row, 2, "workspace")?, ChangeSeq::new, "workspace")?,
    })
}

fn record(row: &Row) -> Result<ChangedRecord, Failure> {
    let kind = text(row, 0, RecordKind::new, "record")?;
    let id = text(row, 1, RecordId::new, "record")?;
    Ok(ChangedRecord {
        key: RecordKey::new(kind, id),
        version: number(column(row, 2, "record")?, Version::new, "record")?,
        change_seq: number(column(row, 3, "record")?, ChangeSeq::new, "record")?,
        updated_at: Timestamp::from_millis(column(row, 4, "record")?),
        updated_by: text(row, 5, UserId::new, "record")?,
        data: column(row, 6, "record")?,
    })
}

#[cfg(test)]
mod tests {
    use private_postgres::PrivatePostgres;
    use tokio_postgres::NoTls;

    use super::*;

    /// The steps of the plan for a page from the middle of 20,000 records, as a client's connection is given it.
    async fn plan(client: &tokio_postgres::Client, kinds: &[&str]) -> String {
        client.batch_execute(&format!("RESET ALL; {BEGIN}")).await.unwrap();
        let explain = format!("EXPLAIN {CHANGED}");
        let parameters: [&(dyn ToSql + Sync); 6] =
            [&"acme", &10_000_i64, &kinds, &i64::MAX, &1001_i64, &4_000_000_i64];
        let rows = client.query(&explain, &parameters).await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect()
    }

    #[tokio::test]
    async fn a_page_of_changes_is_read_in_the_order_of_the_index_whatever_the_statistics_say() {
        let postgres = PrivatePostgres::temporary().unwrap();
        let url = postgres.url("postgres");
        drop(PostgresStore::open(&url).await.unwrap());
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let fill = "ALTER TABLE offline.record SET (autovacuum_enabled = off); \
            INSERT INTO offline.record SELECT 'acme', 'expense', 'e' || i, 1, '{}', 'ana', 0, i FROM generate_series(1, 20000) i";
        client.batch_execute(fill).await.unwrap();
        for statistics in ["", "ANALYZE offline.record"] {
            client.batch_execute(statistics).await.unwrap();
            for kinds in [&[][..], &["expense"]] {
                let plan = plan(&client, kinds).await;
                assert!(plan.contains("Index Scan using record_changes"), "{plan}");
                assert!(!plan.contains("Sort") && !plan.contains("Seq Scan on"), "{plan}");
            }
        }
    }
}
