//! The statements: rows in, rows out. `workspace_id` comes first in every one of them.

use offline_domain::Record;
use offline_protocol::{
    ChangeSeq, CommandId, Fingerprint, IdempotencyKey, RecordId, RecordKey, RecordSnapshot, Timestamp,
    UserId, Version, WorkspaceId,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::Value;

use crate::{
    Changes, Loaded, Membership, Page, PageQuery, Receipt, Role, StoreError, Wanted, json::json_text,
    store::MAX_LOADED_BYTES,
};

use super::connection::store_error;

/// A page ends when its records' contents come to this many bytes, so that an answer stays small whatever the limit.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// What a row holds and its type cannot: it was written by another program or damaged.
#[derive(Debug, thiserror::Error)]
#[error("a row of the table {0} cannot be read")]
struct BadRow(&'static str);

pub(crate) fn bad_row(table: &'static str) -> StoreError {
    StoreError::Backend(Box::new(BadRow(table)))
}

macro_rules! receipt_columns {
    () => {
        "SELECT idempotency_key, command_id, fingerprint, verdict, result, received_at FROM receipt \
         WHERE workspace_id = ?1 AND user_id = ?2"
    };
}

pub(crate) fn load(
    connection: &Connection,
    membership: &Membership,
    wanted: &Wanted,
    head: ChangeSeq,
) -> Result<Loaded, StoreError> {
    let workspace = membership.workspace_id();
    let mut loaded = Loaded { change_seq: Some(head), ..Loaded::default() };
    let mut bytes = 0;
    let mut take = |key: RecordKey, row: RecordRow| {
        bytes += row.data.as_ref().map_or(0, String::len);
        if bytes > MAX_LOADED_BYTES {
            return Err(StoreError::TooLarge);
        }
        loaded.records.insert(key, row.record()?);
        Ok(())
    };
    for key in &wanted.records {
        if let Some(row) = record_row(connection, workspace, key)? {
            take(key.clone(), row)?;
        }
    }
    for kind in &wanted.kinds {
        let mut statement = connection
            .prepare_cached(
                "SELECT version, data, updated_by, updated_at, id FROM record WHERE workspace_id = ?1 AND kind = ?2",
            )
            .map_err(store_error)?;
        let mut rows = statement.query([workspace.as_str(), kind.as_str()]).map_err(store_error)?;
        while let Some(row) = rows.next().map_err(store_error)? {
            let id: String = row.get(4).map_err(store_error)?;
            let id = RecordId::new(&id).map_err(|_| bad_row("record"))?;
            take(RecordKey::new(kind.clone(), id), RecordRow::read(row, 0).map_err(store_error)?)?;
        }
    }
    for key in &wanted.keys {
        let sql = concat!(receipt_columns!(), " AND idempotency_key = ?3");
        if let Some(receipt) = receipt(connection, sql, membership, key.as_str())? {
            loaded.receipts.insert(key.clone(), receipt);
        }
    }
    for id in &wanted.commands {
        let sql = concat!(receipt_columns!(), " AND command_id = ?3 AND status = 'applied'");
        if let Some(receipt) = receipt(connection, sql, membership, &id.to_string())? {
            loaded.applied.insert(*id, receipt);
        }
    }
    Ok(loaded)
}

/// The place of a workspace's last change.
pub(crate) fn change_seq(connection: &Connection, workspace: &WorkspaceId) -> Result<ChangeSeq, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT change_seq FROM workspace WHERE workspace_id = ?1")
        .map_err(store_error)?;
    let seq: Option<i64> =
        statement.query_row([workspace.as_str()], |row| row.get(0)).optional().map_err(store_error)?;
    let seq = u64::try_from(seq.unwrap_or(0)).map_err(|_| bad_row("workspace"))?;
    ChangeSeq::new(seq).map_err(|_| bad_row("workspace"))
}

fn record_row(
    connection: &Connection,
    workspace: &WorkspaceId,
    key: &RecordKey,
) -> Result<Option<RecordRow>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT version, data, updated_by, updated_at FROM record \
             WHERE workspace_id = ?1 AND kind = ?2 AND id = ?3",
        )
        .map_err(store_error)?;
    statement
        .query_row([workspace.as_str(), key.kind.as_str(), key.id.as_str()], |row| RecordRow::read(row, 0))
        .optional()
        .map_err(store_error)
}

struct RecordRow {
    version: i64,
    data: Option<String>,
    updated_by: String,
    updated_at: i64,
}

impl RecordRow {
    fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            version: row.get(first)?,
            data: row.get(first + 1)?,
            updated_by: row.get(first + 2)?,
            updated_at: row.get(first + 3)?,
        })
    }

    fn record(self) -> Result<Record, StoreError> {
        let read = || {
            let version = Version::new(u64::try_from(self.version).ok()?).ok()?;
            let data = self.data.as_deref().map(serde_json::from_str::<Value>).transpose().ok()?;
            let updated_by = UserId::new(&self.updated_by).ok()?;
            let updated_at = Timestamp::from_millis(self.updated_at);
            Some(Record { version, data, updated_by, updated_at })
        };
        read().ok_or_else(|| bad_row("record"))
    }
}

fn receipt(
    connection: &Connection,
    sql: &str,
    membership: &Membership,
    wanted: &str,
) -> Result<Option<Receipt>, StoreError> {
    type Columns = (String, String, Vec<u8>, String, Option<String>, i64);
    let mut statement = connection.prepare_cached(sql).map_err(store_error)?;
    let columns = statement
        .query_row([membership.workspace_id().as_str(), membership.user_id().as_str(), wanted], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .optional()
        .map_err(store_error)?;
    let Some((key, command, fingerprint, verdict, result, received_at)): Option<Columns> = columns else {
        return Ok(None);
    };
    let read = || {
        Some(Receipt {
            idempotency_key: IdempotencyKey::new(key).ok()?,
            command_id: CommandId::new(command).ok()?,
            fingerprint: Fingerprint(fingerprint.try_into().ok()?),
            verdict: serde_json::from_str(&verdict).ok()?,
            result: result.map_or(Ok(Value::Null), |result| serde_json::from_str(&result)).ok()?,
            received_at: Timestamp::from_millis(received_at),
        })
    };
    read().map(Some).ok_or_else(|| bad_row("receipt"))
}

pub(crate) fn store(
    connection: &Connection,
    membership: &Membership,
    changes: &Changes,
) -> Result<(), StoreError> {
    let workspace = membership.workspace_id().as_str();
    let user = membership.user_id().as_str();
    for receipt in &changes.receipts {
        insert_receipt(connection, workspace, user, receipt)?;
    }
    let mut upsert = connection
        .prepare_cached(
            "INSERT INTO record (workspace_id, kind, id, version, data, updated_by, updated_at, change_seq) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (workspace_id, kind, id) DO UPDATE SET \
             version = excluded.version, data = excluded.data, updated_by = excluded.updated_by, \
             updated_at = excluded.updated_at, change_seq = excluded.change_seq",
        )
        .map_err(store_error)?;
    for stored in &changes.records {
        let (key, record) = (&stored.key, &stored.record);
        upsert
            .execute(params![
                workspace,
                key.kind.as_str(),
                key.id.as_str(),
                integer(record.version.get()),
                record.data.as_ref().map(json_text),
                record.updated_by.as_str(),
                record.updated_at.as_millis(),
                integer(stored.change_seq.get()),
            ])
            .map_err(store_error)?;
    }
    let mut log = connection
        .prepare_cached(
            "INSERT INTO change (workspace_id, seq, kind, id, version, command_id, user_id, changed_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .map_err(store_error)?;
    for change in &changes.log {
        log.execute(params![
            workspace,
            integer(change.seq.get()),
            change.key.kind.as_str(),
            change.key.id.as_str(),
            integer(change.version.get()),
            change.command_id.to_string(),
            user,
            change.changed_at.as_millis(),
        ])
        .map_err(store_error)?;
    }
    Ok(())
}

/// Writes down where a workspace is, once for all that changed it in this transaction.
pub(crate) fn put_change_seq(
    connection: &Connection,
    workspace: &WorkspaceId,
    head: ChangeSeq,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO workspace (workspace_id, change_seq) VALUES (?1, ?2) \
             ON CONFLICT (workspace_id) DO UPDATE SET change_seq = excluded.change_seq",
        )
        .and_then(|mut counter| counter.execute(params![workspace.as_str(), integer(head.get())]))
        .map(drop)
        .map_err(store_error)
}

fn insert_receipt(
    connection: &Connection,
    workspace: &str,
    user: &str,
    receipt: &Receipt,
) -> Result<(), StoreError> {
    let verdict = json_text(&receipt.verdict);
    let result = (!receipt.result.is_null()).then(|| json_text(&receipt.result));
    connection
        .prepare_cached(
            "INSERT INTO receipt (workspace_id, user_id, idempotency_key, command_id, fingerprint, status, \
             verdict, result, received_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                workspace,
                user,
                receipt.idempotency_key.as_str(),
                receipt.command_id.to_string(),
                receipt.fingerprint.0,
                receipt.verdict.status(),
                verdict,
                result,
                receipt.received_at.as_millis(),
            ])
        })
        .map_err(store_error)?;
    Ok(())
}

pub(crate) fn snapshot(
    connection: &Connection,
    membership: &Membership,
    key: &RecordKey,
) -> Result<Option<RecordSnapshot>, StoreError> {
    let row = record_row(connection, membership.workspace_id(), key)?;
    let record = row.map(RecordRow::record).transpose()?;
    Ok(record.and_then(|record| live(key.id.clone(), record)))
}

pub(crate) fn page(
    connection: &Connection,
    membership: &Membership,
    query: &PageQuery,
) -> Result<Page, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT id, version, data, updated_by, updated_at FROM record \
             WHERE workspace_id = ?1 AND kind = ?2 AND id > ?3 AND data IS NOT NULL ORDER BY id LIMIT ?4",
        )
        .map_err(store_error)?;
    let workspace = membership.workspace_id().as_str();
    let after = query.after.as_ref().map_or("", RecordId::as_str);
    let mut rows = statement
        .query(params![workspace, query.kind.as_str(), after, i64::from(query.limit) + 1])
        .map_err(store_error)?;
    let mut page = Page::default();
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(store_error)? {
        if page.records.len() >= query.limit as usize || bytes >= PAGE_BYTES {
            page.more = true;
            break;
        }
        let id: String = row.get(0).map_err(store_error)?;
        let columns = RecordRow::read(row, 1).map_err(store_error)?;
        bytes += columns.data.as_ref().map_or(0, String::len);
        let id = RecordId::new(id).map_err(|_| bad_row("record"))?;
        page.records.extend(live(id, columns.record()?));
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

pub(crate) fn role(
    connection: &Connection,
    workspace: &WorkspaceId,
    user: &UserId,
) -> Result<Option<Role>, StoreError> {
    let role: Option<String> = connection
        .prepare_cached("SELECT role FROM member WHERE workspace_id = ?1 AND user_id = ?2")
        .and_then(|mut statement| {
            statement.query_row([workspace.as_str(), user.as_str()], |row| row.get(0)).optional()
        })
        .map_err(store_error)?;
    role.map(Role::new).transpose().map_err(|_| bad_row("member"))
}

pub(crate) fn put_member(
    connection: &Connection,
    workspace: &WorkspaceId,
    user: &UserId,
    role: &Role,
) -> Result<(), StoreError> {
    connection
        .execute(
            "INSERT INTO member (workspace_id, user_id, role) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET role = excluded.role",
            [workspace.as_str(), user.as_str(), role.as_str()],
        )
        .map_err(store_error)?;
    Ok(())
}

pub(crate) fn remove_member(
    connection: &Connection,
    workspace: &WorkspaceId,
    user: &UserId,
) -> Result<(), StoreError> {
    connection
        .execute(
            "DELETE FROM member WHERE workspace_id = ?1 AND user_id = ?2",
            [workspace.as_str(), user.as_str()],
        )
        .map_err(store_error)?;
    Ok(())
}

/// The protocol's numbers are below 2^53.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).expect("BUG: the protocol's numbers are below 2^53")
}
