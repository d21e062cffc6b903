use offline_core::{
    Resolution, Resolve, StoreError,
    store_rules::{discarded, rebased, retried},
};
use offline_protocol::CommandId;

use super::{
    block::{self, Block, Fate, Item, rows_of_ids},
    flight::Flights,
    journal::Entries,
    meta::Tally,
    runs::Runs,
};
use crate::idb::{Plan, Seen, Step};

/// Answers [`offline_core::OutboxStore::resolve`]: decides about everything before it writes anything.
pub(super) fn resolve(resolve: &Resolve, seen: &Seen<'_>, plan: &mut Plan) -> Result<Step<bool>, StoreError> {
    let mut ids = vec![resolve.command_id];
    if let Resolution::Discard { also, rebase } = &resolve.resolution {
        for id in also.iter().copied().chain(rebase.iter().map(|rebase| rebase.command_id)) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
    let [flights, tally, rest @ ..] = seen.answers else {
        Flights::ask(plan);
        Tally::ask(plan);
        _ = rows_of_ids(&ids, &[], plan);
        return Ok(Step::More);
    };
    let Some((rows, _)) = rows_of_ids(&ids, rest, plan) else { return Ok(Step::More) };
    let tally = Tally::of(tally)?;
    let flights = Flights::of(flights)?;
    let blocks = Block::all(&mut tally.unsettled(rows))?;
    let mut decision = Decision { resolve, tally, entries: Entries::default(), refused: false, left: ids };
    let mut gone = Runs::default();
    for block in blocks {
        let mut decide = |item: &mut Item, line: &str| decision.fate(item, line, &flights);
        block.rewrite(&mut decide, &mut gone, plan)?;
    }
    let Decision { mut tally, entries, refused, left, .. } = decision;
    if refused || !left.is_empty() {
        plan.0.clear();
        return Ok(Step::Done(false));
    }
    block::delete(&gone, plan);
    entries.write(&mut tally, plan);
    tally.edits += 1;
    tally.put(plan);
    Ok(Step::Done(true))
}

struct Decision<'a> {
    resolve: &'a Resolve,
    tally: Tally,
    entries: Entries,
    /// Whether the status of a command does not allow it.
    refused: bool,
    /// Those that were not found yet.
    left: Vec<CommandId>,
}

impl Decision<'_> {
    fn fate(&mut self, item: &mut Item, line: &str, flights: &Flights) -> Result<Fate, StoreError> {
        let Some(place) = self.left.iter().position(|id| *id == item.id) else { return Ok(Fate::Stays) };
        self.left.swap_remove(place);
        let command = flights.marked(item.take(line)?);
        let status = command.status;
        let becomes = match &self.resolve.resolution {
            Resolution::Retry { idempotency_key, expected, edited } => {
                self.tally.unpark(status);
                retried(command, idempotency_key.clone(), *expected, edited.clone())
            }
            Resolution::Discard { also, rebase } => {
                if item.id == self.resolve.command_id || also.contains(&item.id) {
                    self.tally.remove(item.seq.get(), status);
                    if let Some(entry) = discarded(command, self.resolve.at) {
                        self.entries.push(&entry);
                        return Ok(Fate::Leaves);
                    }
                    None
                } else {
                    let rebase = rebase.iter().find(|rebase| rebase.command_id == item.id);
                    rebase.and_then(|rebase| rebased(command, rebase.clone()))
                }
            }
        };
        self.refused |= becomes.is_none();
        Ok(becomes.map_or(Fate::Stays, Fate::Becomes))
    }
}
