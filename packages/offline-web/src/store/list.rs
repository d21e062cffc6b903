use offline_core::{OutboxCommand, OutboxQuery, StoreError};
use offline_protocol::Seq;

use super::{
    block::{Block, COMMANDS_PER_ROW, rows_missing, rows_of_ids},
    flight::Flights,
    memory::Memory,
    meta::Tally,
    sorted::Sorted,
};
use crate::idb::{Answer, Index, Plan, Row, Seen, Step, Store, Want};

/// Up to how many commands of a page are remembered.
const REMEMBERED: usize = 2048;

/// Answers [`offline_core::OutboxStore::list`].
pub(super) fn list(
    query: &OutboxQuery,
    memory: &Memory,
    seen: &Seen<'_>,
    plan: &mut Plan,
) -> Result<Step<Vec<OutboxCommand>>, StoreError> {
    let after = match query {
        OutboxQuery::Seq { after, .. } => after.map_or(0, Seq::get) as i64,
        _ => 0,
    };
    let [flights, tally, rest @ ..] = seen.answers else {
        Flights::ask(plan);
        Tally::ask(plan);
        let of = |index| (Store::Commands, index);
        match query {
            // First what was settled, and is to be skipped.
            OutboxQuery::Seq { .. } => {}
            OutboxQuery::Ids(ids) => _ = rows_of_ids(ids, &[], plan),
            OutboxQuery::Record(key) => {
                let key = key.to_string();
                plan.read(Want::Rows, of(Index::Touches), (&*key, &*key), usize::MAX);
            }
            OutboxQuery::Parked => plan.read(Want::Rows, of(Index::Parked), (1, 1), usize::MAX),
        }
        return Ok(Step::More);
    };
    let (flights, tally) = (Flights::of(flights)?, Tally::of(tally)?);
    let mut commands = match query {
        OutboxQuery::Seq { limit, .. } => return page(after, *limit, (&flights, &tally), memory, rest, plan),
        OutboxQuery::Ids(ids) => {
            let Some((rows, _)) = rows_of_ids(ids, rest, plan) else { return Ok(Step::More) };
            all(tally.unsettled(rows), &flights)?
        }
        _ => all(tally.unsettled(rest.iter().flatten()), &flights)?,
    };
    match query {
        OutboxQuery::Ids(ids) => {
            let wanted: Sorted<_, ()> = ids.iter().map(|id| (*id, ())).collect();
            commands.retain(|command| wanted.get(&command.command_id).is_some());
        }
        OutboxQuery::Record(key) => commands.retain(|command| command.touches.contains(key)),
        _ => commands.retain(|command| command.status.is_parked()),
    }
    Ok(Step::Done(commands))
}

fn all<'r>(rows: impl Iterator<Item = &'r Row>, flights: &Flights) -> Result<Vec<OutboxCommand>, StoreError> {
    let mut commands = Vec::new();
    for row in rows {
        for (item, line) in Block::of(row)?.iter_mut() {
            commands.push(flights.marked(item.take(line)?));
        }
    }
    Ok(commands)
}

/// Rows that hold a page if they are full. A page may begin within a row.
const fn first_rows(limit: usize) -> usize {
    limit / COMMANDS_PER_ROW + 2
}

/// Those after `after`, at most `limit`.
fn page(
    after: i64,
    limit: usize,
    (flights, tally): (&Flights, &Tally),
    memory: &Memory,
    pages: &[Answer],
    plan: &mut Plan,
) -> Result<Step<Vec<OutboxCommand>>, StoreError> {
    let rows = || tally.unsettled(pages.iter().flatten());
    // Always the same, or what was asked for before could not be told. The first row may begin before the page.
    let wanted = limit.saturating_add(COMMANDS_PER_ROW);
    let counts = |row: &Row| !tally.settled.contains(row.key);
    if let Err(missing) = rows_missing(pages, (first_rows(limit), wanted), &counts) {
        let last = pages.iter().flatten().last().map_or(after, |row| row.key);
        let first = tally.settled.end_from(last + 1);
        plan.read(Want::Rows, (Store::Commands, Index::Primary), (first, i64::MAX), missing);
        return Ok(Step::More);
    }
    let mut found = Vec::new();
    let mut blocks = Vec::new();
    for row in rows() {
        if found.len() >= limit {
            break;
        }
        let mut block = Block::of(row)?;
        for (item, line) in block.iter_mut().filter(|(item, _)| item.seq.get() as i64 > after) {
            let copy = if limit <= REMEMBERED { item.copy() } else { None };
            found.push(flights.marked(copy.map_or_else(|| item.take(line), Ok)?));
        }
        blocks.push(block);
    }
    found.truncate(limit);
    if limit <= REMEMBERED {
        memory.look().keep(tally.edits, blocks);
    }
    Ok(Step::Done(found))
}
