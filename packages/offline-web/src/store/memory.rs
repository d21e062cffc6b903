use std::sync::{Arc, Mutex, MutexGuard};

use offline_protocol::CommandId;

use super::{block::Block, runs::Runs, sorted::Sorted};

/// The blocks that were read last, and those of flights, so that a flight need not read and parse again what was looked through for it. Clones share it.
///
/// Whoever changes a row counts that in the tally. So a block that was read in a transaction is still what is stored as long as a later transaction finds
/// the same count.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Remembered>>);

#[derive(Default)]
pub(super) struct Remembered {
    edits: u64,
    blocks: Vec<Block>,
    /// The count before a settlement that is being written.
    settling: Option<u64>,
}

impl Memory {
    pub(super) fn look(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().expect("BUG: no code that holds this lock panics")
    }
}

impl Remembered {
    /// Remembers what was read when the tally said `edits`, and of what was known what `is_kept` says.
    pub(super) fn keep(&mut self, edits: u64, blocks: Vec<Block>, is_kept: &dyn Fn(i64) -> bool) {
        let same = self.edits == edits;
        let read_anew = |known: &Block| blocks.iter().any(|block| block.key == known.key);
        self.blocks.retain(|known| same && is_kept(known.key) && !read_anew(known));
        self.blocks.extend(blocks);
        self.edits = edits;
    }

    /// Takes out the blocks that hold some of these commands and are still as they were read, and names the commands that none of them holds.
    pub(super) fn take_holding(&mut self, edits: u64, ids: &[CommandId]) -> (Vec<Block>, Vec<CommandId>) {
        let mut missing = Sorted::of_ids(ids);
        let mut found =
            |block: &Block| block.items.iter().filter(|item| missing.take(&item.id).is_some()).count() > 0;
        let blocks = self.take(edits, &mut found);
        (blocks, missing.into_keys())
    }

    /// Takes the blocks of these keys out, when all are still as they were read.
    pub(super) fn take_all(&mut self, edits: u64, keys: &Runs) -> Option<Vec<Block>> {
        let blocks = self.take(edits, &mut |block| keys.contains(block.key));
        (blocks.len() as u64 == keys.len()).then_some(blocks)
    }

    fn take(&mut self, edits: u64, is_wanted: &mut dyn FnMut(&Block) -> bool) -> Vec<Block> {
        let mut taken = Vec::new();
        if self.edits == edits {
            for block in std::mem::take(&mut self.blocks) {
                if is_wanted(&block) { &mut taken } else { &mut self.blocks }.push(block);
            }
        }
        taken
    }

    /// A settlement that counts itself behind `edits` is being written. It changes no block that is remembered: its own were taken out.
    pub(super) const fn settling(&mut self, edits: u64) {
        self.settling = Some(edits);
    }

    /// It was written.
    pub(super) fn settled(&mut self) {
        if self.settling.take() == Some(self.edits) {
            self.edits += 1;
        }
    }
}
