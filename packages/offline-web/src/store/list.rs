use offline_core::{OutboxCommand, OutboxQuery, StoreError};
use offline_protocol::{Seq, joined};

use super::{
    block::{Block, rows_of_ids},
    flight::Flights,
    memory::Memory,
    meta::Tally,
    sorted::Sorted,
};
use crate::idb::{Answer, Index, Plan, Row, Seen, Step, Store, Want};

/// Up to how many commands of a page are remembered.
const REMEMBERED: usize = 2048;

/// How many rows are read at once where it is not known how full they are.
const ROWS_AT_ONCE: usize = 8;

/// How many keys are read at once: with the commands of one row more, as many as a page can parse without being missed.
const KEYS_AT_ONCE: i64 = 512;

/// Answers [`offline_core::OutboxStore::list`].
pub(super) struct List {
    query: OutboxQuery,
    memory: Memory,
    page: Page,
}

impl List {
    pub(super) fn new(query: OutboxQuery, memory: Memory) -> Self {
        Self { query, memory, page: Page::default() }
    }

    pub(super) fn step(
        &mut self,
        seen: &Seen<'_>,
        plan: &mut Plan,
    ) -> Result<Step<Vec<OutboxCommand>>, StoreError> {
        let [flights, tally, rest @ ..] = seen.answers else {
            self.page = Page::default();
            Flights::ask(plan);
            Tally::ask(plan);
            let of = |index| (Store::Commands, index);
            match &self.query {
                // First what was settled, and is to be skipped.
                OutboxQuery::Seq { .. } => {}
                OutboxQuery::Ids(ids) => _ = rows_of_ids(ids, &[], plan),
                OutboxQuery::Record(key) => {
                    let key = joined![key];
                    plan.read(Want::Rows, of(Index::Touches), (&*key, &*key), usize::MAX);
                }
                OutboxQuery::Parked => plan.read(Want::Rows, of(Index::Parked), (1, 1), usize::MAX),
            }
            return Ok(Step::More);
        };
        let (flights, tally) = (Flights::of(flights)?, Tally::of(tally)?);
        let mut commands = match &self.query {
            OutboxQuery::Seq { after, limit } => {
                let after = after.map_or(0, Seq::get) as i64;
                if !self.page.is_read((after, *limit), (&flights, &tally), rest, plan)? {
                    return Ok(Step::Each);
                }
                let Page { found, blocks, .. } = std::mem::take(&mut self.page);
                if *limit <= REMEMBERED {
                    self.memory.look().keep(tally.edits, blocks, &|key| flights.have_row(key));
                }
                return Ok(Step::Done(found));
            }
            OutboxQuery::Ids(ids) => {
                let Some((rows, _)) = rows_of_ids(ids, rest, plan) else { return Ok(Step::More) };
                all(&mut tally.unsettled(rows), &flights)?
            }
            _ => all(&mut tally.unsettled(rest.iter().flatten()), &flights)?,
        };
        let wanted = match &self.query {
            OutboxQuery::Ids(ids) => Sorted::of_ids(ids),
            _ => Sorted::new(),
        };
        commands.retain(|command| match &self.query {
            OutboxQuery::Ids(_) => wanted.get(&command.command_id).is_some(),
            OutboxQuery::Record(key) => command.touches.contains(key),
            _ => command.status.is_parked(),
        });
        Ok(Step::Done(commands))
    }
}

fn all(rows: &mut dyn Iterator<Item = &Row>, flights: &Flights) -> Result<Vec<OutboxCommand>, StoreError> {
    let mut commands = Vec::new();
    for row in rows {
        for (item, line) in Block::of(row)?.iter_mut() {
            commands.push(flights.marked(item.take(line)?));
        }
    }
    Ok(commands)
}

/// A page of the outbox that is read in pieces, so that the browser's page can answer in between. Two are asked for at once: while one is looked through,
/// the browser reads the other.
#[derive(Default)]
struct Page {
    found: Vec<OutboxCommand>,
    blocks: Vec<Block>,
    /// How many pieces were looked through.
    looked: usize,
}

impl Page {
    /// Looks through the pieces that have come. False when there are more to come.
    fn is_read(
        &mut self,
        (after, limit): (i64, usize),
        (flights, tally): (&Flights, &Tally),
        pieces: &[Answer],
        plan: &mut Plan,
    ) -> Result<bool, StoreError> {
        for row in tally.unsettled(pieces[self.looked..].iter().flatten()) {
            if self.found.len() < limit {
                self.add(row, after, limit, flights)?;
            }
        }
        self.looked = pieces.len();
        let most = limit.saturating_add(1).min(ROWS_AT_ONCE);
        // The second of two goes on to the end, as far as it may.
        let is_second = pieces.len().is_multiple_of(2);
        let second = pieces.last().filter(|_| is_second);
        if self.found.len() >= limit || second.is_some_and(|rows| rows.len() < most) {
            self.found.truncate(limit);
            return Ok(true);
        }
        if is_second {
            let last = second.and_then(|rows| rows.last()).map_or(after, |row| row.key);
            let first = tally.settled.end_from(last + 1);
            let end = first + KEYS_AT_ONCE;
            let rows = (Store::Commands, Index::Primary);
            plan.read(Want::Rows, rows, (first, end), usize::MAX);
            plan.read(Want::Rows, rows, (end + 1, i64::MAX), most);
        }
        Ok(false)
    }

    fn add(&mut self, row: &Row, after: i64, limit: usize, flights: &Flights) -> Result<(), StoreError> {
        let mut block = Block::of(row)?;
        for (item, line) in block.iter_mut().filter(|(item, _)| item.seq.get() as i64 > after) {
            let copy = if limit <= REMEMBERED { item.copy() } else { None };
            self.found.push(flights.marked(copy.map_or_else(|| item.take(line), Ok)?));
        }
        self.blocks.push(block);
        Ok(())
    }
}
