use offline_core::{JournalEntry, JournalOutcome, JournalQuery, StoreError};
use offline_protocol::{CommandId, RecordKey, ToJson, Version, from_json};
use rusqlite::params;

use super::{limit, outbox::command_id};
use crate::transaction::{Transaction, signed, unsigned};

pub(crate) fn journal(
    transaction: &Transaction<'_>,
    query: &JournalQuery,
) -> Result<Vec<JournalEntry>, StoreError> {
    match query {
        JournalQuery::Latest { limit: most } => {
            let sql = "SELECT body FROM journal ORDER BY entry DESC LIMIT ?1";
            let bodies: Vec<String> = transaction.rows(sql, [limit(*most)], |row| row.get(0))?;
            bodies.iter().map(|body| read(body)).collect()
        }
        JournalQuery::Ids(ids) => ids.iter().filter_map(|id| get(transaction, id).transpose()).collect(),
    }
}

pub(crate) fn prune(transaction: &Transaction<'_>, keep: usize) -> Result<u64, StoreError> {
    let sql = "SELECT entry FROM journal ORDER BY entry DESC LIMIT 1 OFFSET ?1";
    let last: Option<i64> = transaction.row(sql, [limit(keep)], |row| row.get(0))?;
    let Some(last) = last else { return Ok(0) };
    transaction.execute("DELETE FROM given WHERE entry <= ?1", [last])?;
    transaction.execute("DELETE FROM journal WHERE entry <= ?1", [last])
}

/// An entry of the journal.
pub(super) fn get(transaction: &Transaction<'_>, id: &CommandId) -> Result<Option<JournalEntry>, StoreError> {
    let sql = "SELECT body FROM journal WHERE command_id = ?1";
    let body: Option<String> = transaction.row(sql, [id.as_uuid().as_bytes()], |row| row.get(0))?;
    body.as_deref().map(read).transpose()
}

/// The command of the journal that gave a record its highest version.
pub(super) fn highest(
    transaction: &Transaction<'_>,
    key: &RecordKey,
) -> Result<Option<(CommandId, Version)>, StoreError> {
    let sql = "SELECT j.command_id, g.version FROM given g JOIN journal j ON j.entry = g.entry
        WHERE g.kind = ?1 AND g.id = ?2 ORDER BY g.version DESC, g.entry DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| Ok((command_id(row, 0)?, unsigned(row.get(1)?)));
    let found = transaction.row(sql, params![key.kind.as_str(), key.id.as_str()], read)?;
    let version = |version| Version::new(version).map_err(|_| StoreError::Corrupt { what: "version" });
    found.map(|(id, number)| Ok((id, version(number)?))).transpose()
}

/// Adds an entry at the end.
pub(super) fn push(transaction: &Transaction<'_>, entry: &JournalEntry) -> Result<(), StoreError> {
    let body = entry.to_text();
    let id = entry.command.command_id;
    let sql = "INSERT INTO journal (command_id, body) VALUES (?1, ?2)";
    transaction.execute(sql, params![id.as_uuid().as_bytes(), body])?;
    let JournalOutcome::Applied { versions, .. } = &entry.outcome else { return Ok(()) };
    let place = transaction.connection.last_insert_rowid();
    let sql = "INSERT OR IGNORE INTO given (kind, id, version, entry) VALUES (?1, ?2, ?3, ?4)";
    for given in versions {
        let version = signed(given.version.get());
        transaction.execute(sql, params![given.kind.as_str(), given.id.as_str(), version, place])?;
    }
    Ok(())
}

pub(crate) fn read(body: &str) -> Result<JournalEntry, StoreError> {
    from_json(body).ok_or(StoreError::Corrupt { what: "journal entry" })
}
