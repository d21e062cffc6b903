use offline_core::{Counts, Status};
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbCursor, IdbCursorDirection};

use super::{
    flight::Flights,
    keys::{decode, encode, to_number},
    schema::{COMMANDS, META},
};
use crate::{
    idb::{DbError, Failure, Pending, Transaction},
    read::{Fields, FromJson},
};

const TALLY: &str = "tally";

/// What the counts follow from, kept by everything but `append`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tally {
    /// How many commands have left the outbox.
    pub(super) removed: u64,
    /// The highest seq of them.
    pub(super) highest_removed: u64,
    /// How many are FAILED.
    pub(super) failed: u64,
    /// How many are in CONFLICT.
    pub(super) conflict: u64,
    /// How many entries the journal holds.
    pub(super) journaled: u64,
}

impl FromJson for Tally {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            removed: fields.number_or_zero("removed"),
            highest_removed: fields.number_or_zero("highestRemoved"),
            failed: fields.number_or_zero("failed"),
            conflict: fields.number_or_zero("conflict"),
            journaled: fields.number_or_zero("journaled"),
        }
    }
}

impl Tally {
    /// Reads it; ask first, await later.
    pub(super) fn ask(tx: &Transaction) -> Result<Pending<'_>, DbError> {
        tx.pending(tx.store(META)?.get(&TALLY.into()))
    }

    /// The answer to [`Tally::ask`].
    pub(super) fn from_answer(answer: &JsValue) -> Result<Self, Failure> {
        match answer.as_string() {
            Some(text) => Ok(decode(&text, "tally")?),
            None => Ok(Self::default()),
        }
    }

    /// Writes it.
    pub(super) fn put(&self, tx: &Transaction) -> Result<(), DbError> {
        put_text(tx, TALLY, &encode(self))
    }

    /// Counts a command that leaves the outbox for the journal.
    pub(super) fn remove(&mut self, seq: u64, status: Status) {
        self.removed += 1;
        self.highest_removed = self.highest_removed.max(seq);
        self.journaled += 1;
        self.unpark(status);
    }

    /// Counts a command that is parked from now on.
    pub(super) fn park(&mut self, status: Status) {
        match status {
            Status::Failed => self.failed += 1,
            Status::Conflict => self.conflict += 1,
            Status::Pending | Status::InFlight | Status::Succeeded => {}
        }
    }

    /// Counts a command that is not parked any more.
    pub(super) fn unpark(&mut self, status: Status) {
        match status {
            Status::Failed => self.failed = self.failed.saturating_sub(1),
            Status::Conflict => self.conflict = self.conflict.saturating_sub(1),
            Status::Pending | Status::InFlight | Status::Succeeded => {}
        }
    }
}

/// The text of that name, as an answer to come.
pub(super) fn ask_text<'t>(tx: &'t Transaction, name: &str) -> Result<Pending<'t>, DbError> {
    tx.pending(tx.store(META)?.get(&name.into()))
}

/// Writes a text under a name.
pub(super) fn put_text(tx: &Transaction, name: &str, text: &str) -> Result<(), DbError> {
    tx.store(META)?.put_with_key(&text.into(), &name.into()).map_err(DbError::thrown)?;
    Ok(())
}

/// How many commands there are, by four requests whatever their number: seqs have no gaps.
pub(super) async fn counts(tx: &Transaction) -> Result<Counts, Failure> {
    let tally = Tally::ask(tx)?;
    let flights = Flights::ask(tx)?;
    let backwards = IdbCursorDirection::Prev;
    let last =
        tx.pending(tx.store(COMMANDS)?.open_key_cursor_with_range_and_direction(&JsValue::NULL, backwards))?;
    let tally = Tally::from_answer(&tally.await?)?;
    let in_flight = Flights::from_answer(&flights.await?)?.len();
    let last = match last.await?.dyn_into::<IdbCursor>() {
        Ok(cursor) => to_number(&cursor.key().map_err(DbError::thrown)?).unwrap_or(0),
        Err(_) => 0,
    };
    let unsettled = last.max(tally.highest_removed).saturating_sub(tally.removed);
    let others = in_flight + tally.failed + tally.conflict;
    Ok(Counts {
        pending: unsettled.saturating_sub(others),
        in_flight,
        failed: tally.failed,
        conflict: tally.conflict,
    })
}
