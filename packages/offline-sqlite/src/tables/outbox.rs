use std::collections::BTreeSet;

use offline_core::{Appended, NewCommand, OutboxCommand, OutboxQuery, Status, StoreError, store_rules};
use offline_protocol::{CommandId, Json, RecordKey, Seq, ToJson, from_json};
use rusqlite::{Row, params};

use super::{
    journal, limit,
    runs::{self, Run},
};
use crate::transaction::{Transaction, signed};

pub(crate) fn append(
    transaction: &mut Transaction<'_>,
    commands: &mut [NewCommand],
) -> Result<Vec<Appended>, StoreError> {
    commands.iter_mut().map(|new| append_one(transaction, new)).collect()
}

/// A command's JSON, with room for it from the start.
fn body_of(command: &OutboxCommand) -> String {
    let mut json = Json::with_capacity(command.payload.as_str().len() + 1024);
    command.write(&mut json);
    json.into_text()
}

fn append_one(transaction: &mut Transaction<'_>, new: &mut NewCommand) -> Result<Appended, StoreError> {
    let given = new.command.expected;
    let mut expected = given;
    if let Some(key) = store_rules::chains_on(new) {
        let unsettled = last_on(transaction, key)?;
        let journaled = if unsettled.is_none() { journal::highest(transaction, key)? } else { None };
        expected = store_rules::chained(given, unsettled, journaled);
    }
    let command = &mut new.command;
    command.seq = transaction.next_seq()?;
    command.expected = expected;
    let body = body_of(command);
    // It may be appended once more, after this transaction was rolled back.
    command.expected = given;
    let id = &command.command_id;
    let sql = "INSERT INTO outbox (seq, command_id, status, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (command_id) DO NOTHING";
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
    transaction: &mut Transaction<'_>,
    query: &OutboxQuery,
) -> Result<Vec<OutboxCommand>, StoreError> {
    match query {
        OutboxQuery::Seq { after, limit } => after_seq(transaction, *after, *limit),
        OutboxQuery::Ids(ids) => {
            let ids: BTreeSet<_> = ids.iter().collect();
            let found = ids.into_iter().map(|id| get(transaction, id));
            let mut found: Vec<_> = found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            found.sort_unstable_by_key(|command: &OutboxCommand| command.seq);
            Ok(found)
        }
        OutboxQuery::Record(key) => {
            let found = seqs_on(transaction, key, Order::First)?.into_iter().map(|seq| {
                let sql = "SELECT body FROM outbox WHERE seq = ?1";
                let body: String = transaction.row(sql, [seq], |row| row.get(0))?.ok_or(CORRUPT)?;
                read(&body)
            });
            let found = found.collect::<Result<_, _>>()?;
            mark_flying(transaction, found)
        }
        // None of these is settled or in flight.
        OutboxQuery::Parked => {
            let sql = "SELECT body FROM outbox WHERE status <> 'PENDING' ORDER BY seq";
            let bodies: Vec<String> = transaction.rows(sql, [], |row| row.get(0))?;
            bodies.iter().map(|body| read(body)).collect()
        }
    }
}

const CORRUPT: StoreError = StoreError::Corrupt { what: "command" };

/// The unsettled ones, from one settled run to the next. Those that are not in flight are remembered.
fn after_seq(
    transaction: &mut Transaction<'_>,
    after: Option<Seq>,
    most: usize,
) -> Result<Vec<OutboxCommand>, StoreError> {
    let mut from = after.map_or(1, |after| signed(after.get()) + 1).max(signed(transaction.partition.head));
    let mut found = Vec::new();
    while found.len() < most {
        if let Some(run) = runs::settled(transaction, from)? {
            from = run.last + 1;
            continue;
        }
        let end = runs::next_settled(transaction, from)?;
        let sql = "SELECT body FROM outbox WHERE seq >= ?1 AND seq < ?2 ORDER BY seq LIMIT ?3";
        let params = params![from, end.unwrap_or(i64::MAX), limit(most - found.len())];
        let bodies: Vec<String> = transaction.rows(sql, params, |row| row.get(0))?;
        for body in &bodies {
            found.push(read(body)?);
        }
        match end {
            Some(end) => from = end,
            None => break,
        }
    }
    let found = mark_flying(transaction, found)?;
    transaction.memory.keep(transaction.partition.edits, &found);
    Ok(found)
}

fn mark_flying(
    transaction: &Transaction<'_>,
    mut commands: Vec<OutboxCommand>,
) -> Result<Vec<OutboxCommand>, StoreError> {
    let flying = runs::flying(transaction)?;
    for command in &mut commands {
        if Run::of(&flying, command.seq).is_some() {
            command.status = Status::InFlight;
        }
    }
    Ok(commands)
}

/// A command of the outbox.
pub(super) fn get(
    transaction: &Transaction<'_>,
    id: &CommandId,
) -> Result<Option<OutboxCommand>, StoreError> {
    let sql = "SELECT seq, body FROM outbox WHERE command_id = ?1";
    let found: Option<(i64, String)> =
        transaction.row(sql, [id.as_uuid().as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((seq, body)) = found else { return Ok(None) };
    if runs::settled(transaction, seq)?.is_some() {
        return Ok(None);
    }
    let command = mark_flying(transaction, vec![read(&body)?])?;
    Ok(command.into_iter().next())
}

/// The commands of runs, as they stand in the outbox.
pub(super) fn of_runs(transaction: &Transaction<'_>, runs: &[Run]) -> Result<Vec<OutboxCommand>, StoreError> {
    let mut found = Vec::new();
    for run in runs {
        let sql = "SELECT body FROM outbox WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq";
        let bodies: Vec<String> = transaction.rows(sql, [run.first, run.last], |row| row.get(0))?;
        for body in &bodies {
            found.push(read(body)?);
        }
    }
    Ok(found)
}

/// Writes a command that stands in the outbox as it is now. It is in no flight any more.
pub(super) fn put(
    transaction: &mut Transaction<'_>,
    before: Status,
    command: &OutboxCommand,
) -> Result<(), StoreError> {
    let sql = "UPDATE outbox SET status = ?2, body = ?3 WHERE seq = ?1";
    let body = body_of(command);
    transaction.execute(sql, params![signed(command.seq.get()), command.status.as_str(), body])?;
    transaction.partition.edits += 1;
    transaction.went(before)?;
    transaction.came(command.status)
}

/// Writes down which records a command touches.
pub(super) fn touch(transaction: &Transaction<'_>, command: &OutboxCommand) -> Result<(), StoreError> {
    command.touches.iter().try_for_each(|key| touch_one(transaction, key, command.seq))
}

pub(super) fn touch_one(transaction: &Transaction<'_>, key: &RecordKey, seq: Seq) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO touches (kind, id, seq) VALUES (?1, ?2, ?3)";
    transaction.execute(sql, params![key.kind.as_str(), key.id.as_str(), signed(seq.get())]).map(drop)
}

/// Forgets which records a command touches.
pub(super) fn untouch(transaction: &Transaction<'_>, command: &OutboxCommand) -> Result<(), StoreError> {
    command.touches.iter().try_for_each(|key| untouch_one(transaction, key, signed(command.seq.get())))
}

pub(super) fn untouch_one(
    transaction: &Transaction<'_>,
    key: &RecordKey,
    seq: i64,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM touches WHERE kind = ?1 AND id = ?2 AND seq = ?3";
    transaction.execute(sql, params![key.kind.as_str(), key.id.as_str(), seq]).map(drop)
}

/// Which of the unsettled commands on a record are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// All, the first one first.
    First,
    /// The last one.
    Last,
}

fn seqs_on(transaction: &Transaction<'_>, key: &RecordKey, order: Order) -> Result<Vec<i64>, StoreError> {
    let sql = match order {
        Order::First => "SELECT seq FROM touches WHERE kind = ?1 AND id = ?2 AND seq >= ?3 ORDER BY seq",
        Order::Last => "SELECT seq FROM touches WHERE kind = ?1 AND id = ?2 AND seq >= ?3 ORDER BY seq DESC",
    };
    let head = signed(transaction.partition.head);
    let touching: Vec<i64> =
        transaction.rows(sql, params![key.kind.as_str(), key.id.as_str(), head], |row| row.get(0))?;
    let mut unsettled = Vec::new();
    for seq in touching {
        if runs::settled(transaction, seq)?.is_none() {
            unsettled.push(seq);
            if order == Order::Last {
                break;
            }
        }
    }
    Ok(unsettled)
}

/// The unsettled command on a record with the highest seq.
fn last_on(transaction: &Transaction<'_>, key: &RecordKey) -> Result<Option<CommandId>, StoreError> {
    let last = seqs_on(transaction, key, Order::Last)?;
    last.first().map_or(Ok(None), |seq| id_of(transaction, *seq))
}

/// The command of a seq.
pub(super) fn id_of(transaction: &Transaction<'_>, seq: i64) -> Result<Option<CommandId>, StoreError> {
    transaction.row("SELECT command_id FROM outbox WHERE seq = ?1", [seq], command_id)
}

fn command_id(row: &Row<'_>) -> rusqlite::Result<CommandId> {
    let bytes: [u8; 16] = row.get(0)?;
    Ok(CommandId::from_uuid(uuid::Uuid::from_bytes(bytes)))
}

pub(crate) fn read(body: &str) -> Result<OutboxCommand, StoreError> {
    from_json(body).ok_or(CORRUPT)
}
