use std::collections::HashSet;

use js_sys::{Array, Object};
use offline_core::{OutboxCommand, OutboxQuery, Status, StoreError};
use offline_protocol::{CommandId, RecordKey, Seq};
use wasm_bindgen::{JsCast, JsValue, prelude::*};
use web_sys::{IdbCursorDirection, IdbCursorWithValue};

use super::{
    flight::Flights,
    keys::{self, between, decode, encode, number, to_number},
    schema::{BY_ID, BY_PARKED, BY_TOUCHES, COMMANDS},
};
use crate::{
    idb::{DbError, Failure, Pending, Transaction},
    runs::Runs,
};

/// Up to how many ids are looked up one by one.
const FEW: usize = 4;

/// How many rows between the first and the last asked one may be of no interest before single requests are cheaper.
const SPARE: usize = 32;

#[wasm_bindgen]
extern "C" {
    /// A row of `commands`. Beside the body it has only what an index needs.
    #[wasm_bindgen(extends = Object)]
    type CommandRow;

    #[wasm_bindgen(method, getter)]
    fn seq(this: &CommandRow) -> f64;
    #[wasm_bindgen(method, setter)]
    fn set_seq(this: &CommandRow, seq: f64);
    #[wasm_bindgen(method, getter)]
    fn id(this: &CommandRow) -> String;
    #[wasm_bindgen(method, setter)]
    fn set_id(this: &CommandRow, id: &str);
    #[wasm_bindgen(method, setter)]
    fn set_touches(this: &CommandRow, touches: &Array);
    #[wasm_bindgen(method, setter)]
    fn set_parked(this: &CommandRow, parked: f64);
    #[wasm_bindgen(method, getter)]
    fn body(this: &CommandRow) -> String;
    #[wasm_bindgen(method, setter)]
    fn set_body(this: &CommandRow, body: &str);
}

/// The row of a command. Without a seq of its own the store gives it the next one, and the body's is of no account.
pub(super) fn to_row(command: &OutboxCommand, seq: Option<Seq>) -> JsValue {
    let row: CommandRow = Object::new().unchecked_into();
    if let Some(seq) = seq {
        row.set_seq(seq.get() as f64);
    }
    row.set_id(&command.command_id.to_string());
    let touches: Array = command.touches.iter().map(|key| JsValue::from_str(&key.to_string())).collect();
    row.set_touches(&touches);
    if command.status.is_parked() {
        row.set_parked(1.0);
    }
    row.set_body(&encode(command));
    row.into()
}

/// Puts a changed command back in its place.
pub(super) fn put(tx: &Transaction, command: &OutboxCommand) -> Result<(), DbError> {
    tx.store(COMMANDS)?.put(&to_row(command, Some(command.seq))).map_err(DbError::thrown)?;
    Ok(())
}

/// Deletes the rows of these seqs.
pub(super) fn delete(tx: &Transaction, seqs: &Runs) -> Result<(), DbError> {
    let store = tx.store(COMMANDS)?;
    for (first, last) in seqs.iter() {
        store.delete(&between(&number(*first), &number(*last))?).map_err(DbError::thrown)?;
    }
    Ok(())
}

/// Reads a row; its command is IN_FLIGHT when one of the flights says so.
pub(super) fn from_row(row: &JsValue, flights: &Flights) -> Result<OutboxCommand, StoreError> {
    const WHAT: &str = "command";
    let row: &CommandRow = row.unchecked_ref();
    let mut command: OutboxCommand = decode(&row.body(), WHAT)?;
    let seq = to_number(&row.seq().into()).unwrap_or(0);
    command.seq = Seq::new(seq).map_err(|_| StoreError::Corrupt { what: WHAT })?;
    // The flight decides, not the body: taking off and landing do not write rows.
    command.status = match command.status {
        Status::InFlight | Status::Pending if flights.contain(seq) => Status::InFlight,
        Status::InFlight => Status::Pending,
        other => other,
    };
    Ok(command)
}

fn from_rows(rows: JsValue, flights: &Flights) -> Result<Vec<OutboxCommand>, Failure> {
    let rows: Array = rows.unchecked_into();
    rows.iter().map(|row| Ok(from_row(&row, flights)?)).collect()
}

/// Answers [`offline_core::OutboxStore::list`].
pub(super) async fn list(tx: &Transaction, query: &OutboxQuery) -> Result<Vec<OutboxCommand>, Failure> {
    let flights = Flights::ask(tx)?;
    let store = tx.store(COMMANDS)?;
    let rows = match query {
        OutboxQuery::Seq { limit: 0, .. } => return Ok(Vec::new()),
        OutboxQuery::Seq { after, limit } => {
            let range = keys::after(&number(after.map_or(0, Seq::get)))?;
            let limit = u32::try_from(*limit).unwrap_or(u32::MAX);
            store.get_all_with_key_and_limit(&range, limit)
        }
        OutboxQuery::Ids(ids) => {
            let flights = Flights::from_answer(&flights.await?)?;
            return by_ids(tx, ids, &flights).await;
        }
        OutboxQuery::Record(key) => {
            store.index(BY_TOUCHES).map_err(DbError::thrown)?.get_all_with_key(&key.to_string().into())
        }
        OutboxQuery::Parked => store.index(BY_PARKED).map_err(DbError::thrown)?.get_all(),
    };
    let rows = tx.pending(rows)?;
    let flights = Flights::from_answer(&flights.await?)?;
    from_rows(rows.await?, &flights)
}

/// The commands of these ids, as far as they are there, in the order of their seqs.
pub(super) async fn by_ids(
    tx: &Transaction,
    ids: &[CommandId],
    flights: &Flights,
) -> Result<Vec<OutboxCommand>, Failure> {
    let mut missing: HashSet<CommandId> = ids.iter().copied().collect();
    let mut found = Vec::new();
    if missing.len() > FEW {
        found = between_ids(tx, ids, flights).await?;
        found.retain(|command| missing.remove(&command.command_id));
    }
    let asked: Result<Vec<Pending<'_>>, DbError> = missing.into_iter().map(|id| ask_row(tx, id)).collect();
    for answer in asked? {
        let row = answer.await?;
        if !row.is_undefined() {
            let command = from_row(&row, flights)?;
            let place = found.partition_point(|other| other.seq < command.seq);
            found.insert(place, command);
        }
    }
    Ok(found)
}

/// The row of that id, as an answer to come; undefined when there is none.
pub(super) fn ask_row(tx: &Transaction, id: CommandId) -> Result<Pending<'_>, DbError> {
    let index = tx.store(COMMANDS)?.index(BY_ID).map_err(DbError::thrown)?;
    tx.pending(index.get(&id.to_string().into()))
}

/// The row of the last command that touches a record, as an answer to come.
pub(super) fn ask_last_touching<'t>(tx: &'t Transaction, key: &RecordKey) -> Result<Pending<'t>, DbError> {
    let index = tx.store(COMMANDS)?.index(BY_TOUCHES).map_err(DbError::thrown)?;
    let key = key.to_string().into();
    tx.pending(index.open_cursor_with_range_and_direction(&key, IdbCursorDirection::Prev))
}

/// The id in the answer to [`ask_last_touching`].
pub(super) fn id_in(answer: JsValue) -> Result<Option<CommandId>, Failure> {
    let Ok(cursor) = answer.dyn_into::<IdbCursorWithValue>() else { return Ok(None) };
    let row: CommandRow = cursor.value().map_err(DbError::thrown)?.unchecked_into();
    Ok(Some(CommandId::new(row.id()).map_err(|_| StoreError::Corrupt { what: "command" })?))
}

/// All rows from the first id's to the last one's, for ids that are likely neighbours: two round trips for any number of them. Some may be
/// missing from the answer, and others may be in it.
async fn between_ids(
    tx: &Transaction,
    ids: &[CommandId],
    flights: &Flights,
) -> Result<Vec<OutboxCommand>, Failure> {
    let store = tx.store(COMMANDS)?;
    let index = store.index(BY_ID).map_err(DbError::thrown)?;
    let seq_of = |id: Option<&CommandId>| {
        let key = id.map_or(JsValue::UNDEFINED, |id| id.to_string().into());
        tx.pending(index.get_key(&key))
    };
    let (first, last) = (seq_of(ids.first())?, seq_of(ids.last())?);
    let (Some(first), Some(last)) = (to_number(&first.await?), to_number(&last.await?)) else {
        return Ok(Vec::new());
    };
    let range = between(&number(first.min(last)), &number(first.max(last)))?;
    let limit = u32::try_from(ids.len() + SPARE).unwrap_or(u32::MAX);
    from_rows(tx.pending(store.get_all_with_key_and_limit(&range, limit))?.await?, flights)
}

/// The commands of these seqs, in their order.
pub(super) async fn by_seqs(
    tx: &Transaction,
    seqs: &Runs,
    flights: &Flights,
) -> Result<Vec<OutboxCommand>, Failure> {
    let store = tx.store(COMMANDS)?;
    let asked: Result<Vec<Pending<'_>>, DbError> = seqs
        .iter()
        .map(|(first, last)| tx.pending(store.get_all_with_key(&between(&number(*first), &number(*last))?)))
        .collect();
    let mut commands = Vec::new();
    for answer in asked? {
        commands.append(&mut from_rows(answer.await?, flights)?);
    }
    Ok(commands)
}
