use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use offline_core::{
    Appended, Durability, NewCommand, OutboxCommand, StoreError,
    store_rules::{chained, chains_on},
};
use offline_protocol::{CommandId, Expected, RecordKey, Seq, Version};
use web_sys::IdbObjectStore;

use super::{
    block::{self, Block, NewRow},
    flight::Flights,
    journal,
    keys::to_number,
    schema::{COMMANDS, JOURNAL},
};
use crate::idb::{Database, DbError, Failure, Mode, Pending, Transaction};

/// After how many rows the page gets a turn, so that a burst does not freeze it.
const ROWS_PER_TURN: usize = 4;

/// Answers [`offline_core::OutboxStore::append`].
///
/// Ids are new as good as always. So the commands are added at once: the unique index refuses an id that the outbox holds, and one count over
/// the journal finds those that it holds. Only then all is done again, with a look at each id first.
pub(super) async fn append(
    database: &Database,
    commands: &[NewCommand],
    durability: Durability,
) -> Result<Vec<Appended>, StoreError> {
    if commands.is_empty() {
        return Ok(Vec::new());
    }
    let (stores, mode) = ([COMMANDS, JOURNAL], Mode::Write(durability));
    match database.transact(&stores, mode, async |tx| append_fresh(tx, commands).await).await {
        Err(Failure::Db(error)) if error.is_constraint() => {
            let checked = database.transact(&stores, mode, async |tx| append_checked(tx, commands).await);
            Ok(checked.await?)
        }
        result => Ok(result?),
    }
}

async fn append_fresh(tx: &Transaction, commands: &[NewCommand]) -> Result<Vec<Appended>, Failure> {
    let ids: Vec<String> = commands.iter().map(|new| new.command.command_id.to_string()).collect();
    let journaled = journal::ask_count(tx, &ids)?;
    let mut batch = Batch::new(tx, HashMap::new())?;
    batch.look_up(commands).await?;
    batch.add(commands).await?;
    if to_number(&journaled.await?) != Some(0) {
        return Err(DbError::constraint().into());
    }
    batch.finish().await
}

async fn append_checked(tx: &Transaction, commands: &[NewCommand]) -> Result<Vec<Appended>, Failure> {
    let mut asked = Vec::new();
    for new in commands {
        let id = new.command.command_id;
        asked.push((id, block::ask_row(tx, id)?, journal::ask_row(tx, id)?));
    }
    let mut known = HashMap::new();
    for (id, outbox, journaled) in asked {
        let row = outbox.await?;
        let command = if row.is_undefined() {
            journal::entry_in(&journaled.await?, id)?.map(|entry| entry.command)
        } else {
            let block = Block::of(&row, &Flights::default())?;
            block.commands.into_iter().find(|command| command.command_id == id)
        };
        known.extend(command.map(|command| (id, (Place::At(command.seq), command.expected))));
    }
    let mut batch = Batch::new(tx, known)?;
    batch.look_up(commands).await?;
    batch.add(commands).await?;
    batch.finish().await
}

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

/// One `append` under way.
struct Batch<'t> {
    tx: &'t Transaction,
    store: IdbObjectStore,
    known: HashMap<CommandId, (Place, Option<Expected>)>,
    own: BTreeMap<RecordKey, Own>,
    /// The first command that is added, as an answer to come: its seq.
    first: Option<Pending<'t>>,
    first_seq: u64,
    /// The last row that was added, as an answer to come.
    last: Option<Pending<'t>>,
    added: u64,
    /// What is added behind the first one and not asked for yet.
    row: NewRow,
    rows: usize,
    places: Vec<(Place, Option<Expected>, bool)>,
}

impl<'t> Batch<'t> {
    fn new(
        tx: &'t Transaction,
        known: HashMap<CommandId, (Place, Option<Expected>)>,
    ) -> Result<Self, DbError> {
        let store = tx.store(COMMANDS)?;
        let (own, row, places) = (BTreeMap::new(), NewRow::default(), Vec::new());
        Ok(Self {
            tx,
            store,
            known,
            own,
            first: None,
            first_seq: 0,
            last: None,
            added: 0,
            row,
            rows: 0,
            places,
        })
    }

    /// Finds the author's own commands that new ones may come after. Without such new ones it asks nothing and does not wait.
    async fn look_up(&mut self, commands: &[NewCommand]) -> Result<(), Failure> {
        for key in commands.iter().filter_map(chains_on) {
            if !self.own.contains_key(key) {
                self.own.insert(key.clone(), Own::default());
            }
        }
        let mut asked = Vec::new();
        for key in self.own.keys() {
            asked.push((block::ask_last_touching(self.tx, key)?, journal::ask_highest(self.tx, key)?));
        }
        for ((key, own), (unsettled, journaled)) in self.own.iter_mut().zip(asked) {
            own.unsettled = block::last_touching(unsettled.await?, key)?;
            own.journaled = journal::highest_in(journaled.await?)?;
        }
        Ok(())
    }

    async fn add(&mut self, commands: &[NewCommand]) -> Result<(), Failure> {
        for new in commands {
            let id = new.command.command_id;
            if let Some((place, expected)) = self.known.get(&id) {
                self.places.push((*place, *expected, true));
                continue;
            }
            let mut command = self.with_expected(new);
            let place = (Place::New(self.added), command.expected);
            match (self.added, self.first.take()) {
                (0, _) => self.first = Some(self.tx.pending(self.store.add(&NewRow::numbered(&command)))?),
                // What comes behind the first one counts on from the number that the browser gave to it.
                (_, Some(first)) => self.first_seq = to_number(&first.await?).unwrap_or(0),
                (_, None) => {}
            }
            if self.added > 0 {
                command.to_mut().seq = self.seq(self.added)?;
                self.row.push(&command);
                if self.row.is_full() {
                    self.add_row().await?;
                }
            }
            self.added += 1;
            self.known.insert(id, place);
            self.places.push((place.0, place.1, false));
            for key in &command.touches {
                if let Some(own) = self.own.get_mut(key) {
                    own.unsettled = Some(id);
                }
            }
        }
        Ok(())
    }

    fn with_expected<'c>(&self, new: &'c NewCommand) -> Cow<'c, OutboxCommand> {
        let mut command = Cow::Borrowed(&new.command);
        if let Some(own) = chains_on(new).and_then(|key| self.own.get(key)) {
            let expected = chained(command.expected, own.unsettled, own.journaled);
            if expected != command.expected {
                command.to_mut().expected = expected;
            }
        }
        command
    }

    async fn add_row(&mut self) -> Result<(), Failure> {
        let request = self.store.add(&std::mem::take(&mut self.row).list());
        self.rows += 1;
        if self.rows.is_multiple_of(ROWS_PER_TURN) {
            self.tx.pending(request)?.await?;
        } else {
            self.last = Some(self.tx.pending(request)?);
        }
        Ok(())
    }

    fn seq(&self, offset: u64) -> Result<Seq, StoreError> {
        Seq::new(self.first_seq + offset).map_err(|_| StoreError::Corrupt { what: "sequence number" })
    }

    async fn finish(mut self) -> Result<Vec<Appended>, Failure> {
        if !self.row.is_empty() {
            self.add_row().await?;
        }
        if let Some(first) = self.first.take() {
            self.first_seq = to_number(&first.await?).unwrap_or(0);
        }
        // Sealed before, Firefox lets the others through when one of them fails, and WebKit does not say why it aborts.
        if let Some(last) = self.last.take() {
            last.await?;
        }
        self.tx.seal();
        let appended = |(place, expected, duplicate): &(Place, Option<Expected>, bool)| {
            let seq = match place {
                Place::At(seq) => *seq,
                Place::New(offset) => self.seq(*offset)?,
            };
            Ok(Appended { seq, expected: *expected, duplicate: *duplicate })
        };
        self.places.iter().map(appended).collect()
    }
}
