//! How old receipts go: along their key, a part of a workspace at a time and each in a transaction of its own, so that no statement takes long
//! however large the workspace is. Nobody waits for it: the workspace's row is not locked.

use deadpool_postgres::Client;
use futures_util::{join, try_join};
use offline_protocol::{Timestamp, WorkspaceId};
use tokio_postgres::types::ToSql;

use crate::{PostgresStore, StoreError};

use super::{failure::Failure, rows::SCOPE};

/// How many receipts one transaction looks at.
const AT_ONCE: i64 = 1000;

/// Where the next part ends: it is one user's, since an index is not left early for the end of a range of users and keys.
const LAST: &str = "SELECT user_id, idempotency_key FROM ( \
        SELECT user_id, idempotency_key FROM offline.receipt \
        WHERE workspace_id = $1 AND (user_id, idempotency_key) > ($2, $3) ORDER BY user_id, idempotency_key LIMIT $4 \
    ) next ORDER BY user_id, idempotency_key DESC LIMIT 1";

const DROP: &str = "DELETE FROM offline.receipt \
    WHERE workspace_id = $1 AND user_id = $2 AND idempotency_key > $3 AND idempotency_key <= $4 AND received_at < $5";

const THIN_OUT: &str = "UPDATE offline.receipt SET result = NULL \
    WHERE workspace_id = $1 AND user_id = $2 AND idempotency_key > $3 AND idempotency_key <= $4 AND received_at < $5 \
        AND result IS NOT NULL";

/// Before which moments what goes.
#[derive(Clone, Copy)]
pub(crate) struct Ages {
    pub(crate) results: Timestamp,
    pub(crate) receipts: Timestamp,
}

/// User and key of a receipt, in whose order they go.
type Place = (String, String);

impl PostgresStore {
    pub(crate) async fn prune_receipts(
        &self,
        workspace: &WorkspaceId,
        before: Ages,
    ) -> Result<(), StoreError> {
        let mut behind = Place::default();
        loop {
            let from = &behind;
            let last = self
                .connections
                .with(|client| async move { prune_part(&client, workspace, from, before).await })
                .await?;
            let Some(last) = last else { return Ok(()) };
            behind = last;
        }
    }
}

/// Says where the part ended; may be repeated. `None` when there is nothing behind the place.
async fn prune_part(
    client: &Client,
    workspace: &WorkspaceId,
    behind: &Place,
    before: Ages,
) -> Result<Option<Place>, Failure> {
    let (scope, find_last, drop_old, thin_out) = try_join!(
        client.prepare_cached(SCOPE),
        client.prepare_cached(LAST),
        client.prepare_cached(DROP),
        client.prepare_cached(THIN_OUT),
    )?;
    let id = workspace.as_str();
    let of: [&(dyn ToSql + Sync); 1] = [&id];
    let next: [&(dyn ToSql + Sync); 4] = [&id, &behind.0, &behind.1, &AT_ONCE];
    let (begun, scoped, found) = join!(
        client.batch_execute("BEGIN"),
        client.execute(&scope, &of),
        client.query_opt(&find_last, &next),
    );
    begun?;
    scoped?;
    let Some(found) = found? else {
        client.batch_execute("COMMIT").await?;
        return Ok(None);
    };
    let last: Place = (found.get(0), found.get(1));
    let (user, until) = (&last.0, &last.1);
    let from = if *user == behind.0 { &behind.1 } else { "" };
    let (receipts, results) = (before.receipts.as_millis(), before.results.as_millis());
    let old: [&(dyn ToSql + Sync); 5] = [&id, user, &from, until, &receipts];
    let thick: [&(dyn ToSql + Sync); 5] = [&id, user, &from, until, &results];
    let (dropped, thinned, committed) = join!(
        client.execute(&drop_old, &old),
        client.execute(&thin_out, &thick),
        client.batch_execute("COMMIT"),
    );
    Failure::of_commit(dropped.and(thinned), committed)?;
    Ok(Some(last))
}

#[cfg(test)]
mod tests {
    use private_postgres::PrivatePostgres;
    use tokio_postgres::NoTls;

    use super::*;

    #[tokio::test]
    async fn each_part_is_found_by_its_key_whatever_the_statistics_say() {
        let postgres = PrivatePostgres::temporary().unwrap();
        let url = postgres.url("postgres");
        let store = PostgresStore::open(&url).await.unwrap();
        let (admin, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let fill = "ALTER TABLE offline.receipt SET (autovacuum_enabled = off); \
            INSERT INTO offline.receipt SELECT 'acme', 'user-' || i % 5, 'key-' || i, \
                ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, '', 'applied', '{}', '1', i \
                FROM generate_series(1, 40000) i";
        admin.batch_execute(fill).await.unwrap();
        for statistics in ["", "ANALYZE offline.receipt"] {
            admin.batch_execute(statistics).await.unwrap();
            for (sql, bounds) in [
                (LAST, "(ROW(user_id, idempotency_key) > ROW('user-2'::text, 'key-7'::text))"),
                (DROP, BOUNDS),
                (THIN_OUT, BOUNDS),
            ] {
                let plan = store.connections.with(|client| async move { plan(&client, sql).await }).await;
                let plan = plan.unwrap();
                assert!(plan.contains("using receipt_pkey") && !plan.contains("Seq Scan on"), "{plan}");
                let bounded = |line: &str| line.contains("Index Cond") && line.contains(bounds);
                assert!(plan.lines().any(bounded), "{plan}");
            }
        }
    }

    const BOUNDS: &str = "(user_id = 'user-2'::text) AND (idempotency_key > 'key-3002'::text) AND (idempotency_key <= 'key-6002'::text)";

    async fn plan(client: &Client, sql: &str) -> Result<String, Failure> {
        let next: [&(dyn ToSql + Sync); 4] = [&"acme", &"user-2", &"key-7", &AT_ONCE];
        let part: [&(dyn ToSql + Sync); 5] = [&"acme", &"user-2", &"key-3002", &"key-6002", &40_000_i64];
        client.batch_execute("BEGIN").await?;
        client.execute(SCOPE, &next[..1]).await?;
        let parameters = if sql == LAST { &next[..] } else { &part };
        let rows = client.query(&format!("EXPLAIN {sql}"), parameters).await?;
        client.batch_execute("COMMIT").await?;
        Ok(rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect())
    }
}
