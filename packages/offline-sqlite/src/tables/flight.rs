use std::collections::HashMap;

use offline_core::{
    Fence, Flight, OutboxCommand, OutboxQuery, Settlement, Status, StoreError,
    store_rules::{self, Settled},
};
use offline_protocol::CommandId;
use rusqlite::params;

use super::{journal, outbox};
use crate::transaction::{Transaction, signed};

pub(crate) fn take_off(
    transaction: &mut Transaction<'_>,
    flight: &Flight,
) -> Result<Vec<OutboxCommand>, StoreError> {
    transaction.check(flight.fence)?;
    let asked = outbox::list(transaction, &OutboxQuery::Ids(flight.commands.clone()))?;
    let taken: Vec<_> = asked.into_iter().filter_map(store_rules::taken_off).collect();
    let sql = "INSERT INTO flight (seq, flight_id) VALUES (?1, ?2)";
    for command in &taken {
        transaction.execute(sql, params![signed(command.seq.get()), flight.flight_id.0.as_bytes()])?;
        transaction.went(Status::Pending)?;
        transaction.came(Status::InFlight)?;
    }
    Ok(taken)
}

pub(crate) fn settle(transaction: &mut Transaction<'_>, settlement: &Settlement) -> Result<bool, StoreError> {
    transaction.check(settlement.fence)?;
    let flight_id = settlement.flight_id.0.as_bytes();
    let sql = "SELECT o.body, 1 FROM flight f JOIN outbox o ON o.seq = f.seq WHERE f.flight_id = ?1";
    let flying = transaction.rows(sql, [flight_id], outbox::stored)?;
    if flying.is_empty() {
        return Ok(false);
    }
    let flying = flying.into_iter().map(outbox::read).collect::<Result<Vec<_>, _>>()?;
    let mut unnamed: HashMap<_, _> =
        flying.into_iter().map(|command| (command.command_id, command)).collect();
    for (id, change) in &settlement.changes {
        let Some(command) = unnamed.remove(id) else { continue };
        match store_rules::settled(command, change.clone(), settlement.at) {
            Settled::Stays(command) => outbox::put(transaction, Status::InFlight, &command)?,
            Settled::Leaves(entry) => {
                outbox::remove(transaction, Status::InFlight, &entry.command)?;
                journal::push(transaction, &entry)?;
            }
        }
    }
    // Without their flight the rest are what they were before.
    for _ in &unnamed {
        transaction.went(Status::InFlight)?;
        transaction.came(Status::Pending)?;
    }
    transaction.execute("DELETE FROM flight WHERE flight_id = ?1", [flight_id])?;
    Ok(true)
}

pub(crate) fn recover(transaction: &mut Transaction<'_>, fence: Fence) -> Result<Vec<CommandId>, StoreError> {
    transaction.check(fence)?;
    let sql = "SELECT o.body, 1 FROM flight f JOIN outbox o ON o.seq = f.seq ORDER BY f.seq";
    let flying = transaction.rows(sql, [], outbox::stored)?;
    transaction.execute("DELETE FROM flight", [])?;
    let mut ids = Vec::with_capacity(flying.len());
    for stored in flying {
        let command = store_rules::recovered(outbox::read(stored)?);
        outbox::put(transaction, Status::InFlight, &command)?;
        ids.push(command.command_id);
    }
    Ok(ids)
}
