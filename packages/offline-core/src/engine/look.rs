use std::time::Duration;

use offline_protocol::{CommandId, CommandType, Limits, Seq, Timestamp};

use super::Inner;
use crate::{
    BoxFuture, OutboxCommand, StoreError, TOGETHER,
    lanes::{self, Lanes, Standing},
};

/// What a request's body needs beside its commands.
const ENVELOPE_BYTES: usize = 64;

/// For how long flights may be put together from where the one before them has ended. Then the outbox is looked through from its head again: there may
/// be what a person has sent again since.
const FROM_THE_HEAD_EVERY: Duration = Duration::from_secs(2);

/// A batch to which less than this part of itself could be added may end where rows end.
const ALMOST: usize = 12;

/// A look through the outbox for the commands of the next flight, within the limits of a request.
pub(super) struct Look {
    limits: Limits,
    ignore_waits: bool,
    paused_types: Vec<CommandType>,
    lanes: Lanes,
    pub(super) due: Vec<CommandId>,
    bytes: usize,
    is_full: bool,
    /// When the first of those that wait for their time may go.
    pub(super) next_attempt_at: Option<Timestamp>,
    /// The last command that was judged.
    last: Option<Seq>,
    /// How many more are to be judged at most.
    left: usize,
    /// When it was at the head.
    began: Option<Timestamp>,
}

impl Look {
    /// From the head of the outbox.
    pub(super) fn new(limits: Limits, ignore_waits: bool, paused_types: Vec<CommandType>) -> Box<Self> {
        Box::new(Self {
            limits,
            ignore_waits,
            paused_types,
            lanes: Lanes::default(),
            due: Vec::new(),
            bytes: ENVELOPE_BYTES,
            is_full: false,
            next_attempt_at: None,
            last: None,
            left: usize::MAX,
            began: None,
        })
    }

    /// Whether it has found a whole batch within these limits. What is less is left to a look from the head.
    pub(super) fn is_batch(&self, limits: Limits) -> bool {
        self.is_full && !self.due.is_empty() && self.limits == limits
    }

    /// From where it has ended, for the flight that is to follow when all of this one is applied.
    pub(super) fn behind(mut self: Box<Self>, now: Timestamp) -> Option<Box<Self>> {
        if !self.is_full || now.since(self.began?) >= FROM_THE_HEAD_EVERY {
            return None;
        }
        // Waits are ended early for one flight.
        (self.ignore_waits, self.is_full) = (false, false);
        self.bytes = ENVELOPE_BYTES;
        // Where little of what is behind may go, there may be little for long.
        self.left = 2 * self.limits.max_items as usize;
        Some(self)
    }

    /// Judges the next command; false when there is no room for more, or when it is enough.
    fn judge(&mut self, command: &OutboxCommand, now: Timestamp, longest_wait: Duration) -> bool {
        let Self { limits, ignore_waits, paused_types, .. } = self;
        let moment = lanes::Moment { now, ignore_waits: *ignore_waits, longest_wait, paused_types };
        match self.lanes.judge(command, moment) {
            Standing::Due => {
                let bytes = self.bytes + command.room_on_the_wire();
                if !self.due.is_empty() && bytes > limits.max_body_bytes as usize {
                    self.is_full = true;
                    return false;
                }
                self.bytes = bytes;
                self.due.push(command.command_id);
                let found = self.due.len();
                let spare = if command.seq.get().is_multiple_of(TOGETHER) { found / ALMOST } else { 0 };
                self.is_full = found + spare >= limits.max_items as usize;
            }
            Standing::Waiting(time) => {
                self.next_attempt_at = Some(self.next_attempt_at.map_or(time, |next| next.min(time)));
            }
            _ => {}
        }
        self.last = Some(command.seq);
        self.left = self.left.saturating_sub(1);
        !self.is_full && self.left > 0
    }
}

impl Inner {
    /// Looks on until there is no room for more, or to the end of the outbox.
    pub(super) fn look(&self, mut look: Box<Look>) -> BoxFuture<'_, Result<Box<Look>, StoreError>> {
        Box::pin(async move {
            let (now, longest_wait) = (self.ports.clock.now(), self.config.retry.cap);
            let first = look.last.map(Seq::next);
            look.began.get_or_insert(now);
            self.each_from(first, &mut |command| look.judge(command, now, longest_wait)).await?;
            Ok(look)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_commands;

    /// How many commands of an endless outbox, from `first` on, one batch takes.
    fn batch(first: u64, max_items: u32) -> usize {
        let limits = Limits { max_items, max_body_bytes: u32::MAX, max_item_bytes: u32::MAX };
        let mut look = Look::new(limits, false, Vec::new());
        let mut seqs = first..;
        let mut judge = |seq| look.judge(&test_commands::command(seq, &[]), Timestamp::EPOCH, Duration::ZERO);
        while judge(seqs.next().unwrap()) {}
        look.due.len()
    }

    #[test]
    fn a_look_goes_on_behind_a_full_batch_until_what_it_saw_at_the_head_is_old() {
        let limits = Limits { max_items: 1, max_body_bytes: u32::MAX, max_item_bytes: u32::MAX };
        let at = Timestamp::from_millis;
        let full = |began| {
            let mut look = Look::new(limits, true, Vec::new());
            look.began = began;
            assert!(!look.judge(&test_commands::command(1, &[]), at(0), Duration::ZERO));
            look
        };
        assert!(full(Some(at(1000))).behind(at(2999)).is_some_and(|look| !look.ignore_waits));
        assert!(full(Some(at(1000))).behind(at(3000)).is_none());
        assert!(full(None).behind(at(0)).is_none());
        assert!(Look::new(limits, false, Vec::new()).behind(at(0)).is_none(), "it is not full");
    }

    #[test]
    fn a_batch_that_is_almost_full_ends_where_rows_end_and_a_small_one_where_it_is_full() {
        assert_eq!(batch(1, 1000), 960, "behind 960");
        assert_eq!(batch(961, 1000), 960, "behind 1,920");
        assert_eq!(batch(30, 1000), 931, "behind 960");
        assert_eq!(batch(41, 1000), 984, "behind 1,024: at 960 it has room for a whole row");
        for (first, most) in [(1, 10), (60, 10), (1, 64), (1, 1), (64, 1)] {
            assert_eq!(batch(first, most), most as usize, "{first}, {most}");
        }
    }
}
