//! The order of changes: the statements behind [`ChangeLog`](crate::ChangeLog).

use std::sync::Arc;

use futures_util::future::BoxFuture;
use offline_protocol::{ChangeSeq, RecordId, RecordKey, RecordKind, Timestamp, UserId, Version, WorkspaceId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::{
    ChangeLog, Changed, ChangedRecord, ChangesQuery, CursorKey, Extent, Hub, Kinds, Lineage, Membership,
    SqliteStore, StoreError,
};

use super::{
    connection::store_error,
    rows::{bad_row, integer},
};

/// How many changes one transaction drops from the log: writers wait for it.
const PRUNED_AT_ONCE: i64 = 5000;

/// Begins the first life of a database that has none. Returns the key that its cursors are signed with.
pub(crate) fn ensure_lineage(connection: &Connection) -> Result<CursorKey, StoreError> {
    let (id, key) = (Lineage::random()?.0.to_string(), CursorKey::random()?.0);
    connection
        .execute(
            "INSERT INTO lineage (one, id, cursor_key) VALUES (1, ?1, ?2) ON CONFLICT DO NOTHING",
            params![id, key],
        )
        .map_err(store_error)?;
    let key: [u8; 32] =
        connection.query_row("SELECT cursor_key FROM lineage", [], |row| row.get(0)).map_err(store_error)?;
    Ok(CursorKey(key))
}

/// Begins another life: whoever remembers a place of this one starts with a snapshot.
pub(crate) fn rotate_lineage(connection: &Connection) -> Result<(), StoreError> {
    let id = Lineage::random()?.0.to_string();
    connection.execute("UPDATE lineage SET id = ?1", [id]).map_err(store_error)?;
    Ok(())
}

impl ChangeLog for SqliteStore {
    fn changed<'a>(
        &'a self,
        membership: &'a Membership,
        query: &'a ChangesQuery,
    ) -> BoxFuture<'a, Result<Changed, StoreError>> {
        let (membership, query) = (membership.clone(), query.clone());
        Box::pin(self.read(move |connection| changed(connection, membership.workspace_id(), &query)))
    }

    fn extent<'a>(&'a self, workspace: &'a WorkspaceId) -> BoxFuture<'a, Result<Extent, StoreError>> {
        let workspace = workspace.clone();
        Box::pin(self.read(move |connection| extent(connection, &workspace)))
    }

    fn kinds_since<'a>(
        &'a self,
        workspace: &'a WorkspaceId,
        after: ChangeSeq,
    ) -> BoxFuture<'a, Result<Kinds, StoreError>> {
        let workspace = workspace.clone();
        Box::pin(self.read(move |connection| kinds_since(connection, &workspace, after)))
    }

    fn heads<'a>(
        &'a self,
        workspaces: &'a [WorkspaceId],
    ) -> BoxFuture<'a, Result<Vec<(WorkspaceId, ChangeSeq)>, StoreError>> {
        let workspaces = workspaces.to_vec();
        Box::pin(self.read(move |connection| {
            let head = |workspace: WorkspaceId| {
                let head = extent(connection, &workspace)?.head;
                Ok((workspace, head))
            };
            workspaces.into_iter().map(head).collect()
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
            let workspaces = self.read(workspaces).await?;
            for workspace in workspaces {
                let id = workspace.clone();
                self.alone(move |connection| note_pruned(connection, &id, before)).await?;
                let pruned = workspace.clone();
                let pruned = self.read(move |connection| extent(connection, &pruned)).await?.pruned;
                while self.dropped_some(&workspace, pruned).await? {}
            }
            Ok(())
        })
    }
}

impl SqliteStore {
    /// Drops a part of what is to go; whether there was any.
    async fn dropped_some(&self, workspace: &WorkspaceId, pruned: ChangeSeq) -> Result<bool, StoreError> {
        let id = workspace.clone();
        let first = self.read(move |connection| first_change(connection, &id)).await?;
        let Some(first) = first.filter(|first| *first <= integer(pruned.get())) else { return Ok(false) };
        let until = integer(pruned.get()).min(first + PRUNED_AT_ONCE - 1);
        let id = workspace.clone();
        self.alone(move |connection| {
            connection
                .execute(
                    "DELETE FROM change WHERE workspace_id = ?1 AND seq <= ?2",
                    params![id.as_str(), until],
                )
                .map_err(store_error)?;
            Ok(())
        })
        .await?;
        Ok(true)
    }
}

fn workspaces(connection: &Connection) -> Result<Vec<WorkspaceId>, StoreError> {
    let mut statement = connection.prepare("SELECT workspace_id FROM workspace").map_err(store_error)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0)).map_err(store_error)?;
    names.map(|name| WorkspaceId::new(name.map_err(store_error)?).map_err(|_| bad_row("workspace"))).collect()
}

fn first_change(connection: &Connection, workspace: &WorkspaceId) -> Result<Option<i64>, StoreError> {
    connection
        .query_row("SELECT min(seq) FROM change WHERE workspace_id = ?1", [workspace.as_str()], |row| {
            row.get(0)
        })
        .map_err(store_error)
}

/// Notes that the log reaches back to the first change that is not old, or to nothing when all are.
fn note_pruned(
    connection: &Connection,
    workspace: &WorkspaceId,
    before: Timestamp,
) -> Result<(), StoreError> {
    connection
        .execute(
            "UPDATE workspace SET pruned_seq = max(pruned_seq, coalesce( \
                 (SELECT seq - 1 FROM change WHERE workspace_id = ?1 AND changed_at >= ?2 ORDER BY seq LIMIT 1), \
                 change_seq)) \
             WHERE workspace_id = ?1",
            params![workspace.as_str(), before.as_millis()],
        )
        .map_err(store_error)?;
    Ok(())
}

fn extent(connection: &Connection, workspace: &WorkspaceId) -> Result<Extent, StoreError> {
    let lineage: Option<String> = connection
        .prepare_cached("SELECT id FROM lineage")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(store_error)?;
    let lineage = lineage.and_then(|id| Uuid::try_parse(&id).ok()).ok_or_else(|| bad_row("lineage"))?;
    let found: Option<(i64, i64)> = connection
        .prepare_cached("SELECT pruned_seq, change_seq FROM workspace WHERE workspace_id = ?1")
        .and_then(|mut statement| {
            statement.query_row([workspace.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(store_error)?;
    let (pruned, head) = found.unwrap_or_default();
    Ok(Extent {
        lineage: Lineage(lineage),
        pruned: place(pruned, "workspace")?,
        head: place(head, "workspace")?,
    })
}

fn place(number: i64, table: &'static str) -> Result<ChangeSeq, StoreError> {
    u64::try_from(number).ok().and_then(|number| ChangeSeq::new(number).ok()).ok_or_else(|| bad_row(table))
}

/// One statement, one moment: the highest of the places is how far it looked.
fn kinds_since(
    connection: &Connection,
    workspace: &WorkspaceId,
    after: ChangeSeq,
) -> Result<Kinds, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT kind, max(change_seq) FROM record INDEXED BY record_changes \
             WHERE workspace_id = ?1 AND change_seq > ?2 GROUP BY kind",
        )
        .map_err(store_error)?;
    let mut rows = statement.query(params![workspace.as_str(), integer(after.get())]).map_err(store_error)?;
    let mut kinds = Kinds { head: after, kinds: Vec::new() };
    while let Some(row) = rows.next().map_err(store_error)? {
        let (kind, seq): (String, i64) = (row.get(0).map_err(store_error)?, row.get(1).map_err(store_error)?);
        let seq = place(seq, "record")?;
        kinds.head = kinds.head.max(seq);
        kinds.kinds.push((RecordKind::new(kind).map_err(|_| bad_row("record"))?, seq));
    }
    Ok(kinds)
}

/// The planner has no statistics: it is told by which index the order goes.
const CHANGED: &str = "SELECT kind, id, version, change_seq, updated_at, updated_by, data FROM record \
    INDEXED BY record_changes WHERE workspace_id = ?1 AND change_seq > ?2 \
    AND (?3 = '' OR instr(?3, ',' || kind || ',') > 0) AND (data IS NOT NULL OR change_seq > ?4) \
    ORDER BY change_seq LIMIT ?5";

fn changed(
    connection: &Connection,
    workspace: &WorkspaceId,
    query: &ChangesQuery,
) -> Result<Changed, StoreError> {
    // Both statements see one moment.
    let transaction = connection.unchecked_transaction().map_err(store_error)?;
    let extent = extent(&transaction, workspace)?;
    let mut statement = transaction.prepare_cached(CHANGED).map_err(store_error)?;
    let mut rows = statement
        .query(params![
            workspace.as_str(),
            integer(query.after().get()),
            selection(&query.kinds),
            integer(query.no_tombstones_until().unwrap_or(extent.head).get()),
            i64::from(query.limit) + 1,
        ])
        .map_err(store_error)?;
    let mut changed = Changed { extent, records: Vec::new(), more: false };
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(store_error)? {
        if changed.records.len() >= query.limit as usize || bytes >= query.max_bytes as usize {
            changed.more = true;
            break;
        }
        let record = record(row).map_err(store_error)?.ok_or_else(|| bad_row("record"))?;
        bytes += record.data.as_ref().map_or(0, String::len);
        changed.records.push(record);
    }
    Ok(changed)
}

/// The kinds, each between commas, which no kind has in its name.
fn selection(kinds: &[RecordKind]) -> String {
    let mut text = String::new();
    for kind in kinds {
        text.push(',');
        text.push_str(kind.as_str());
    }
    if !text.is_empty() {
        text.push(',');
    }
    text
}

/// `None` when the row holds what its type cannot.
fn record(row: &Row<'_>) -> rusqlite::Result<Option<ChangedRecord>> {
    let (version, change_seq) = (row.get::<_, i64>(2)?, row.get::<_, i64>(3)?);
    let updated_at = Timestamp::from_millis(row.get(4)?);
    let data = row.get(6)?;
    let (kind, id, updated_by) =
        (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?, row.get_ref(5)?.as_str()?);
    let read = || {
        Some(ChangedRecord {
            key: RecordKey::new(RecordKind::new(kind).ok()?, RecordId::new(id).ok()?),
            version: Version::new(u64::try_from(version).ok()?).ok()?,
            change_seq: ChangeSeq::new(u64::try_from(change_seq).ok()?).ok()?,
            updated_at,
            updated_by: UserId::new(updated_by).ok()?,
            data,
        })
    };
    Ok(read())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_changes_is_read_in_the_order_of_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.sqlite");
        drop(SqliteStore::open(&file).unwrap());
        let connection = Connection::open(&file).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {CHANGED}")).unwrap();
        let steps = statement.query_map(params!["acme", 10_000, "", 0, 1001], |row| row.get(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert_eq!(steps, ["SEARCH record USING INDEX record_changes (workspace_id=? AND change_seq>?)"]);
    }
}
