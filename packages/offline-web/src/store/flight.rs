use offline_core::{
    Change, Fence, Flight, FlightId, OutboxCommand, Settlement, Status, StoreError,
    store_rules::{self, Settled},
};
use offline_protocol::{CommandId, Timestamp, joined};

use super::{
    block::{self, Block, Fate, Item, ask_rows, rows_of_ids},
    journal::Entries,
    lease::LeaseRow,
    memory::Memory,
    meta::Tally,
    runs::Runs,
    sorted::Sorted,
};
use crate::{
    idb::{Answer, Index, Plan, Row, Seen, Step, Store, Want},
    words::cut,
};

/// A flight as it is stored: the seqs of its commands, and the keys of the rows that hold them.
struct FlightRow {
    seqs: Runs,
    rows: Runs,
}

impl FlightRow {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let parts = cut(&row.text, b' ').and_then(|(seqs, rows)| Runs::parse(seqs).zip(Runs::parse(rows)));
        let (seqs, rows) = parts.ok_or(StoreError::Corrupt { what: "flight" })?;
        Ok(Self { seqs, rows })
    }
}

/// Flights of the partition.
pub(super) struct Flights(Vec<FlightRow>);

impl Flights {
    /// Asks for all.
    pub(super) fn ask(plan: &mut Plan) {
        plan.read(Want::Rows, (Store::Flights, Index::Primary), ("", "\u{ffff}"), usize::MAX);
    }

    /// The answer to [`Flights::ask`].
    pub(super) fn of(answer: &Answer) -> Result<Self, StoreError> {
        let mut all = Vec::new();
        for row in answer {
            all.push(FlightRow::of(row)?);
        }
        Ok(Self(all))
    }

    /// The command, IN_FLIGHT if it is in one of these.
    pub(super) fn marked(&self, mut command: OutboxCommand) -> OutboxCommand {
        if command.status == Status::Pending && self.contain(command.seq.get()) {
            command.status = Status::InFlight;
        }
        command
    }

    /// Whether one of them has commands in this row.
    pub(super) fn have_row(&self, key: i64) -> bool {
        self.0.iter().any(|flight| flight.rows.contains(key))
    }

    fn contain(&self, seq: u64) -> bool {
        self.0.iter().any(|flight| flight.seqs.contains(seq as i64))
    }

    /// How many commands are in one.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|flight| flight.seqs.len()).sum()
    }
}

fn name(id: FlightId) -> String {
    joined![id.0]
}

/// Answers [`offline_core::OutboxStore::take_off`].
pub(super) struct TakeOff {
    flight: Flight,
    memory: Memory,
    /// What is known of the commands, and which of them have to be read.
    known: Vec<Block>,
    missing: Vec<CommandId>,
}

impl TakeOff {
    pub(super) const fn new(flight: Flight, memory: Memory) -> Self {
        Self { flight, memory, known: Vec::new(), missing: Vec::new() }
    }

    pub(super) fn step(
        &mut self,
        seen: &Seen<'_>,
        plan: &mut Plan,
    ) -> Result<Step<Vec<OutboxCommand>>, StoreError> {
        let [lease, flights, tally, rest @ ..] = seen.answers else {
            LeaseRow::ask(plan);
            Flights::ask(plan);
            Tally::ask(plan);
            return Ok(Step::More);
        };
        LeaseRow::of(lease)?.check(self.flight.fence)?;
        let (flights, tally) = (Flights::of(flights)?, Tally::of(tally)?);
        if rest.is_empty() {
            (self.known, self.missing) = self.memory.look().take_holding(tally.edits, &self.flight.commands);
        }
        let Some((rows, _)) = rows_of_ids(&self.missing, rest, plan) else { return Ok(Step::More) };
        let mut blocks = std::mem::take(&mut self.known);
        // Between their ids there may be others'.
        let is_new = |row: &&Row| blocks.iter().all(|known| known.key != row.key);
        for block in Block::all(&mut tally.unsettled(rows).filter(is_new))? {
            let behind = blocks.iter().position(|known| known.key > block.key);
            blocks.insert(behind.unwrap_or(blocks.len()), block);
        }
        let wanted = Sorted::of_ids(&self.flight.commands);
        let (mut taken, mut seqs, mut rows) = (Vec::new(), Runs::default(), Runs::default());
        for block in &mut blocks {
            let key = block.key;
            for (item, line) in block.iter_mut().filter(|(item, _)| wanted.get(&item.id).is_some()) {
                if let Some(command) = store_rules::taken_off(flights.marked(item.take(line)?)) {
                    taken.push(command);
                    seqs.add(item.seq.get() as i64);
                    rows.add(key);
                }
            }
        }
        self.memory.look().keep(tally.edits, blocks, &|_| true);
        if !taken.is_empty() {
            plan.put_text(Store::Flights, &name(self.flight.flight_id), joined![seqs, " ", rows]);
        }
        Ok(Step::Done(taken))
    }
}

/// Answers [`offline_core::OutboxStore::settle`].
pub(super) fn settle(
    settlement: &Settlement,
    memory: &Memory,
    seen: &Seen<'_>,
    plan: &mut Plan,
) -> Result<Step<bool>, StoreError> {
    let name = name(settlement.flight_id);
    let [lease, tally, flight, rest @ ..] = seen.answers else {
        LeaseRow::ask(plan);
        Tally::ask(plan);
        plan.text(Store::Flights, &name);
        return Ok(Step::More);
    };
    LeaseRow::of(lease)?.check(settlement.fence)?;
    let tally = Tally::of(tally)?;
    let Some(flight) = flight.first() else { return Ok(Step::Done(false)) };
    let flight = FlightRow::of(flight)?;
    let known = if rest.is_empty() { memory.look().take_all(tally.edits, &flight.rows) } else { None };
    if known.is_none() && rest.is_empty() && flight.rows.len() > 0 {
        ask_rows(&flight.rows, plan);
        return Ok(Step::More);
    }
    let blocks = match known {
        Some(blocks) => blocks,
        None => Block::all(&mut rest.iter().flatten())?,
    };
    let changes = settlement.changes.iter().map(|(id, change)| (*id, change)).collect();
    let (flight, entries) = (Flights(vec![flight]), Entries::default());
    let mut landing = Landing { changes, flight, at: settlement.at, tally, entries };
    let mut gone = Runs::default();
    for block in blocks {
        if !landing.leave(&block) {
            block.rewrite(&mut |item, line| landing.fate(item, line), &mut gone, plan)?;
        }
    }
    block::delete(&gone, plan);
    let Landing { mut tally, entries, .. } = landing;
    entries.write(&mut tally, plan);
    memory.look().settling(tally.edits);
    tally.edits += 1;
    tally.put(plan);
    plan.delete(Store::Flights, (&*name, &*name));
    Ok(Step::Done(true))
}

/// A flight that is settled.
struct Landing<'a> {
    changes: Sorted<CommandId, &'a Change>,
    flight: Flights,
    at: Timestamp,
    tally: Tally,
    entries: Entries,
}

impl<'a> Landing<'a> {
    /// What happens to a command; nothing to one of another flight.
    fn change(&self, item: &Item) -> Option<&'a Change> {
        self.changes.get(&item.id).copied().filter(|_| self.flight.contain(item.seq.get()))
    }

    /// Leaves a block where it is when all its commands were applied, and the server has told of no record that they do not touch: by these they
    /// are found. False when it is to be rewritten.
    fn leave(&mut self, block: &Block) -> bool {
        let mut applied = Vec::new();
        for item in &block.items {
            match self.change(item) {
                Some(Change::Applied(change)) if item.touches(&change.versions) => applied.push(change),
                _ => return false,
            }
        }
        self.entries.block(block, &applied, self.at);
        for item in &block.items {
            self.tally.remove(item.seq.get(), Status::InFlight);
            self.tally.settled.add(item.seq.get() as i64);
        }
        self.tally.settled.add(block.key);
        true
    }

    fn fate(&mut self, item: &mut Item, line: &str) -> Result<Fate, StoreError> {
        let Some(change) = self.change(item) else { return Ok(Fate::Stays) };
        if let Change::Applied(applied) = change {
            self.entries.applied(item, line, applied, self.at);
            self.tally.remove(item.seq.get(), Status::InFlight);
            return Ok(Fate::Leaves);
        }
        let command = self.flight.marked(item.take(line)?);
        Ok(match store_rules::settled(command, change.clone(), self.at) {
            Settled::Stays(command) => {
                self.tally.park(command.status);
                Fate::Becomes(command)
            }
            Settled::Leaves(entry) => {
                self.entries.push(&entry);
                self.tally.remove(item.seq.get(), Status::InFlight);
                Fate::Leaves
            }
        })
    }
}

/// Answers [`offline_core::OutboxStore::recover`].
pub(super) fn recover(
    fence: Fence,
    seen: &Seen<'_>,
    plan: &mut Plan,
) -> Result<Step<Vec<CommandId>>, StoreError> {
    let [lease, flights, tally, rest @ ..] = seen.answers else {
        LeaseRow::ask(plan);
        Flights::ask(plan);
        Tally::ask(plan);
        return Ok(Step::More);
    };
    LeaseRow::of(lease)?.check(fence)?;
    let flights = Flights::of(flights)?;
    if rest.is_empty() && flights.len() > 0 {
        let mut rows = Runs::default();
        flights
            .0
            .iter()
            .flat_map(|flight| flight.rows.iter())
            .for_each(|(first, last)| (first..=last).for_each(|key| rows.add(key)));
        ask_rows(&rows, plan);
        return Ok(Step::More);
    }
    let mut ids = Vec::new();
    let mut decide = |item: &mut Item, line: &str| {
        let command = flights.marked(item.take(line)?);
        if command.status != Status::InFlight {
            return Ok(Fate::Stays);
        }
        ids.push(item.id);
        Ok(Fate::Becomes(store_rules::recovered(command)))
    };
    for row in rest.iter().flatten() {
        Block::of(row)?.rewrite(&mut decide, &mut Runs::default(), plan)?;
    }
    if !ids.is_empty() {
        plan.delete(Store::Flights, ("", "\u{ffff}"));
        let mut tally = Tally::of(tally)?;
        tally.edits += 1;
        tally.put(plan);
    }
    Ok(Step::Done(ids))
}
