use offline_core::{Counts, Status, StoreError};

use offline_protocol::{Part, joined, whole_number};

use super::{block::UNSETTLED, flight::Flights, runs::Runs};
use crate::{
    idb::{Answer, Index, Plan, Row, Seen, Step, Store, Want},
    words::parts,
};

const TALLY: &str = "tally";

/// What the counts follow from, kept by everything but `append`. Stored as its numbers in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many commands have left the outbox.
    pub(super) removed: u64,
    /// The highest seq of them.
    pub(super) highest_removed: u64,
    /// How many are FAILED.
    pub(super) failed: u64,
    /// How many are in CONFLICT.
    pub(super) conflict: u64,
    /// How many entries the journal holds.
    pub(super) journaled: u64,
    /// How many it has ever held: the last one's number.
    pub(super) last_journaled: u64,
    /// How often rows of unsettled commands were changed.
    pub(super) edits: u64,
    /// The seqs of rows that were settled as a whole and stand in their place until the journal forgets them.
    pub(super) settled: Runs,
}

impl Tally {
    /// Asks for it.
    pub(super) fn ask(plan: &mut Plan) {
        plan.text(Store::Meta, TALLY);
    }

    /// The answer to [`Tally::ask`].
    pub(super) fn of(answer: &Answer) -> Result<Self, StoreError> {
        let Some(row) = answer.first() else { return Ok(Self::default()) };
        Self::parse(&row.text).ok_or(StoreError::Corrupt { what: "tally" })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = parts(text, b' ');
        let mut next = || whole_number(parts.next()?);
        Some(Self {
            removed: next()?,
            highest_removed: next()?,
            failed: next()?,
            conflict: next()?,
            journaled: next()?,
            last_journaled: next()?,
            edits: next()?,
            settled: Runs::parse(parts.next().unwrap_or_default())?,
        })
    }

    /// Writes it.
    pub(super) fn put(&self, plan: &mut Plan) {
        let Self { removed, highest_removed, failed, conflict, journaled, last_journaled, edits, settled } =
            self;
        let numbers = [removed, highest_removed, failed, conflict, journaled, last_journaled, edits];
        let mut text = String::new();
        for number in numbers {
            text += &joined![number, " "];
        }
        settled.add_to(&mut text);
        plan.put_text(Store::Meta, TALLY, text);
    }

    /// Those rows that hold unsettled commands.
    pub(super) fn unsettled<'r>(
        &self,
        rows: impl IntoIterator<Item = &'r Row>,
    ) -> impl Iterator<Item = &'r Row> {
        rows.into_iter().filter(|row| row.key > 0 && !self.settled.contains(row.key))
    }

    /// Counts a command that leaves the outbox for the journal.
    pub(super) fn remove(&mut self, seq: u64, status: Status) {
        self.removed += 1;
        self.highest_removed = self.highest_removed.max(seq);
        self.unpark(status);
    }

    /// Counts a command that is parked from now on.
    pub(super) fn park(&mut self, status: Status) {
        match status {
            Status::Failed => self.failed += 1,
            Status::Conflict => self.conflict += 1,
            Status::Pending | Status::InFlight | Status::Succeeded => {}
        }
    }

    /// Counts a command that is not parked any more.
    pub(super) fn unpark(&mut self, status: Status) {
        match status {
            Status::Failed => self.failed = self.failed.saturating_sub(1),
            Status::Conflict => self.conflict = self.conflict.saturating_sub(1),
            Status::Pending | Status::InFlight | Status::Succeeded => {}
        }
    }
}

/// How many commands there are, by three requests whatever their number: seqs have no gaps.
pub(super) fn counts(seen: &Seen<'_>, plan: &mut Plan) -> Result<Step<Counts>, StoreError> {
    let [tally, flights, last] = seen.answers else {
        Tally::ask(plan);
        Flights::ask(plan);
        plan.read(Want::LastKey, (Store::Commands, Index::Primary), UNSETTLED, 1);
        return Ok(Step::More);
    };
    let tally = Tally::of(tally)?;
    let in_flight = Flights::of(flights)?.len();
    let last = last.first().map_or(0, |row| row.key as u64);
    let unsettled = last.max(tally.highest_removed).saturating_sub(tally.removed);
    let others = in_flight + tally.failed + tally.conflict;
    Ok(Step::Done(Counts {
        pending: unsettled.saturating_sub(others),
        in_flight,
        failed: tally.failed,
        conflict: tally.conflict,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idb::Request;

    #[test]
    fn a_tally_is_read_as_it_was_written_and_nonsense_is_corrupt() {
        let tally = Tally {
            removed: 7,
            highest_removed: 9,
            failed: 1,
            conflict: 2,
            journaled: 3,
            last_journaled: 8,
            edits: 5,
            settled: Runs::parse("1-64").unwrap(),
        };
        let mut plan = Plan::default();
        tally.put(&mut plan);
        let [Request::Text { text, .. }] = &plan.0[..] else { panic!("one text was to be written") };
        let row = |text: &str| vec![Row { key: 0, text: text.to_owned(), size: 0 }];
        assert_eq!(Tally::of(&row(text)).unwrap(), tally);
        assert_eq!(Tally::of(&Vec::new()).unwrap(), Tally::default());
        // As version 3 of the layout wrote it.
        assert!(Tally::of(&row("7 9 1 2 3 8 5")).unwrap() == Tally { settled: Runs::default(), ..tally });
        for text in ["", "1 2 3", "1 2 3 4 5 6 x", "1 2 3 4 5 6 7 8", "{}"] {
            assert!(matches!(Tally::of(&row(text)), Err(StoreError::Corrupt { .. })), "{text}");
        }
    }
}
