use std::collections::HashSet;

use js_sys::Array;
use offline_core::{
    Change, Fence, Flight, FlightId, OutboxCommand, Settlement, Status,
    store_rules::{self, Settled},
};
use offline_protocol::CommandId;
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};

use super::{
    block::{self, Block},
    journal,
    keys::{decode, encode},
    lease::LeaseRow,
    meta::Tally,
    schema::FLIGHTS,
};
use crate::{
    idb::{DbError, Failure, Pending, Transaction},
    pick::Pick,
    read::{Fields, FromJson},
    runs::Runs,
};

/// A row of `flights`, as JSON text.
#[derive(Serialize)]
struct FlightRow {
    /// Its commands.
    seqs: Runs,
    /// The keys of the rows of `commands` that hold them.
    rows: Runs,
}

impl FromJson for FlightRow {
    fn from_json(fields: &Fields<'_>) -> Self {
        let seqs = Runs::stored(fields.pairs("seqs"));
        // In the first version a row held one command, under its seq.
        let rows = if fields.has("rows") { Runs::stored(fields.pairs("rows")) } else { seqs.clone() };
        Self { seqs, rows }
    }
}

/// Every flight of the partition.
#[derive(Default)]
pub(super) struct Flights(Vec<FlightRow>);

impl Flights {
    /// Reads them; ask first, await later.
    pub(super) fn ask(tx: &Transaction) -> Result<Pending<'_>, DbError> {
        tx.pending(tx.store(FLIGHTS)?.get_all())
    }

    /// The answer to [`Flights::ask`].
    pub(super) fn from_answer(answer: &JsValue) -> Result<Self, Failure> {
        let rows: &Array = answer.unchecked_ref();
        Ok(Self(rows.iter().map(|row| flight_row(&row)).collect::<Result<_, _>>()?))
    }

    /// Whether the command of that seq is in one.
    pub(super) fn contain(&self, seq: u64) -> bool {
        self.0.iter().any(|flight| flight.seqs.contains(seq))
    }

    /// How many commands are in one.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|flight| flight.seqs.len()).sum()
    }
}

fn flight_row(answer: &JsValue) -> Result<FlightRow, Failure> {
    Ok(decode(&answer.as_string().unwrap_or_default(), "flight")?)
}

fn key(id: FlightId) -> JsValue {
    id.0.to_string().into()
}

pub(super) async fn take_off(tx: &Transaction, flight: &Flight) -> Result<Vec<OutboxCommand>, Failure> {
    let (lease, flights) = (LeaseRow::ask(tx)?, Flights::ask(tx)?);
    LeaseRow::from_answer(&lease.await?)?.check(flight.fence)?;
    let flights = Flights::from_answer(&flights.await?)?;
    let wanted: HashSet<CommandId> = flight.commands.iter().copied().collect();
    let (mut taken, mut rows) = (Vec::new(), Vec::new());
    for block in block::of_ids(tx, &flight.commands, &flights).await? {
        let before = taken.len();
        let asked = block.commands.into_iter().filter(|command| wanted.contains(&command.command_id));
        taken.extend(asked.filter_map(store_rules::taken_off));
        rows.extend((taken.len() > before).then_some(block.key));
    }
    if !taken.is_empty() {
        let seqs = taken.iter().map(|command| command.seq.get()).collect();
        let row = encode(&FlightRow { seqs, rows: rows.into_iter().collect() });
        tx.store(FLIGHTS)?.put_with_key(&row.into(), &key(flight.flight_id)).map_err(DbError::thrown)?;
    }
    Ok(taken)
}

pub(super) async fn settle(tx: &Transaction, settlement: &Settlement) -> Result<bool, Failure> {
    let store = tx.store(FLIGHTS)?;
    let (lease, tally) = (LeaseRow::ask(tx)?, Tally::ask(tx)?);
    let flight = tx.pending(store.get(&key(settlement.flight_id)))?;
    LeaseRow::from_answer(&lease.await?)?.check(settlement.fence)?;
    let mut tally = Tally::from_answer(&tally.await?)?;
    let flight = flight.await?;
    if flight.is_undefined() {
        return Ok(false);
    }
    let flight = flight_row(&flight)?;
    let rows = flight.rows.clone();
    let alone = Flights(vec![flight]);
    let blocks = block::of_keys(tx, &rows, &alone).await?;
    let mut changes = Pick::new(settlement.changes.iter().collect());
    let (mut entries, mut changed_blocks) = (Vec::new(), Vec::new());
    for block in blocks {
        let mut rest = Block { key: block.key, commands: Vec::new() };
        let mut changed = false;
        for command in block.commands {
            let change = changes.take(|(id, _)| *id == command.command_id);
            changed |= change.is_some();
            let settled = match change {
                Some((_, change)) => store_rules::settled(command, Change::clone(change), settlement.at),
                None => Settled::Stays(command),
            };
            match settled {
                Settled::Stays(command) => {
                    if change.is_some() {
                        tally.park(command.status);
                    }
                    rest.commands.push(command);
                }
                Settled::Leaves(entry) => {
                    tally.remove(entry.command.seq.get(), entry.command.status);
                    entries.push(entry);
                }
            }
        }
        if changed {
            changed_blocks.push(rest);
        }
    }
    block::put(tx, &changed_blocks)?;
    journal::write(tx, &entries)?;
    tally.put(tx)?;
    store.delete(&key(settlement.flight_id)).map_err(DbError::thrown)?;
    Ok(true)
}

pub(super) async fn recover(tx: &Transaction, fence: Fence) -> Result<Vec<CommandId>, Failure> {
    let (lease, flights) = (LeaseRow::ask(tx)?, Flights::ask(tx)?);
    LeaseRow::from_answer(&lease.await?)?.check(fence)?;
    let flights = Flights::from_answer(&flights.await?)?;
    let keys =
        |flight: &FlightRow| flight.rows.iter().flat_map(|(first, last)| *first..=*last).collect::<Vec<_>>();
    let rows: Runs = flights.0.iter().flat_map(keys).collect();
    let mut blocks = block::of_keys(tx, &rows, &flights).await?;
    tx.store(FLIGHTS)?.clear().map_err(DbError::thrown)?;
    let mut ids = Vec::new();
    for block in &mut blocks {
        for command in block.commands.iter_mut().filter(|command| command.status == Status::InFlight) {
            *command = store_rules::recovered(command.clone());
            ids.push(command.command_id);
        }
    }
    block::put(tx, &blocks)?;
    Ok(ids)
}
