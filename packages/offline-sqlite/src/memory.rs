use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use offline_core::OutboxCommand;
use offline_protocol::CommandId;

use crate::{tables::runs::Run, transaction::signed};

/// How many commands are remembered at most, of those that were looked through and of those in flight: some batches.
const MOST: usize = 2048;

/// Commands that were read together, once whoever has asked for them has made them out of their texts: on his thread, so that the writer's has
/// time for others.
pub(crate) type Page = Mutex<Vec<Option<OutboxCommand>>>;

/// The commands that were read last and those in flight, so that a flight need not read and parse again what was looked through for it.
///
/// Whoever changes a command of the outbox counts that in the partition's row. So a command that was read in a transaction is still what is stored as
/// long as a later one finds the same count. When a transaction fails all has to be forgotten: its count may be given again.
#[derive(Default)]
pub(crate) struct Memory {
    edits: u64,
    /// Where the commands stand in what was read.
    read: HashMap<CommandId, (Arc<Page>, usize)>,
    flying: HashMap<CommandId, OutboxCommand>,
}

impl Memory {
    fn at(&mut self, edits: u64) -> &mut Self {
        if self.edits != edits {
            *self = Self { edits, ..Self::default() };
        }
        self
    }

    /// Remembers which commands a page holds, and where, when the count was `edits`. Not those in flight: they will be others when it is settled.
    pub(crate) fn keep(
        &mut self,
        edits: u64,
        page: &Arc<Page>,
        ids: impl ExactSizeIterator<Item = (CommandId, usize)>,
    ) {
        let read = &mut self.at(edits).read;
        if read.len() + ids.len() > MOST {
            read.clear();
        }
        read.extend(ids.take(MOST).map(|(id, place)| (id, (Arc::clone(page), place))));
    }

    /// A command as it stands in the outbox, for a flight; nothing when whoever asked for its page has not read it.
    pub(crate) fn take(&mut self, edits: u64, id: &CommandId) -> Option<OutboxCommand> {
        let (page, place) = self.at(edits).read.remove(id)?;
        page.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place)?.take()
    }

    /// Remembers the commands of a flight.
    pub(crate) fn fly(&mut self, edits: u64, commands: &[OutboxCommand]) {
        let flying = &mut self.at(edits).flying;
        if flying.len() + commands.len() > MOST {
            flying.clear();
        }
        flying.extend(commands.iter().take(MOST).map(|command| (command.command_id, command.clone())));
    }

    /// The commands of a flight; nothing when not all are known.
    pub(crate) fn land(&mut self, edits: u64, runs: &[Run]) -> Option<Vec<OutboxCommand>> {
        let count: u64 = runs.iter().map(Run::len).sum();
        let landed =
            self.at(edits).flying.extract_if(|_, command| Run::of(runs, signed(command.seq.get())).is_some());
        let landed: Vec<_> = landed.map(|(_, command)| command).collect();
        (landed.len() as u64 == count).then_some(landed)
    }

    /// What is remembered was not changed by what was counted since `before`.
    pub(crate) const fn goes_on(&mut self, before: u64, edits: u64) {
        if self.edits == before {
            self.edits = edits;
        }
    }
}
