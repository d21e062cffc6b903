//! The rows of `commands`. A row is a block: commands that were added together, so that a burst costs few requests.
//!
//! - A row's key is the seq of the last command that was put into it, whatever has left it since. So keys are in the order of the seqs, and
//!   a command stands in the first row whose key is not below its seq.
//! - The browser's key generator numbers the first command of every append. Its body is the command itself, whose seq is the key; every other
//!   body is a list of commands that know theirs. (A database of the first version has only rows of the first sort.)
//! - That a command is IN_FLIGHT follows from the flights, not from the body: taking off and landing do not write rows.

use std::collections::HashSet;

use js_sys::{Array, Object};
use offline_core::{OutboxCommand, OutboxQuery, Status, StoreError};
use offline_protocol::{CommandId, RecordKey, Seq};
use wasm_bindgen::{JsCast, JsValue, prelude::*};
use web_sys::{IdbCursorDirection, IdbCursorWithValue};

use super::{
    flight::Flights,
    keys::{self, between, encode, number, to_number},
    schema::{BY_ID, BY_PARKED, BY_TOUCHES, COMMANDS},
};
use crate::{
    idb::{DbError, Failure, Pending, Transaction},
    read::{read, read_list},
    runs::Runs,
};

/// Commands in a row: enough that a burst needs few requests, few enough that one that is parked is rewritten quickly.
const COMMANDS_PER_ROW: usize = 64;

/// From this size on a row takes no further command, in bytes.
const FULL_ROW: usize = 64 * 1024;

/// How many rows are read at first when nobody knows how many commands they hold.
const FIRST_ROWS: usize = 24;

/// Up to how many ids are looked up one by one.
const FEW: usize = 4;

/// How many rows between the first and the last asked one may be of no interest before single requests are cheaper.
const SPARE: usize = 32;

const CORRUPT: StoreError = StoreError::Corrupt { what: "command" };

#[wasm_bindgen]
extern "C" {
    /// A row of `commands`. Beside the body it has only what an index needs.
    #[wasm_bindgen(extends = Object)]
    type CommandRow;

    #[wasm_bindgen(method, getter)]
    fn seq(this: &CommandRow) -> f64;
    #[wasm_bindgen(method, setter)]
    fn set_seq(this: &CommandRow, seq: f64);
    #[wasm_bindgen(method, setter)]
    fn set_id(this: &CommandRow, ids: &Array);
    #[wasm_bindgen(method, setter)]
    fn set_touches(this: &CommandRow, touches: &Array);
    #[wasm_bindgen(method, setter)]
    fn set_parked(this: &CommandRow, parked: f64);
    #[wasm_bindgen(method, getter)]
    fn body(this: &CommandRow) -> String;
    #[wasm_bindgen(method, setter)]
    fn set_body(this: &CommandRow, body: &str);
}

/// A row that is being written.
#[derive(Default)]
pub(super) struct NewRow {
    ids: Array,
    touches: Array,
    parked: bool,
    bodies: String,
    count: usize,
    last: u64,
}

impl NewRow {
    /// The row of one command that the browser numbers.
    pub(super) fn numbered(command: &OutboxCommand) -> JsValue {
        let mut row = Self::default();
        row.push(command);
        row.finish(None, &row.bodies)
    }

    /// Adds a command that knows its seq.
    pub(super) fn push(&mut self, command: &OutboxCommand) {
        self.ids.push(&command.command_id.to_string().into());
        for key in &command.touches {
            self.touches.push(&key.to_string().into());
        }
        self.parked |= command.status.is_parked();
        self.bodies.push_str(if self.count == 0 { "" } else { "," });
        self.bodies.push_str(&encode(command));
        self.count += 1;
        self.last = command.seq.get();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether it should take no further command.
    pub(super) fn is_full(&self) -> bool {
        self.count >= COMMANDS_PER_ROW || self.bodies.len() >= FULL_ROW
    }

    /// The row of these commands, under the seq of the last one.
    pub(super) fn list(&self) -> JsValue {
        self.list_under(self.last)
    }

    fn list_under(&self, key: u64) -> JsValue {
        self.finish(Some(key), &format!("[{}]", self.bodies))
    }

    fn finish(&self, key: Option<u64>, body: &str) -> JsValue {
        let row: CommandRow = Object::new().unchecked_into();
        if let Some(key) = key {
            row.set_seq(key as f64);
        }
        row.set_id(&self.ids);
        row.set_touches(&self.touches);
        if self.parked {
            row.set_parked(1.0);
        }
        row.set_body(body);
        row.into()
    }
}

/// A row as it was read.
pub(super) struct Block {
    pub(super) key: u64,
    /// In the order of their seqs.
    pub(super) commands: Vec<OutboxCommand>,
}

impl Block {
    /// Reads a row; those of its commands are IN_FLIGHT that one of the flights names.
    pub(super) fn of(row: &JsValue, flights: &Flights) -> Result<Self, StoreError> {
        let row: &CommandRow = row.unchecked_ref();
        let (key, body) = (to_number(&row.seq().into()).unwrap_or(0), row.body());
        let mut commands: Vec<OutboxCommand>;
        if body.starts_with('[') {
            commands = read_list(&body).ok_or(CORRUPT)?;
        } else {
            commands = vec![read(&body).ok_or(CORRUPT)?];
            commands[0].seq = Seq::new(key).map_err(|_| CORRUPT)?;
        }
        for command in &mut commands {
            command.status = match command.status {
                Status::InFlight | Status::Pending if flights.contain(command.seq.get()) => Status::InFlight,
                Status::InFlight => Status::Pending,
                other => other,
            };
        }
        Ok(Self { key, commands })
    }

    fn all_of(rows: JsValue, flights: &Flights) -> Result<Vec<Self>, Failure> {
        let rows: Array = rows.unchecked_into();
        rows.iter().map(|row| Ok(Self::of(&row, flights)?)).collect()
    }
}

/// Puts changed blocks back in their places; empty ones are deleted.
pub(super) fn put(tx: &Transaction, blocks: &[Block]) -> Result<(), DbError> {
    let store = tx.store(COMMANDS)?;
    let (empty, rest): (Vec<&Block>, Vec<&Block>) =
        blocks.iter().partition(|block| block.commands.is_empty());
    let empty: Runs = empty.into_iter().map(|block| block.key).collect();
    for (first, last) in empty.iter() {
        store.delete(&between(&number(*first), &number(*last))?).map_err(DbError::thrown)?;
    }
    for block in rest {
        let mut row = NewRow::default();
        block.commands.iter().for_each(|command| row.push(command));
        store.put(&row.list_under(block.key)).map_err(DbError::thrown)?;
    }
    Ok(())
}

/// Answers [`offline_core::OutboxStore::list`].
pub(super) async fn list(tx: &Transaction, query: &OutboxQuery) -> Result<Vec<OutboxCommand>, Failure> {
    let flights = Flights::from_answer(&Flights::ask(tx)?.await?)?;
    let store = tx.store(COMMANDS)?;
    let index = |name| store.index(name).map_err(DbError::thrown);
    match query {
        OutboxQuery::Seq { after, limit } => page(tx, after.map_or(0, Seq::get), *limit, &flights).await,
        OutboxQuery::Ids(ids) => {
            let wanted: HashSet<CommandId> = ids.iter().copied().collect();
            let blocks = of_ids(tx, ids, &flights).await?;
            Ok(commands(blocks, |command| wanted.contains(&command.command_id)))
        }
        OutboxQuery::Record(key) => {
            let rows = tx.pending(index(BY_TOUCHES)?.get_all_with_key(&key.to_string().into()))?.await?;
            Ok(commands(Block::all_of(rows, &flights)?, |command| command.touches.contains(key)))
        }
        OutboxQuery::Parked => {
            let rows = tx.pending(index(BY_PARKED)?.get_all())?.await?;
            Ok(commands(Block::all_of(rows, &flights)?, |command| command.status.is_parked()))
        }
    }
}

fn commands(blocks: Vec<Block>, wanted: impl Fn(&OutboxCommand) -> bool) -> Vec<OutboxCommand> {
    let mut found: Vec<OutboxCommand> = blocks.into_iter().flat_map(|block| block.commands).collect();
    found.retain(wanted);
    found
}

/// Those after `after`, at most `limit`. Reads a few rows first, and from what these hold guesses how many more it needs.
async fn page(
    tx: &Transaction,
    after: u64,
    limit: usize,
    flights: &Flights,
) -> Result<Vec<OutboxCommand>, Failure> {
    let store = tx.store(COMMANDS)?;
    let (mut found, mut last, mut read) = (Vec::new(), after, 0);
    let mut rows = limit.min(FIRST_ROWS);
    while found.len() < limit {
        let asked = u32::try_from(rows).unwrap_or(u32::MAX);
        let answer = tx.pending(store.get_all_with_key_and_limit(&keys::after(&number(last))?, asked))?;
        let blocks = Block::all_of(answer.await?, flights)?;
        let (count, end) = (blocks.len(), blocks.last().map_or(last, |block| block.key));
        found.append(&mut commands(blocks, |command| command.seq.get() > after));
        if count < rows {
            break;
        }
        (last, read) = (end, read + count);
        let in_a_row = (found.len() / read).max(1);
        rows = limit.saturating_sub(found.len()) / in_a_row + 1;
    }
    found.truncate(limit);
    Ok(found)
}

/// The blocks that hold these commands, as far as they are there, in the order of their keys.
pub(super) async fn of_ids(
    tx: &Transaction,
    ids: &[CommandId],
    flights: &Flights,
) -> Result<Vec<Block>, Failure> {
    let index = tx.store(COMMANDS)?.index(BY_ID).map_err(DbError::thrown)?;
    let ask_key = |id: &CommandId| tx.pending(index.get_key(&id.to_string().into()));
    let mut missing: HashSet<CommandId> = ids.iter().copied().collect();
    let mut found = Vec::new();
    // Ids that are asked for together are likely neighbours: then two round trips do for any number of them.
    if let [first, .., last] = ids
        && missing.len() > FEW
    {
        let (first, last) = (ask_key(first)?, ask_key(last)?);
        if let (Some(first), Some(last)) = (to_number(&first.await?), to_number(&last.await?)) {
            let limit = u32::try_from(ids.len() + SPARE).unwrap_or(u32::MAX);
            let range = between(&number(first.min(last)), &number(first.max(last)))?;
            let rows = tx.store(COMMANDS)?.get_all_with_key_and_limit(&range, limit);
            found = Block::all_of(tx.pending(rows)?.await?, flights)?;
        }
        found.retain(|block| {
            let known = missing.len();
            block.commands.iter().for_each(|command| _ = missing.remove(&command.command_id));
            missing.len() < known
        });
    }
    let asked: Result<Vec<Pending<'_>>, DbError> = missing.iter().map(ask_key).collect();
    let mut keys = Vec::new();
    for key in asked? {
        keys.extend(to_number(&key.await?));
    }
    for block in of_keys(tx, &keys.into_iter().collect(), flights).await? {
        let place = found.partition_point(|other| other.key < block.key);
        found.insert(place, block);
    }
    Ok(found)
}

/// The blocks of these keys, in their order.
pub(super) async fn of_keys(tx: &Transaction, keys: &Runs, flights: &Flights) -> Result<Vec<Block>, Failure> {
    let store = tx.store(COMMANDS)?;
    let asked: Result<Vec<Pending<'_>>, DbError> = keys
        .iter()
        .map(|(first, last)| tx.pending(store.get_all_with_key(&between(&number(*first), &number(*last))?)))
        .collect();
    let mut blocks = Vec::new();
    for answer in asked? {
        blocks.append(&mut Block::all_of(answer.await?, flights)?);
    }
    Ok(blocks)
}

/// The row that holds this command, as an answer to come; undefined when there is none.
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

/// The command in the answer to [`ask_last_touching`].
pub(super) fn last_touching(answer: JsValue, key: &RecordKey) -> Result<Option<CommandId>, Failure> {
    let Ok(cursor) = answer.dyn_into::<IdbCursorWithValue>() else { return Ok(None) };
    let block = Block::of(&cursor.value().map_err(DbError::thrown)?, &Flights::default())?;
    let last = block.commands.iter().rev().find(|command| command.touches.contains(key));
    Ok(last.map(|command| command.command_id))
}
