use offline_core::{
    Appended, NewCommand, StoreError,
    store_rules::{chained, chains_on},
};
use offline_protocol::{CommandId, Expected, RecordKey, Seq, Version, joined};

use super::{
    block::{Block, NewBlock, encode, rows_of_ids},
    journal,
    meta::Tally,
    sorted::Sorted,
};
use crate::idb::{Answer, Index, Plan, Seen, Step, Store, Want};

/// After how many rows the page gets a turn, so that a burst does not freeze it.
const ROWS_PER_TURN: usize = 4;

/// The author's own latest command on a record.
#[derive(Default)]
struct Own {
    unsettled: Option<CommandId>,
    journaled: Option<(CommandId, Version)>,
}

#[derive(Clone, Copy)]
enum Place {
    /// Known already.
    At(Seq),
    /// So many after the first one that is added now.
    New(u64),
}

/// Answers [`offline_core::OutboxStore::append`].
///
/// Ids are new as good as always. So the commands are added at once: the index of the ids refuses one that outbox or journal hold, and the
/// transaction fails. Only then each id is looked up first. A single command is one request, and the transaction need not wait for its answer.
pub(super) struct Append {
    commands: Vec<NewCommand>,
    known: Sorted<CommandId, (Place, Option<Expected>)>,
    own: Sorted<RecordKey, Own>,
    /// How many answers there were when everything was looked up.
    looked_up: Option<usize>,
    next: usize,
    added: u64,
    first_seq: u64,
    places: Vec<(Place, Option<Expected>, bool)>,
}

impl Append {
    pub(super) fn new(commands: Vec<NewCommand>) -> Self {
        let (known, own, places) = (Sorted::new(), Sorted::new(), Vec::new());
        Self { commands, known, own, looked_up: None, next: 0, added: 0, first_seq: 0, places }
    }

    pub(super) fn step(
        &mut self,
        seen: &Seen<'_>,
        plan: &mut Plan,
    ) -> Result<Step<Vec<Appended>>, StoreError> {
        if seen.answers.is_empty() {
            *self = Self::new(std::mem::take(&mut self.commands));
            let chaining = self.commands.iter().filter_map(chains_on);
            self.own = chaining.map(|key| (key.clone(), Own::default())).collect();
        }
        if self.looked_up.is_none() {
            if !self.look_up(seen, plan)? {
                return Ok(Step::More);
            }
            self.looked_up = Some(seen.answers.len());
        }
        let looked_up = self.looked_up.unwrap_or_default();
        if let Some(first) = seen.answers.get(looked_up).and_then(|answer| answer.first()) {
            self.first_seq = first.key as u64;
        }
        self.add(plan)
    }

    /// Finds the author's own commands that new ones may come after and, when some may be there already, those. False when there is more to
    /// ask for first. Mostly there is nothing to ask for.
    fn look_up(&mut self, seen: &Seen<'_>, plan: &mut Plan) -> Result<bool, StoreError> {
        let ids: Vec<CommandId> = match seen.again {
            true => self.commands.iter().map(|new| new.command.command_id).collect(),
            false => Vec::new(),
        };
        let mut rest = seen.answers;
        if self.own.len() > 0 {
            let Some(left) = self.look_up_own(rest, plan)? else { return Ok(false) };
            rest = left;
        }
        let Some((rows, _)) = rows_of_ids(&ids, rest, plan) else { return Ok(false) };
        // What a settled block holds is known by the block.
        let mut known = journal::by_command(&mut rows.iter().copied(), &[])?;
        for (id, entry) in known.iter_mut() {
            self.known.insert(*id, (Place::At(entry.command.seq), entry.command.expected));
        }
        for row in rows.into_iter().filter(|row| row.key > 0) {
            for (item, line) in Block::of(row)?.iter_mut() {
                self.known.insert(item.id, (Place::At(item.seq), item.take(line)?.expected));
            }
        }
        Ok(true)
    }

    /// Finds the author's own latest commands on the records. Gives the answers that follow; nothing when there is more to ask for first.
    fn look_up_own<'a>(
        &mut self,
        answers: &'a [Answer],
        plan: &mut Plan,
    ) -> Result<Option<&'a [Answer]>, StoreError> {
        let [tally, rest @ ..] = answers else {
            Tally::ask(plan);
            for (key, _) in self.own.iter_mut() {
                let record = joined![*key];
                plan.read(Want::Rows, (Store::Commands, Index::Touches), (&*record, &*record), usize::MAX);
                journal::ask_highest(key, plan);
            }
            return Ok(None);
        };
        let settled = Tally::of(tally)?.settled;
        let (asked, rest) = rest.split_at(self.own.len() * 2);
        let touching = || asked.iter().step_by(2);
        let blocks = touching().flatten().filter(|row| settled.contains(row.key));
        if rest.is_empty() && blocks.clone().count() > 0 {
            blocks.for_each(|block| journal::ask_verdicts(block.key, plan));
            return Ok(None);
        }
        let (mut verdicts, mut used) = (rest.iter(), 0);
        for ((key, own), asked) in self.own.iter_mut().zip(asked.chunks(2)) {
            own.journaled = asked[1].first().and_then(journal::highest_in);
            for row in &asked[0] {
                let mut block = Block::of(row)?;
                if !settled.contains(row.key) {
                    own.unsettled = last_touching(&mut block, key)?.or(own.unsettled);
                } else if let Some(verdicts) = verdicts.next() {
                    used += 1;
                    let known = own.journaled.map(|(_, version)| version);
                    let highest = journal::highest_of(&block, verdicts, key)?;
                    own.journaled = highest.filter(|(_, version)| Some(*version) > known).or(own.journaled);
                }
            }
        }
        Ok(Some(&rest[used..]))
    }

    /// Adds what is left, some rows at a time. The first one is numbered by the browser, and what comes behind it counts on from there.
    fn add(&mut self, plan: &mut Plan) -> Result<Step<Vec<Appended>>, StoreError> {
        let mut block = NewBlock::default();
        while self.next < self.commands.len() && plan.0.len() < ROWS_PER_TURN {
            let new = &mut self.commands[self.next];
            let id = new.command.command_id;
            if let Some((place, expected)) = self.known.get(&id) {
                self.places.push((*place, *expected, true));
                self.next += 1;
                continue;
            }
            if self.added > 0 && self.first_seq == 0 {
                return Ok(Step::More);
            }
            let given = new.command.expected;
            if let Some(own) = chains_on(new).and_then(|key| self.own.get(key)) {
                new.command.expected = chained(given, own.unsettled, own.journaled);
            }
            let command = &mut new.command;
            if self.added == 0 {
                plan.add(NewBlock::numbered(command));
            } else {
                command.seq = seq(self.first_seq, self.added)?;
                block.push(command, &encode(command));
                if block.is_full() {
                    plan.add(std::mem::take(&mut block).finish());
                }
            }
            let place = (Place::New(self.added), command.expected);
            // The transaction may begin again.
            command.expected = given;
            for key in &command.touches {
                if let Some(own) = self.own.get_mut(key) {
                    own.unsettled = Some(id);
                }
            }
            self.known.insert(id, place);
            self.places.push((place.0, place.1, false));
            self.next += 1;
            self.added += 1;
        }
        if !block.is_empty() {
            plan.add(block.finish());
        }
        match plan.0.len() {
            0 => self.appended().map(Step::Done),
            1 if self.added == 1 && self.next == self.commands.len() => Ok(Step::Seal),
            // Sealed before they are answered, Firefox lets the others through when one of them fails, and WebKit does not say why it aborts.
            _ => Ok(Step::More),
        }
    }

    fn appended(&self) -> Result<Vec<Appended>, StoreError> {
        let appended = |(place, expected, duplicate): &(Place, Option<Expected>, bool)| {
            let seq = match place {
                Place::At(seq) => *seq,
                Place::New(offset) => seq(self.first_seq, *offset)?,
            };
            Ok(Appended { seq, expected: *expected, duplicate: *duplicate })
        };
        self.places.iter().map(appended).collect()
    }
}

fn seq(first: u64, offset: u64) -> Result<Seq, StoreError> {
    Seq::of(first + offset).ok_or(StoreError::Corrupt { what: "sequence number" })
}

/// The last command of a block that touches a record.
fn last_touching(block: &mut Block, key: &RecordKey) -> Result<Option<CommandId>, StoreError> {
    let mut last = None;
    for (item, line) in block.iter_mut() {
        if item.take(line)?.touches.contains(key) {
            last = Some(item.id);
        }
    }
    Ok(last)
}
