//! The statements: rows in, rows out. `workspace_id` comes first in every one of them, and look-ups and writes take whole arrays.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
};

use deadpool_postgres::Client;
use futures_util::{TryStreamExt as _, join, try_join};
use offline_domain::Record;
use offline_protocol::{
    ChangeSeq, CommandId, Fingerprint, IdempotencyKey, RecordId, RecordKey, RecordKind, RecordSnapshot,
    Timestamp, UserId, Version, WorkspaceId,
};
use serde_json::Value;
use tokio_postgres::{
    Row, Statement,
    types::{FromSql, ToSql},
};

use crate::{Page, PageQuery, Receipt, Role, StoreError, Work, json::json_text, store::MAX_LOADED_BYTES};

use super::{
    failure::Failure,
    known::{Known, Writes},
    scoped,
};

/// A page ends when its records' contents come to this many bytes, so that an answer stays small whatever the limit.
const PAGE_BYTES: i64 = 2 * 1024 * 1024;

pub(crate) const SCOPE: &str = "SELECT set_config('offline.workspace_id', $1, true)";

const ENSURE: &str = "INSERT INTO offline.workspace (workspace_id, change_seq) VALUES ($1, 0) ON CONFLICT (workspace_id) DO NOTHING";

const LOCK: &str = "SELECT change_seq FROM offline.workspace WHERE workspace_id = $1 FOR UPDATE";

// Look-ups in a body of their own (OFFSET 0) are made row by row, by their key. As plain joins they are hashed against the whole workspace
// where the table has grown since statistics were last made.

const RECORDS: &str = "SELECT r.* FROM unnest($2::text[], $3::text[]) AS wanted (kind, id) CROSS JOIN LATERAL ( \
        SELECT version, data, updated_by, updated_at, kind, id FROM offline.record \
        WHERE workspace_id = $1 AND kind = wanted.kind AND id = wanted.id OFFSET 0 \
    ) r";

const KINDS: &str = "SELECT version, data, updated_by, updated_at, kind, id FROM offline.record \
    WHERE workspace_id = $1 AND kind = ANY($2::text[])";

const RECEIPTS: &str = "SELECT r.* FROM unnest($2::text[], $3::text[]) AS wanted (user_id, key) CROSS JOIN LATERAL ( \
        SELECT user_id, idempotency_key, command_id, fingerprint, verdict, result, received_at FROM offline.receipt \
        WHERE workspace_id = $1 AND user_id = wanted.user_id AND idempotency_key = wanted.key OFFSET 0 \
    ) r";

const APPLIED: &str = "SELECT r.* FROM unnest($2::text[], $3::uuid[]) AS wanted (user_id, id) CROSS JOIN LATERAL ( \
        SELECT user_id, idempotency_key, command_id, fingerprint, verdict, result, received_at FROM offline.receipt \
        WHERE workspace_id = $1 AND user_id = wanted.user_id AND command_id = wanted.id AND status = 'applied' OFFSET 0 \
    ) r";

/// All writes of a transaction are one statement: either all of it has been sent or nothing, and the commit behind it cannot store a part.
const WRITE: &str = "WITH receipts AS ( \
        INSERT INTO offline.receipt (workspace_id, user_id, idempotency_key, command_id, fingerprint, status, verdict, \
            result, received_at) \
        SELECT $1, * FROM unnest($3::text[], $4::text[], $5::uuid[], $6::bytea[], $7::text[], $8::text[], \
            $9::text[], $10::bigint[]) \
    ), records AS ( \
        INSERT INTO offline.record (workspace_id, kind, id, version, data, updated_by, updated_at, change_seq) \
        SELECT $1, * FROM unnest($11::text[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::bigint[], \
            $17::bigint[]) \
        ON CONFLICT (workspace_id, kind, id) DO UPDATE SET version = excluded.version, data = excluded.data, \
            updated_by = excluded.updated_by, updated_at = excluded.updated_at, change_seq = excluded.change_seq \
    ), changes AS ( \
        INSERT INTO offline.change (workspace_id, seq, kind, id, version, command_id, user_id, changed_at) \
        SELECT $1, * FROM unnest($18::bigint[], $19::text[], $20::text[], $21::bigint[], $22::uuid[], $23::text[], \
            $24::bigint[]) \
    ) UPDATE offline.workspace SET change_seq = $2 WHERE workspace_id = $1";

const RECORD: &str = "SELECT version, data, updated_by, updated_at FROM offline.record \
    WHERE workspace_id = $1 AND kind = $2 AND id = $3 AND data IS NOT NULL";

/// The contents of what no longer fits the page stay where they are: only the ids come, to say that there is more.
const PAGE: &str = "SELECT version, CASE WHEN before < $5 THEN data END, updated_by, updated_at, id FROM ( \
        SELECT version, data, updated_by, updated_at, id, \
            sum(octet_length(data)) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - octet_length(data) AS before \
        FROM offline.record WHERE workspace_id = $1 AND kind = $2 AND id > $3 AND data IS NOT NULL \
        ORDER BY id LIMIT $4 \
    ) page ORDER BY id";

/// What a row holds and its type cannot: it was written by another program or damaged.
#[derive(Debug, thiserror::Error)]
#[error("a row of the table {0} cannot be read")]
struct BadRow(&'static str);

pub(crate) fn bad_row(table: &'static str) -> Failure {
    Failure::Final(StoreError::Backend(Box::new(BadRow(table))))
}

/// Begins the transaction, locks the workspace and loads what the group wants: one round trip. The lock comes first, so that what is read
/// behind it is what the last transaction of this workspace left.
pub(crate) async fn begin(
    client: &Client,
    workspace: &WorkspaceId,
    works: &[Work],
) -> Result<Known, Failure> {
    let (scope, ensure, lock, find_records, find_kinds, find_receipts, find_applied) = try_join!(
        client.prepare_cached(SCOPE),
        client.prepare_cached(ENSURE),
        client.prepare_cached(LOCK),
        client.prepare_cached(RECORDS),
        client.prepare_cached(KINDS),
        client.prepare_cached(RECEIPTS),
        client.prepare_cached(APPLIED),
    )?;
    // A record that many of them want comes once.
    let records: BTreeSet<&RecordKey> = works.iter().flat_map(|work| &work.wanted.records).collect();
    let (kinds, ids): (Vec<_>, Vec<_>) =
        records.iter().map(|key| (key.kind.as_str(), key.id.as_str())).unzip();
    let whole_kinds: BTreeSet<&str> =
        works.iter().flat_map(|work| &work.wanted.kinds).map(RecordKind::as_str).collect();
    let whole_kinds = Vec::from_iter(whole_kinds);
    let (mut key_users, mut keys) = (Vec::new(), Vec::new());
    let (mut command_users, mut commands) = (Vec::new(), Vec::<&uuid::Uuid>::new());
    for work in works {
        let user = work.membership.user_id().as_str();
        keys.extend(work.wanted.keys.iter().map(IdempotencyKey::as_str));
        key_users.resize(keys.len(), user);
        commands.extend(work.wanted.commands.iter().map(CommandId::as_uuid));
        command_users.resize(commands.len(), user);
    }
    let workspace = workspace.as_str();
    let id: [&(dyn ToSql + Sync); 1] = [&workspace];
    let wanted_records: [&(dyn ToSql + Sync); 3] = [&workspace, &kinds, &ids];
    let wanted_kinds: [&(dyn ToSql + Sync); 2] = [&workspace, &whole_kinds];
    let wanted_receipts: [&(dyn ToSql + Sync); 3] = [&workspace, &key_users, &keys];
    let wanted_applied: [&(dyn ToSql + Sync); 3] = [&workspace, &command_users, &commands];
    let bytes = AtomicUsize::new(0);
    // Few commands ask for whole kinds: the others do without the statement.
    let of_kinds = async {
        if whole_kinds.is_empty() {
            return Ok(Vec::new());
        }
        records_within(client, &find_kinds, &wanted_kinds, &bytes).await
    };
    let (begun, scoped, ensured, locked, records, of_kinds, receipts, applied) = join!(
        client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED"),
        client.execute(&scope, &id),
        client.execute(&ensure, &id),
        client.query_one(&lock, &id),
        records_within(client, &find_records, &wanted_records, &bytes),
        of_kinds,
        client.query(&find_receipts, &wanted_receipts),
        client.query(&find_applied, &wanted_applied),
    );
    begun?;
    scoped?;
    ensured?;
    let change_seq = number(column(&locked?, 0, "workspace")?, ChangeSeq::new, "workspace")?;
    let mut records = records?;
    records.extend(of_kinds?);
    let receipts = receipts?;
    let applied = applied?;
    Ok(Known {
        change_seq,
        records: records.iter().map(keyed_record).collect::<Result<_, _>>()?,
        receipts: receipts
            .iter()
            .map(|row| receipt(row).map(|(user, receipt)| ((user, receipt.idempotency_key.clone()), receipt)))
            .collect::<Result<_, _>>()?,
        applied: applied
            .iter()
            .map(|row| receipt(row).map(|(user, receipt)| ((user, receipt.command_id), receipt)))
            .collect::<Result<_, _>>()?,
    })
}

/// The rows, as long as their contents, with those counted already, are within what may be loaded. After that nobody reads on: the connection is given up.
async fn records_within(
    client: &Client,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
    bytes: &AtomicUsize,
) -> Result<Vec<Row>, Failure> {
    let parameters = parameters.iter().map(|parameter| *parameter as &dyn ToSql);
    let mut found = pin!(client.query_raw(statement, parameters).await?);
    let mut rows = Vec::new();
    while let Some(row) = found.try_next().await? {
        let length = column::<Option<&str>>(&row, 1, "record")?.map_or(0, str::len);
        if bytes.fetch_add(length, Ordering::Relaxed) + length > MAX_LOADED_BYTES {
            return Err(Failure::Final(StoreError::TooLarge));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Writes and commits: one round trip.
pub(crate) async fn commit(
    client: &Client,
    workspace: &WorkspaceId,
    change_seq: ChangeSeq,
    writes: &Writes,
) -> Result<(), Failure> {
    let write = client.prepare_cached(WRITE).await?;
    let receipts = ReceiptColumns::of(writes);
    let records = RecordColumns::of(writes);
    let log = LogColumns::of(writes);
    let (workspace, change_seq) = (workspace.as_str(), integer(change_seq.get()));
    let parameters: [&(dyn ToSql + Sync); 24] = [
        &workspace,
        &change_seq,
        &receipts.users,
        &receipts.keys,
        &receipts.commands,
        &receipts.fingerprints,
        &receipts.statuses,
        &receipts.verdicts,
        &receipts.results,
        &receipts.received_at,
        &records.kinds,
        &records.ids,
        &records.versions,
        &records.data,
        &records.updated_by,
        &records.updated_at,
        &records.change_seqs,
        &log.seqs,
        &log.kinds,
        &log.ids,
        &log.versions,
        &log.commands,
        &log.users,
        &log.changed_at,
    ];
    let (written, committed) = join!(client.execute(&write, &parameters), client.batch_execute("COMMIT"));
    Failure::of_commit(written, committed)
}

/// Defines the columns of a table as arrays, and how they are filled from what is to be written.
macro_rules! columns {
    ($name:ident<$life:lifetime> of $field:ident: |$item:pat_param| { $($column:ident: $type:ty = $value:expr),+ $(,)? }) => {
        #[derive(Default)]
        struct $name<$life> {
            $($column: Vec<$type>),+
        }

        impl<$life> $name<$life> {
            fn of(writes: &$life Writes) -> Self {
                let mut columns = Self::default();
                for $item in &writes.$field {
                    $(columns.$column.push($value);)+
                }
                columns
            }
        }
    };
}

columns!(ReceiptColumns<'a> of receipts: |(user, receipt)| {
    users: &'a str = user.as_str(),
    keys: &'a str = receipt.idempotency_key.as_str(),
    commands: &'a uuid::Uuid = receipt.command_id.as_uuid(),
    fingerprints: &'a [u8] = &receipt.fingerprint.0,
    statuses: &'static str = receipt.verdict.status(),
    verdicts: String = json_text(&receipt.verdict),
    results: Option<String> = (!receipt.result.is_null()).then(|| json_text(&receipt.result)),
    received_at: i64 = receipt.received_at.as_millis(),
});

columns!(RecordColumns<'a> of records: |(key, stored)| {
    kinds: &'a str = key.kind.as_str(),
    ids: &'a str = key.id.as_str(),
    versions: i64 = integer(stored.record.version.get()),
    data: Option<String> = stored.record.data.as_ref().map(json_text),
    updated_by: &'a str = stored.record.updated_by.as_str(),
    updated_at: i64 = stored.record.updated_at.as_millis(),
    change_seqs: i64 = integer(stored.change_seq.get()),
});

columns!(LogColumns<'a> of log: |(user, change)| {
    seqs: i64 = integer(change.seq.get()),
    kinds: &'a str = change.key.kind.as_str(),
    ids: &'a str = change.key.id.as_str(),
    versions: i64 = integer(change.version.get()),
    commands: &'a uuid::Uuid = change.command_id.as_uuid(),
    users: &'a str = user.as_str(),
    changed_at: i64 = change.changed_at.as_millis(),
});

pub(crate) async fn snapshot(
    client: &Client,
    workspace: &WorkspaceId,
    key: &RecordKey,
) -> Result<Option<RecordSnapshot>, Failure> {
    let (owner, kind, id) = (workspace.as_str(), key.kind.as_str(), key.id.as_str());
    let rows = scoped::query(client, workspace, RECORD, &[&owner, &kind, &id]).await?;
    let record = rows.first().map(record).transpose()?;
    Ok(record.and_then(|record| live(key.id.clone(), record)))
}

pub(crate) async fn page(
    client: &Client,
    workspace: &WorkspaceId,
    query: &PageQuery,
) -> Result<Page, Failure> {
    let after = query.after.as_ref().map_or("", RecordId::as_str);
    let (kind, limit) = (query.kind.as_str(), i64::from(query.limit) + 1);
    let id = workspace.as_str();
    let parameters: [&(dyn ToSql + Sync); 5] = [&id, &kind, &after, &limit, &PAGE_BYTES];
    let rows = scoped::query(client, workspace, PAGE, &parameters).await?;
    let mut page = Page::default();
    for row in &rows {
        let snapshot = live(text(row, 4, RecordId::new, "record")?, record(row)?);
        match snapshot {
            Some(snapshot) if page.records.len() < query.limit as usize => page.records.push(snapshot),
            _ => {
                page.more = true;
                break;
            }
        }
    }
    Ok(page)
}

fn live(id: RecordId, record: Record) -> Option<RecordSnapshot> {
    Some(RecordSnapshot {
        id,
        version: record.version,
        data: record.data?,
        updated_at: record.updated_at,
        updated_by: record.updated_by,
    })
}

fn keyed_record(row: &Row) -> Result<(RecordKey, Record), Failure> {
    let kind = text(row, 4, RecordKind::new, "record")?;
    let id = text(row, 5, RecordId::new, "record")?;
    Ok((RecordKey::new(kind, id), record(row)?))
}

fn record(row: &Row) -> Result<Record, Failure> {
    let data: Option<&str> = column(row, 1, "record")?;
    Ok(Record {
        version: number(column(row, 0, "record")?, Version::new, "record")?,
        data: data.map(serde_json::from_str).transpose().map_err(|_| bad_row("record"))?,
        updated_by: text(row, 2, UserId::new, "record")?,
        updated_at: Timestamp::from_millis(column(row, 3, "record")?),
    })
}

fn receipt(row: &Row) -> Result<(UserId, Receipt), Failure> {
    let bad = || bad_row("receipt");
    let fingerprint: &[u8] = column(row, 3, "receipt")?;
    let verdict: &str = column(row, 4, "receipt")?;
    let result: Option<&str> = column(row, 5, "receipt")?;
    let receipt = Receipt {
        idempotency_key: text(row, 1, IdempotencyKey::new, "receipt")?,
        command_id: CommandId::from_uuid(column(row, 2, "receipt")?),
        fingerprint: Fingerprint(fingerprint.try_into().map_err(|_| bad())?),
        verdict: serde_json::from_str(verdict).map_err(|_| bad())?,
        result: result.map_or(Ok(Value::Null), serde_json::from_str).map_err(|_| bad())?,
        received_at: Timestamp::from_millis(column(row, 6, "receipt")?),
    };
    Ok((text(row, 0, UserId::new, "receipt")?, receipt))
}

/// The role in the first column.
pub(crate) fn role(row: &Row) -> Result<Role, Failure> {
    text(row, 0, Role::new, "member")
}

pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize, table: &'static str) -> Result<T, Failure> {
    row.try_get(at).map_err(|_| bad_row(table))
}

pub(crate) fn text<'a, T, E>(
    row: &'a Row,
    at: usize,
    read: impl Fn(&'a str) -> Result<T, E>,
    table: &'static str,
) -> Result<T, Failure> {
    read(column(row, at, table)?).map_err(|_| bad_row(table))
}

pub(crate) fn number<T, E>(
    value: i64,
    read: impl Fn(u64) -> Result<T, E>,
    table: &'static str,
) -> Result<T, Failure> {
    u64::try_from(value).ok().and_then(|value| read(value).ok()).ok_or_else(|| bad_row(table))
}

/// The protocol's numbers are below 2^53.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).expect("BUG: the protocol's numbers are below 2^53")
}
