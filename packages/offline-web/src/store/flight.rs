use js_sys::Array;
use offline_core::{
    Change, Fence, Flight, FlightId, OutboxCommand, Settlement,
    store_rules::{self, Settled},
};
use offline_protocol::CommandId;
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};

use super::{
    journal,
    keys::{decode, encode},
    lease::LeaseRow,
    meta::Tally,
    row,
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
    seqs: Runs,
}

impl FromJson for FlightRow {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { seqs: Runs::stored(fields.pairs("seqs")) }
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
    let found = row::by_ids(tx, &flight.commands, &flights).await?;
    let taken: Vec<_> = found.into_iter().filter_map(store_rules::taken_off).collect();
    if !taken.is_empty() {
        let seqs = taken.iter().map(|command| command.seq.get()).collect();
        let row = encode(&FlightRow { seqs });
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
    let alone = Flights(vec![FlightRow { seqs: flight.seqs.clone() }]);
    let mut commands = Pick::new(row::by_seqs(tx, &flight.seqs, &alone).await?);

    let mut entries = Vec::new();
    for (id, change) in &settlement.changes {
        let Some(command) = commands.take(|command| command.command_id == *id) else { continue };
        match store_rules::settled(command, Change::clone(change), settlement.at) {
            Settled::Stays(command) => {
                tally.park(command.status);
                row::put(tx, &command)?;
            }
            Settled::Leaves(entry) => entries.push(entry),
        }
    }
    for entry in &entries {
        tally.remove(entry.command.seq.get(), entry.command.status);
    }
    row::delete(tx, &entries.iter().map(|entry| entry.command.seq.get()).collect())?;
    journal::write(tx, &entries)?;
    tally.put(tx)?;
    store.delete(&key(settlement.flight_id)).map_err(DbError::thrown)?;
    Ok(true)
}

pub(super) async fn recover(tx: &Transaction, fence: Fence) -> Result<Vec<CommandId>, Failure> {
    let (lease, flights) = (LeaseRow::ask(tx)?, Flights::ask(tx)?);
    LeaseRow::from_answer(&lease.await?)?.check(fence)?;
    let flights = Flights::from_answer(&flights.await?)?;
    let seqs: Runs = flights
        .0
        .iter()
        .flat_map(|flight| flight.seqs.iter())
        .flat_map(|(first, last)| *first..=*last)
        .collect();
    let found = row::by_seqs(tx, &seqs, &flights).await?;
    tx.store(FLIGHTS)?.clear().map_err(DbError::thrown)?;
    Ok(found.into_iter().map(|command| command.command_id).collect())
}
