use offline_core::{
    OutboxCommand, Rebase, Resolution, Resolve,
    store_rules::{discarded, rebased, retried},
};
use offline_protocol::{CommandId, Timestamp};

use super::{flight::Flights, journal, meta::Tally, row};
use crate::{
    idb::{Failure, Transaction},
    pick::Pick,
};

/// Answers [`offline_core::OutboxStore::resolve`]: decides about everything before it writes anything.
pub(super) async fn resolve(tx: &Transaction, resolve: &Resolve) -> Result<bool, Failure> {
    let (flights, tally) = (Flights::ask(tx)?, Tally::ask(tx)?);
    let flights = Flights::from_answer(&flights.await?)?;
    let tally = Tally::from_answer(&tally.await?)?;
    match &resolve.resolution {
        Resolution::Retry { idempotency_key, expected, edited } => {
            let found = row::by_ids(tx, &[resolve.command_id], &flights).await?;
            let Some(command) = found.into_iter().next() else { return Ok(false) };
            let status = command.status;
            let retried = retried(command, idempotency_key.clone(), *expected, edited.clone());
            let Some(command) = retried else { return Ok(false) };
            let mut tally = tally;
            tally.unpark(status);
            row::put(tx, &command)?;
            tally.put(tx)?;
            Ok(true)
        }
        Resolution::Discard { also, rebase } => {
            let mut leaving = vec![resolve.command_id];
            for id in also {
                if !leaving.contains(id) {
                    leaving.push(*id);
                }
            }
            let ids: Vec<CommandId> =
                leaving.iter().copied().chain(rebase.iter().map(|rebase| rebase.command_id)).collect();
            let found = row::by_ids(tx, &ids, &flights).await?;
            let discard = Discard { leaving, rebase, at: resolve.at };
            discard.perform(tx, Pick::new(found), tally)
        }
    }
}

struct Discard<'a> {
    leaving: Vec<CommandId>,
    rebase: &'a [Rebase],
    at: Timestamp,
}

impl Discard<'_> {
    fn perform(
        &self,
        tx: &Transaction,
        mut found: Pick<OutboxCommand>,
        mut tally: Tally,
    ) -> Result<bool, Failure> {
        let mut entries = Vec::new();
        for id in &self.leaving {
            let Some(command) = found.take(|command| command.command_id == *id) else { return Ok(false) };
            let (seq, status) = (command.seq.get(), command.status);
            let Some(entry) = discarded(command, self.at) else { return Ok(false) };
            tally.remove(seq, status);
            entries.push(entry);
        }
        let mut changed = Vec::new();
        for rebase in self.rebase {
            let Some(command) = found.take(|command| command.command_id == rebase.command_id) else {
                return Ok(false);
            };
            let Some(command) = rebased(command, rebase.clone()) else { return Ok(false) };
            changed.push(command);
        }
        row::delete(tx, &entries.iter().map(|entry| entry.command.seq.get()).collect())?;
        journal::write(tx, &entries)?;
        for command in &changed {
            row::put(tx, command)?;
        }
        tally.put(tx)?;
        Ok(true)
    }
}
