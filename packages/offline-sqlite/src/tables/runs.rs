//! Commands as runs of seqs without gaps: of those that were settled, and of those in flight.

use offline_core::StoreError;
use offline_protocol::Seq;
use rusqlite::Row;

use crate::transaction::{Transaction, signed};

/// Commands in a row of the journal at most.
const COMMANDS_PER_ROW: usize = 64;

/// From the first to the last seq, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Run {
    /// As it stands in the first two columns.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { first: row.get(0)?, last: row.get(1)? })
    }

    /// Of seqs in ascending order.
    pub(super) fn all(seqs: impl Iterator<Item = Seq>) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for seq in seqs.map(|seq| signed(seq.get())) {
            match runs.last_mut() {
                Some(run) if run.last + 1 == seq => run.last = seq,
                _ => runs.push(Self { first: seq, last: seq }),
            }
        }
        runs
    }

    /// The one of these, in ascending order, that a seq is in.
    pub(crate) fn of(runs: &[Self], seq: Seq) -> Option<Self> {
        let seq = signed(seq.get());
        let after = runs.partition_point(|run| run.first <= seq);
        after.checked_sub(1).map(|place| runs[place]).filter(|run| seq <= run.last)
    }

    /// Cut into such as are read quickly when one of their commands is asked for.
    pub(super) fn in_parts(self) -> impl Iterator<Item = Self> {
        let firsts = (self.first..=self.last).step_by(COMMANDS_PER_ROW);
        firsts.map(move |first| Self { first, last: self.last.min(first + COMMANDS_PER_ROW as i64 - 1) })
    }

    /// How many seqs it has.
    pub(crate) const fn len(&self) -> u64 {
        (self.last - self.first).unsigned_abs() + 1
    }
}

/// The settled run that a seq is in.
pub(super) fn settled(transaction: &Transaction<'_>, seq: i64) -> Result<Option<Run>, StoreError> {
    let sql = "SELECT first_seq, last_seq FROM settled WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1";
    let run = transaction.row(sql, [seq], Run::read)?;
    Ok(run.filter(|run| seq <= run.last))
}

/// Where the next settled run behind a seq begins.
pub(super) fn next_settled(transaction: &Transaction<'_>, seq: i64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT first_seq FROM settled WHERE first_seq > ?1 ORDER BY first_seq LIMIT 1";
    transaction.row(sql, [seq], |row| row.get(0))
}

/// All that is in flight.
pub(super) fn flying(transaction: &Transaction<'_>) -> Result<Vec<Run>, StoreError> {
    transaction.rows("SELECT first_seq, last_seq FROM flying ORDER BY first_seq", [], Run::read)
}

/// Moves the partition's head past what is settled or gone.
pub(super) fn advance_head(transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let sql = "SELECT seq FROM outbox WHERE seq >= ?1 ORDER BY seq LIMIT 1";
    loop {
        let head = signed(transaction.partition.head);
        let next = match settled(transaction, head)? {
            Some(run) => Some(run.last + 1),
            None => transaction.row(sql, [head], |row| row.get(0))?,
        };
        match next {
            Some(next) if next > head => transaction.partition.head = next.unsigned_abs(),
            _ => return Ok(()),
        }
    }
}
