use js_sys::{Array, Object};
use offline_core::{JournalEntry, JournalOutcome, JournalQuery, StoreError};
use offline_protocol::{CommandId, RecordKey, Version};
use wasm_bindgen::{JsCast, JsValue, prelude::*};
use web_sys::{IdbCursorDirection, IdbCursorWithValue};

use super::{
    keys::{after, between, encode, number, starting_with, to_number, up_to},
    meta::Tally,
    schema::{BY_ID, BY_VERSIONS, JOURNAL},
};
use crate::{
    idb::{DbError, Failure, Pending, Transaction},
    read::read_list,
};

/// Entries in a row: enough that a large batch needs few requests, few enough that one entry is read quickly.
const ENTRIES_PER_ROW: usize = 64;

/// Rows that are read at a time when old entries are looked for.
const ROWS_PER_READ: u32 = 32;

#[wasm_bindgen]
extern "C" {
    /// A row of `journal`: entries in the order of settling, and what the indexes need.
    #[wasm_bindgen(extends = Object)]
    type JournalRow;

    /// Its place, given by the store.
    #[wasm_bindgen(method, getter)]
    fn at(this: &JournalRow) -> f64;
    #[wasm_bindgen(method, setter)]
    fn set_at(this: &JournalRow, at: f64);
    /// How many entries it has.
    #[wasm_bindgen(method, getter)]
    fn size(this: &JournalRow) -> f64;
    #[wasm_bindgen(method, setter)]
    fn set_size(this: &JournalRow, size: f64);
    #[wasm_bindgen(method, setter)]
    fn set_id(this: &JournalRow, ids: &Array);
    #[wasm_bindgen(method, setter)]
    fn set_versions(this: &JournalRow, versions: &Array);
    #[wasm_bindgen(method, getter)]
    fn body(this: &JournalRow) -> String;
    #[wasm_bindgen(method, setter)]
    fn set_body(this: &JournalRow, body: &str);
}

impl JournalRow {
    fn of(entries: &[JournalEntry]) -> Self {
        let row: Self = Object::new().unchecked_into();
        row.set_size(entries.len() as f64);
        row.set_id(&entries.iter().map(|entry| id_key(entry.command.command_id)).collect());
        row.set_versions(&entries.iter().flat_map(version_keys).collect());
        row.set_body(&encode(&entries));
        row
    }

    fn entries(&self) -> Result<Vec<JournalEntry>, StoreError> {
        read_list(&self.body()).ok_or(StoreError::Corrupt { what: "journal entry" })
    }
}

fn id_key(id: CommandId) -> JsValue {
    id.to_string().into()
}

/// `[record, version, command id]` of each record that the command wrote.
fn version_keys(entry: &JournalEntry) -> Vec<JsValue> {
    let JournalOutcome::Applied { versions, .. } = &entry.outcome else { return Vec::new() };
    let id = id_key(entry.command.command_id);
    let key = |version: &offline_protocol::RecordVersion| {
        let record = RecordKey::new(version.kind.clone(), version.id.clone()).to_string();
        Array::of3(&record.into(), &number(version.version.get()), &id).into()
    };
    versions.iter().map(key).collect()
}

/// Writes entries at the end.
pub(super) fn write(tx: &Transaction, entries: &[JournalEntry]) -> Result<(), DbError> {
    let store = tx.store(JOURNAL)?;
    for entries in entries.chunks(ENTRIES_PER_ROW) {
        store.add(&JournalRow::of(entries)).map_err(DbError::thrown)?;
    }
    Ok(())
}

/// The row that holds the entry of this command, as an answer to come; undefined when there is none.
pub(super) fn ask_row(tx: &Transaction, id: CommandId) -> Result<Pending<'_>, DbError> {
    let index = tx.store(JOURNAL)?.index(BY_ID).map_err(DbError::thrown)?;
    tx.pending(index.get(&id_key(id)))
}

/// The entry of this command in the answer to [`ask_row`].
pub(super) fn entry_in(row: &JsValue, id: CommandId) -> Result<Option<JournalEntry>, StoreError> {
    if row.is_undefined() {
        return Ok(None);
    }
    let row: &JournalRow = row.unchecked_ref();
    Ok(row.entries()?.into_iter().find(|entry| entry.command.command_id == id))
}

/// The applied command that gave a record its highest version, as an answer to come.
pub(super) fn ask_highest<'t>(tx: &'t Transaction, record: &RecordKey) -> Result<Pending<'t>, DbError> {
    let index = tx.store(JOURNAL)?.index(BY_VERSIONS).map_err(DbError::thrown)?;
    let range = starting_with(&record.to_string())?;
    tx.pending(index.open_key_cursor_with_range_and_direction(&range, IdbCursorDirection::Prev))
}

/// The answer to [`ask_highest`].
pub(super) fn highest_in(answer: JsValue) -> Result<Option<(CommandId, Version)>, Failure> {
    let Ok(cursor) = answer.dyn_into::<web_sys::IdbCursor>() else { return Ok(None) };
    let key: Array = cursor.key().map_err(DbError::thrown)?.unchecked_into();
    let corrupt = || StoreError::Corrupt { what: "journal key" };
    let version = to_number(&key.get(1)).and_then(|version| Version::new(version).ok());
    let id = key.get(2).as_string().and_then(|id| CommandId::new(id).ok());
    Ok(Some((id.ok_or_else(corrupt)?, version.ok_or_else(corrupt)?)))
}

/// How many entries have one of these ids or one between them, as an answer to come.
pub(super) fn ask_count<'t>(tx: &'t Transaction, ids: &[String]) -> Result<Pending<'t>, DbError> {
    let index = tx.store(JOURNAL)?.index(BY_ID).map_err(DbError::thrown)?;
    let key = |id: Option<&String>| id.map_or(JsValue::UNDEFINED, |id| id.into());
    let range = between(&key(ids.iter().min()), &key(ids.iter().max()))?;
    tx.pending(index.count_with_key(&range))
}

/// Answers [`offline_core::OutboxStore::journal`].
pub(super) async fn read(tx: &Transaction, query: &JournalQuery) -> Result<Vec<JournalEntry>, Failure> {
    match query {
        JournalQuery::Latest { limit } => latest(tx, *limit).await,
        JournalQuery::Ids(ids) => by_ids(tx, ids).await,
    }
}

async fn latest(tx: &Transaction, limit: usize) -> Result<Vec<JournalEntry>, Failure> {
    let mut entries = Vec::new();
    if limit == 0 {
        return Ok(entries);
    }
    let request =
        tx.store(JOURNAL)?.open_cursor_with_range_and_direction(&JsValue::NULL, IdbCursorDirection::Prev);
    let mut answers = tx.pending(request)?;
    while let Ok(cursor) = answers.next().await?.dyn_into::<IdbCursorWithValue>() {
        let row: JournalRow = cursor.value().map_err(DbError::thrown)?.unchecked_into();
        let mut newest_first = row.entries()?;
        newest_first.reverse();
        entries.append(&mut newest_first);
        if entries.len() >= limit {
            entries.truncate(limit);
            break;
        }
        cursor.continue_().map_err(DbError::thrown)?;
    }
    Ok(entries)
}

async fn by_ids(tx: &Transaction, ids: &[CommandId]) -> Result<Vec<JournalEntry>, Failure> {
    let index = tx.store(JOURNAL)?.index(BY_ID).map_err(DbError::thrown)?;
    let places: Result<Vec<Pending<'_>>, DbError> =
        ids.iter().map(|id| tx.pending(index.get_key(&id_key(*id)))).collect();
    // Neighbours stand in one row.
    let mut last_row = (0, Vec::new());
    let mut found = Vec::new();
    for (id, place) in ids.iter().zip(places?) {
        let Some(place) = to_number(&place.await?) else { continue };
        if last_row.0 != place {
            let row = tx.pending(tx.store(JOURNAL)?.get(&number(place)))?.await?;
            last_row = (place, row.unchecked_ref::<JournalRow>().entries()?);
        }
        found.extend(last_row.1.iter().find(|entry| entry.command.command_id == *id).cloned());
    }
    Ok(found)
}

/// Answers [`offline_core::OutboxStore::prune_journal`]: from the oldest row on, as many entries as are too many.
pub(super) async fn prune(tx: &Transaction, keep: usize) -> Result<u64, Failure> {
    let mut tally = Tally::from_answer(&Tally::ask(tx)?.await?)?;
    let excess = tally.journaled.saturating_sub(keep as u64);
    if excess == 0 {
        return Ok(0);
    }
    let store = tx.store(JOURNAL)?;
    let mut left = excess;
    let mut last = number(0);
    let mut shortened = None;
    'rows: loop {
        let range = after(&last)?;
        let rows = tx.pending(store.get_all_with_key_and_limit(&range, ROWS_PER_READ))?.await?;
        let rows: Array = rows.unchecked_into();
        if rows.length() == 0 {
            break;
        }
        for row in rows.iter().map(JsCast::unchecked_into::<JournalRow>) {
            let size = to_number(&row.size().into()).unwrap_or(0);
            if size > left {
                let entries = row.entries()?;
                let rest = JournalRow::of(entries.get(left as usize..).unwrap_or_default());
                rest.set_at(row.at());
                shortened = (left > 0).then_some(rest);
                break 'rows;
            }
            left -= size;
            last = row.at().into();
        }
    }
    store.delete(&up_to(&last)?).map_err(DbError::thrown)?;
    if let Some(rest) = shortened {
        store.put(&rest).map_err(DbError::thrown)?;
    }
    tally.journaled = keep as u64;
    tally.put(tx)?;
    Ok(excess)
}
