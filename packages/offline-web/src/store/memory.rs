use std::sync::{Arc, Mutex, MutexGuard};

use offline_protocol::CommandId;

use super::{block::Block, runs::Runs, sorted::Sorted};

/// The blocks that were read last, so that a flight need not read and parse again what was looked through for it. Clones share it.
///
/// Whoever changes a row counts that in the tally. So a block that was read in a transaction is still what is stored as long as a later transaction finds
/// the same count.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Remembered>>);

#[derive(Default)]
pub(super) struct Remembered {
    edits: u64,
    pub(super) blocks: Vec<Block>,
}

impl Memory {
    pub(super) fn look(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().expect("BUG: no code that holds this lock panics")
    }
}

impl Remembered {
    /// Remembers what was read when the tally said `edits`.
    pub(super) fn keep(&mut self, edits: u64, blocks: Vec<Block>) {
        *self = Self { edits, blocks };
    }

    /// Whether all of these commands are among what is still as it was read.
    pub(super) fn holds(&self, edits: u64, wanted: &Sorted<CommandId, ()>) -> bool {
        let known = self.blocks.iter().flat_map(|block| &block.items);
        self.edits == edits && known.filter(|item| wanted.get(&item.id).is_some()).count() == wanted.len()
    }

    /// Takes the blocks of these keys out, when all are still as they were read.
    pub(super) fn take(&mut self, edits: u64, keys: &Runs) -> Option<Vec<Block>> {
        let known = self.blocks.iter().filter(|block| keys.contains(block.key)).count() as u64;
        if self.edits != edits || known != keys.len() {
            return None;
        }
        let mut blocks = std::mem::take(&mut self.blocks);
        blocks.retain(|block| keys.contains(block.key));
        Some(blocks)
    }
}
