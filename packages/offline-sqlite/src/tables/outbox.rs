use std::collections::BTreeSet;

use offline_core::{Appended, NewCommand, OutboxCommand, OutboxQuery, Status, StoreError, store_rules};
use offline_protocol::{CommandId, RecordKey, ToJson, from_json};
use rusqlite::{Row, params};

use super::{journal, limit};
use crate::transaction::{Transaction, signed};

/// A stored command before it is read: its JSON, and whether it is in flight.
type Stored = (String, bool);

pub(crate) fn append(
    transaction: &mut Transaction<'_>,
    commands: &mut [NewCommand],
) -> Result<Vec<Appended>, StoreError> {
    commands.iter_mut().map(|new| append_one(transaction, new)).collect()
}

fn append_one(transaction: &mut Transaction<'_>, new: &mut NewCommand) -> Result<Appended, StoreError> {
    let given = new.command.expected;
    let mut expected = given;
    if let Some(key) = store_rules::chains_on(new) {
        let unsettled = last_on(transaction, key)?;
        let journaled = journal::highest(transaction, key)?;
        expected = store_rules::chained(given, unsettled, journaled);
    }
    let command = &mut new.command;
    command.seq = transaction.next_seq()?;
    command.expected = expected;
    let body = command.to_text();
    // It may be appended once more, after this transaction was rolled back.
    command.expected = given;
    let id = &command.command_id;
    let sql = "INSERT INTO outbox (seq, command_id, status, body) SELECT ?1, ?2, ?3, ?4
        WHERE NOT EXISTS (SELECT 1 FROM journal WHERE command_id = ?2) ON CONFLICT (command_id) DO NOTHING";
    let (seq, status) = (signed(command.seq.get()), command.status.as_str());
    if transaction.execute(sql, params![seq, id.as_uuid().as_bytes(), status, body])? == 0 {
        transaction.give_back_seq();
        let known = match get(transaction, id)? {
            Some(command) => command,
            None => journal::get(transaction, id)?.ok_or(StoreError::Corrupt { what: "outbox" })?.command,
        };
        return Ok(Appended { seq: known.seq, expected: known.expected, duplicate: true });
    }
    touch(transaction, command)?;
    transaction.came(command.status)?;
    Ok(Appended { seq: command.seq, expected, duplicate: false })
}

pub(crate) fn list(
    transaction: &Transaction<'_>,
    query: &OutboxQuery,
) -> Result<Vec<OutboxCommand>, StoreError> {
    let stored = match query {
        OutboxQuery::Seq { after, limit: most } => {
            let sql = "SELECT o.body, f.seq IS NOT NULL FROM outbox o LEFT JOIN flight f ON f.seq = o.seq
                WHERE o.seq > ?1 ORDER BY o.seq LIMIT ?2";
            let after = after.map_or(0, |after| signed(after.get()));
            transaction.rows(sql, params![after, limit(*most)], stored)?
        }
        OutboxQuery::Ids(ids) => {
            let ids: BTreeSet<_> = ids.iter().collect();
            let found = ids.into_iter().map(|id| get(transaction, id));
            let mut found: Vec<_> = found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            found.sort_unstable_by_key(|command: &OutboxCommand| command.seq);
            return Ok(found);
        }
        OutboxQuery::Record(key) => {
            let sql = "SELECT o.body, f.seq IS NOT NULL FROM touches t JOIN outbox o ON o.seq = t.seq
                LEFT JOIN flight f ON f.seq = o.seq WHERE t.kind = ?1 AND t.id = ?2 ORDER BY t.seq";
            transaction.rows(sql, params![key.kind.as_str(), key.id.as_str()], stored)?
        }
        OutboxQuery::Parked => {
            let sql = "SELECT body, 0 FROM outbox WHERE status <> 'PENDING' ORDER BY seq";
            transaction.rows(sql, [], stored)?
        }
    };
    stored.into_iter().map(read).collect()
}

/// A command of the outbox.
pub(super) fn get(
    transaction: &Transaction<'_>,
    id: &CommandId,
) -> Result<Option<OutboxCommand>, StoreError> {
    let sql = "SELECT o.body, f.seq IS NOT NULL FROM outbox o LEFT JOIN flight f ON f.seq = o.seq WHERE o.command_id = ?1";
    transaction.row(sql, [id.as_uuid().as_bytes()], stored)?.map(read).transpose()
}

/// Writes a command that stands in the outbox as it is now. It is in no flight any more.
pub(super) fn put(
    transaction: &mut Transaction<'_>,
    before: Status,
    command: &OutboxCommand,
) -> Result<(), StoreError> {
    let sql = "UPDATE outbox SET status = ?2, body = ?3 WHERE seq = ?1";
    let body = command.to_text();
    transaction.execute(sql, params![signed(command.seq.get()), command.status.as_str(), body])?;
    transaction.went(before)?;
    transaction.came(command.status)
}

/// Takes a command out of the outbox.
pub(super) fn remove(
    transaction: &mut Transaction<'_>,
    before: Status,
    command: &OutboxCommand,
) -> Result<(), StoreError> {
    untouch(transaction, command)?;
    transaction.execute("DELETE FROM outbox WHERE seq = ?1", [signed(command.seq.get())])?;
    transaction.went(before)
}

/// Writes down which records a command touches.
pub(super) fn touch(transaction: &Transaction<'_>, command: &OutboxCommand) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO touches (kind, id, seq) VALUES (?1, ?2, ?3)";
    for key in &command.touches {
        transaction.execute(sql, params![key.kind.as_str(), key.id.as_str(), signed(command.seq.get())])?;
    }
    Ok(())
}

/// Forgets which records a command touches.
pub(super) fn untouch(transaction: &Transaction<'_>, command: &OutboxCommand) -> Result<(), StoreError> {
    let sql = "DELETE FROM touches WHERE kind = ?1 AND id = ?2 AND seq = ?3";
    for key in &command.touches {
        transaction.execute(sql, params![key.kind.as_str(), key.id.as_str(), signed(command.seq.get())])?;
    }
    Ok(())
}

/// The unsettled command on a record with the highest seq.
fn last_on(transaction: &Transaction<'_>, key: &RecordKey) -> Result<Option<CommandId>, StoreError> {
    let sql = "SELECT o.command_id FROM touches t JOIN outbox o ON o.seq = t.seq
        WHERE t.kind = ?1 AND t.id = ?2 ORDER BY t.seq DESC LIMIT 1";
    transaction.row(sql, params![key.kind.as_str(), key.id.as_str()], |row| command_id(row, 0))
}

pub(super) fn command_id(row: &Row<'_>, column: usize) -> rusqlite::Result<CommandId> {
    let bytes: [u8; 16] = row.get(column)?;
    Ok(CommandId::from_uuid(uuid::Uuid::from_bytes(bytes)))
}

pub(super) fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok((row.get(0)?, row.get(1)?))
}

pub(crate) fn read((body, in_flight): Stored) -> Result<OutboxCommand, StoreError> {
    let mut command: OutboxCommand = from_json(&body).ok_or(StoreError::Corrupt { what: "command" })?;
    if in_flight {
        command.status = Status::InFlight;
    }
    Ok(command)
}
