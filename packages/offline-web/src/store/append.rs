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
    flight::Flights,
    journal,
    keys::to_number,
    row,
    schema::{COMMANDS, JOURNAL},
};
use crate::idb::{Database, DbError, Failure, Mode, Pending, Transaction};

/// After how many rows the page gets a turn, so that a burst does not freeze it.
const ROWS_PER_TURN: usize = 256;

/// Answers [`offline_core::OutboxStore::append`].
///
/// Ids are new as good as always. So the rows are added at once: the unique index refuses an id that the outbox holds, and one count over
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
        asked.push((id, row::ask_row(tx, id)?, journal::ask_row(tx, id)?));
    }
    let mut known = HashMap::new();
    for (id, outbox, journaled) in asked {
        let row = outbox.await?;
        let command = if row.is_undefined() {
            journal::entry_in(&journaled.await?, id)?.map(|entry| entry.command)
        } else {
            Some(row::from_row(&row, &Flights::default())?)
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
    first: Option<Pending<'t>>,
    added: u64,
    places: Vec<(Place, Option<Expected>, bool)>,
}

impl<'t> Batch<'t> {
    fn new(
        tx: &'t Transaction,
        known: HashMap<CommandId, (Place, Option<Expected>)>,
    ) -> Result<Self, DbError> {
        let store = tx.store(COMMANDS)?;
        Ok(Self { tx, store, known, own: BTreeMap::new(), first: None, added: 0, places: Vec::new() })
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
            asked.push((row::ask_last_touching(self.tx, key)?, journal::ask_highest(self.tx, key)?));
        }
        for (own, (unsettled, journaled)) in self.own.values_mut().zip(asked) {
            own.unsettled = row::id_in(unsettled.await?)?;
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
            let command = self.with_expected(new);
            let request = self.store.add(&row::to_row(&command, None));
            if self.first.is_none() {
                self.first = Some(self.tx.pending(request)?);
            } else if (self.added as usize).is_multiple_of(ROWS_PER_TURN) {
                self.tx.pending(request)?.await?;
            } else {
                request.map_err(DbError::thrown)?;
            }
            let place = (Place::New(self.added), command.expected);
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

    async fn finish(self) -> Result<Vec<Appended>, Failure> {
        self.tx.seal();
        let first = match self.first {
            Some(first) => to_number(&first.await?).unwrap_or(0),
            None => 0,
        };
        let appended = |(place, expected, duplicate)| {
            let seq = match place {
                Place::At(seq) => seq,
                Place::New(offset) => {
                    Seq::new(first + offset).map_err(|_| StoreError::Corrupt { what: "sequence number" })?
                }
            };
            Ok(Appended { seq, expected, duplicate })
        };
        self.places.into_iter().map(appended).collect()
    }
}
