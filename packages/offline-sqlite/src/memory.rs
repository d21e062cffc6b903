use std::collections::HashMap;

use offline_core::{OutboxCommand, Status};
use offline_protocol::CommandId;

use crate::tables::runs::Run;

/// How many commands are remembered at most, of those that were looked through and of those in flight: some batches.
const MOST: usize = 2048;

/// The commands that were read last and those in flight, so that a flight need not read and parse again what was looked through for it.
///
/// Whoever changes a command of the outbox counts that in the partition's row. So a command that was read in a transaction is still what is stored as
/// long as a later one finds the same count. When a transaction fails all has to be forgotten: its count may be given again.
#[derive(Default)]
pub(crate) struct Memory {
    edits: u64,
    read: HashMap<CommandId, OutboxCommand>,
    flying: HashMap<CommandId, OutboxCommand>,
}

impl Memory {
    fn at(&mut self, edits: u64) -> &mut Self {
        if self.edits != edits {
            *self = Self { edits, ..Self::default() };
        }
        self
    }

    /// Remembers commands that stand in the outbox, when the count was `edits`. Not those in flight: they will be others when it is settled.
    pub(crate) fn keep(&mut self, edits: u64, commands: &[OutboxCommand]) {
        let read = &mut self.at(edits).read;
        if read.len() + commands.len() > MOST {
            read.clear();
        }
        let commands = commands.iter().filter(|command| command.status != Status::InFlight).take(MOST);
        read.extend(commands.map(|command| (command.command_id, command.clone())));
    }

    /// A command as it stands in the outbox, for a flight.
    pub(crate) fn take(&mut self, edits: u64, id: &CommandId) -> Option<OutboxCommand> {
        self.at(edits).read.remove(id)
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
        let landed = self.at(edits).flying.extract_if(|_, command| Run::of(runs, command.seq).is_some());
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
