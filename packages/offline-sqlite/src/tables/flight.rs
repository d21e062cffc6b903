use std::collections::{BTreeSet, HashMap};

use offline_core::{
    Fence, Flight, JournalEntry, OutboxCommand, Settlement, Status, StoreError,
    store_rules::{self, Settled},
};
use offline_protocol::CommandId;
use rusqlite::params;

use super::{
    journal, outbox,
    runs::{self, Run},
};
use crate::transaction::Transaction;

pub(crate) fn take_off(
    transaction: &mut Transaction<'_>,
    flight: &Flight,
) -> Result<Vec<OutboxCommand>, StoreError> {
    transaction.check(flight.fence)?;
    let edits = transaction.partition.edits;
    let flying = runs::flying(transaction)?;
    let mut taken = Vec::with_capacity(flight.commands.len());
    for id in flight.commands.iter().collect::<BTreeSet<_>>() {
        let known = match transaction.memory.take(edits, id) {
            Some(command) => Some(command),
            None => outbox::get(transaction, id)?,
        };
        let grounded = known.filter(|command| Run::of(&flying, command.seq).is_none());
        taken.extend(grounded.and_then(store_rules::taken_off));
    }
    taken.sort_unstable_by_key(|command| command.seq);
    let sql = "INSERT INTO flying (first_seq, last_seq, flight_id) VALUES (?1, ?2, ?3)";
    for run in Run::all(taken.iter().map(|command| command.seq)) {
        transaction.execute(sql, params![run.first, run.last, flight.flight_id.0.as_bytes()])?;
    }
    for _ in &taken {
        transaction.went(Status::Pending)?;
        transaction.came(Status::InFlight)?;
    }
    transaction.memory.fly(edits, &taken);
    Ok(taken)
}

pub(crate) fn settle(transaction: &mut Transaction<'_>, settlement: &Settlement) -> Result<bool, StoreError> {
    transaction.check(settlement.fence)?;
    let flight_id = settlement.flight_id.0.as_bytes();
    let sql = "SELECT first_seq, last_seq FROM flying WHERE flight_id = ?1 ORDER BY first_seq";
    let runs = transaction.rows(sql, [flight_id], Run::read)?;
    if runs.is_empty() {
        return Ok(false);
    }
    let edits = transaction.partition.edits;
    let flown = match transaction.memory.land(edits, &runs) {
        Some(flown) => flown,
        None => outbox::of_runs(transaction, &runs)?,
    };
    transaction.execute("DELETE FROM flying WHERE flight_id = ?1", [flight_id])?;
    let mut unnamed: HashMap<_, _> = flown.into_iter().map(|command| (command.command_id, command)).collect();
    let mut leaving = Vec::with_capacity(unnamed.len());
    for (id, change) in &settlement.changes {
        let Some(mut command) = unnamed.remove(id) else { continue };
        command.status = Status::InFlight;
        match store_rules::settled(command, change.clone(), settlement.at) {
            Settled::Stays(command) => outbox::put(transaction, Status::InFlight, &command)?,
            Settled::Leaves(entry) => leaving.push(entry),
        }
    }
    leave(transaction, leaving)?;
    // Without their flight the rest are what they were before.
    for _ in &unnamed {
        transaction.went(Status::InFlight)?;
        transaction.came(Status::Pending)?;
    }
    transaction.partition.edits += 1;
    // Nothing else is remembered of what was in this flight.
    transaction.memory.goes_on(edits, transaction.partition.edits);
    Ok(true)
}

/// Applied commands stay where they are; what the server said of them goes into the journal.
fn leave(transaction: &mut Transaction<'_>, mut leaving: Vec<JournalEntry>) -> Result<(), StoreError> {
    leaving.sort_unstable_by_key(|entry| entry.command.seq);
    let runs = Run::all(leaving.iter().map(|entry| entry.command.seq));
    for _ in &leaving {
        transaction.went(Status::InFlight)?;
    }
    let mut leaving = leaving.into_iter();
    for run in runs.into_iter().flat_map(Run::in_parts) {
        journal::applied(transaction, run, leaving.by_ref().take(run.len() as usize))?;
    }
    runs::advance_head(transaction)
}

pub(crate) fn recover(transaction: &mut Transaction<'_>, fence: Fence) -> Result<Vec<CommandId>, StoreError> {
    transaction.check(fence)?;
    let runs = runs::flying(transaction)?;
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let flown = outbox::of_runs(transaction, &runs)?;
    transaction.execute("DELETE FROM flying", [])?;
    let mut ids = Vec::with_capacity(flown.len());
    for mut command in flown {
        command.status = Status::InFlight;
        let command = store_rules::recovered(command);
        outbox::put(transaction, Status::InFlight, &command)?;
        ids.push(command.command_id);
    }
    Ok(ids)
}
