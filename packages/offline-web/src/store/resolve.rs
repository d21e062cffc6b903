use offline_core::{
    Rebase, Resolution, Resolve,
    store_rules::{discarded, rebased, retried},
};
use offline_protocol::{CommandId, Timestamp};

use super::{
    block::{self, Block},
    flight::Flights,
    journal,
    meta::Tally,
};
use crate::idb::{Failure, Transaction};

/// Answers [`offline_core::OutboxStore::resolve`]: decides about everything before it writes anything.
pub(super) async fn resolve(tx: &Transaction, resolve: &Resolve) -> Result<bool, Failure> {
    let (flights, tally) = (Flights::ask(tx)?, Tally::ask(tx)?);
    let flights = Flights::from_answer(&flights.await?)?;
    let tally = Tally::from_answer(&tally.await?)?;
    match &resolve.resolution {
        Resolution::Retry { idempotency_key, expected, edited } => {
            let blocks = block::of_ids(tx, &[resolve.command_id], &flights).await?;
            let Some(mut block) = blocks.into_iter().next() else { return Ok(false) };
            let Some(place) = block.commands.iter_mut().find(|one| one.command_id == resolve.command_id)
            else {
                return Ok(false);
            };
            let status = place.status;
            let retried = retried(place.clone(), idempotency_key.clone(), *expected, edited.clone());
            let Some(command) = retried else { return Ok(false) };
            *place = command;
            let mut tally = tally;
            tally.unpark(status);
            block::put(tx, &[block])?;
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
            let blocks = block::of_ids(tx, &ids, &flights).await?;
            Discard { leaving, rebase, at: resolve.at }.perform(tx, blocks, tally)
        }
    }
}

struct Discard<'a> {
    leaving: Vec<CommandId>,
    rebase: &'a [Rebase],
    at: Timestamp,
}

impl Discard<'_> {
    fn perform(&self, tx: &Transaction, mut blocks: Vec<Block>, mut tally: Tally) -> Result<bool, Failure> {
        let (mut entries, mut rebased_count) = (Vec::new(), 0);
        for block in &mut blocks {
            for command in std::mem::take(&mut block.commands) {
                if self.leaving.contains(&command.command_id) {
                    let (seq, status) = (command.seq.get(), command.status);
                    let Some(entry) = discarded(command, self.at) else { return Ok(false) };
                    tally.remove(seq, status);
                    entries.push(entry);
                } else if let Some(rebase) =
                    self.rebase.iter().find(|one| one.command_id == command.command_id)
                {
                    let Some(command) = rebased(command, rebase.clone()) else { return Ok(false) };
                    rebased_count += 1;
                    block.commands.push(command);
                } else {
                    block.commands.push(command);
                }
            }
        }
        if entries.len() < self.leaving.len() || rebased_count < self.rebase.len() {
            return Ok(false);
        }
        block::put(tx, &blocks)?;
        journal::write(tx, &entries)?;
        tally.put(tx)?;
        Ok(true)
    }
}
