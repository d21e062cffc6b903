use std::time::Duration;

use offline_protocol::{CommandId, CommandType, RecordKey, Timestamp, joined};
use serde_json::{Map, Value};

use crate::{OutboxCommand, Status};

/// Whether commands may go now, judged one after the other in the order of `seq`.
///
/// Two commands that touch a common record, or of which one names the other, keep their order. What is judged not to go blocks all that
/// depends on it and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// Which of the blockers it is, by a record or a command. (A map of this type is in what a page loads anyway, another one is not.)
    places: Map<String, Value>,
    blockers: Vec<Blocker>,
}

/// What stands in the way of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocker {
    /// The first command of the chain that does not go by its own fault.
    pub(crate) root: CommandId,
    /// Whether a person has to act on it.
    pub(crate) parked: bool,
}

/// How a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may go, in one batch with all that were found due before it.
    Due,
    /// It waits for its time.
    Waiting(Timestamp),
    /// It is on the wire.
    InFlight,
    /// It waits for a person.
    Parked,
    /// The server wants its type to stay in the outbox for now.
    TypePaused,
    /// It waits for another one.
    Blocked(Blocker),
}

/// What dueness depends on beside the commands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// The device's clock.
    pub(crate) now: Timestamp,
    /// Whether waits have been ended early.
    pub(crate) ignore_waits: bool,
    /// No wait is longer. A `nextAttemptAt` further away comes from a clock that has jumped, and is not waited for.
    pub(crate) longest_wait: Duration,
    /// The types that the server has paused.
    pub(crate) paused_types: &'a [CommandType],
}

impl Lanes {
    /// Judges the next command. Every unsettled command has to be shown, in the order of `seq`.
    pub(crate) fn judge(&mut self, command: &OutboxCommand, moment: Moment<'_>) -> Standing {
        let standing = self.standing(command, moment);
        #[cfg(planted)]
        if standing == Standing::Parked
            && offline_protocol::planted::is(offline_protocol::planted::Bug::ParkedBlocksNothing)
        {
            return standing;
        }
        let blocker = match standing {
            Standing::Due => return standing,
            Standing::Blocked(blocker) => blocker,
            _ => Blocker { root: command.command_id, parked: standing == Standing::Parked },
        };
        self.block(command, blocker);
        standing
    }

    /// Says that a command does not go for a reason of the caller's, so that what depends on it does not go either.
    pub(crate) fn hold_back(&mut self, command: &OutboxCommand) {
        self.block(command, Blocker { root: command.command_id, parked: false });
    }

    fn block(&mut self, command: &OutboxCommand, blocker: Blocker) {
        let place = Value::from(self.blockers.len());
        self.blockers.push(blocker);
        self.places.insert(joined![command.command_id], place.clone());
        for key in &command.touches {
            let key = record(key);
            if self.known(&key).is_none_or(|known| blocker.parked && !known.parked) {
                self.places.insert(key, place.clone());
            }
        }
    }

    fn known(&self, key: &str) -> Option<&Blocker> {
        self.blockers.get(self.places.get(key)?.as_u64()? as usize)
    }

    fn standing(&self, command: &OutboxCommand, moment: Moment<'_>) -> Standing {
        match command.status {
            Status::Failed | Status::Conflict => return Standing::Parked,
            Status::InFlight | Status::Succeeded => return Standing::InFlight,
            Status::Pending => {}
        }
        if let Some(blocker) = self.blocker(command) {
            return Standing::Blocked(blocker);
        }
        if moment.paused_types.contains(&command.command_type) {
            return Standing::TypePaused;
        }
        match command.next_attempt_at {
            Some(time)
                if !moment.ignore_waits
                    && time > moment.now
                    && time <= moment.now.plus(moment.longest_wait) =>
            {
                Standing::Waiting(time)
            }
            _ => Standing::Due,
        }
    }

    /// A parked blocker is named before one that goes by itself: it is the one a person has to know of.
    pub(crate) fn blocker(&self, command: &OutboxCommand) -> Option<Blocker> {
        let mut found: Option<Blocker> = None;
        let mut look = |key: &str| match self.known(key) {
            Some(known) if found.is_none_or(|found| known.parked && !found.parked) => found = Some(*known),
            _ => {}
        };
        if !self.blockers.is_empty() {
            command.named_predecessors().for_each(|id| look(&joined![id]));
            command.touches.iter().for_each(|key| look(&record(key)));
        }
        found
    }
}

/// As no command is named: the id of a command has no slash.
fn record(key: &RecordKey) -> String {
    joined![key.kind.as_str(), "/", key.id.as_str()]
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::subsequence};

    use super::*;
    use crate::test_commands::{after, command, id};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn judge(commands: &[OutboxCommand]) -> Vec<Standing> {
        let (mut lanes, paused_types) = (Lanes::default(), Vec::new());
        let longest_wait = Duration::from_secs(300);
        let moment = Moment { now: NOW, ignore_waits: false, longest_wait, paused_types: &paused_types };
        commands.iter().map(|command| lanes.judge(command, moment)).collect()
    }

    fn with(status: Status, mut command: OutboxCommand) -> OutboxCommand {
        command.status = status;
        command
    }

    #[test]
    fn a_parked_command_holds_its_lane_and_what_names_it_and_nothing_else() {
        let parked = Blocker { root: id(1), parked: true };
        let mut named = command(4, &["d"]);
        named.depends_on = vec![id(1)];
        let commands = [
            with(Status::Failed, command(1, &["a"])),
            command(2, &["a", "b"]),
            command(3, &["b"]),
            named,
            after(command(5, &["e"]), 4),
            command(6, &["c"]),
        ];
        let held = Standing::Blocked(parked);
        assert_eq!(judge(&commands), [Standing::Parked, held, held, held, held, Standing::Due]);
    }

    #[test]
    fn a_lane_goes_in_one_batch() {
        let commands = [command(1, &["a"]), after(command(2, &["a"]), 1), after(command(3, &["a"]), 2)];
        assert_eq!(judge(&commands), [Standing::Due; 3]);
    }

    #[test]
    fn a_wait_from_a_clock_that_has_jumped_is_not_waited_for() {
        let mut soon = command(1, &["a"]);
        soon.next_attempt_at = Some(NOW.plus(std::time::Duration::from_secs(60)));
        let mut absurd = command(2, &["b"]);
        absurd.next_attempt_at = Some(NOW.plus(std::time::Duration::from_secs(30 * 86_400)));
        let standings = judge(&[soon.clone(), absurd]);
        assert_eq!(standings, [Standing::Waiting(soon.next_attempt_at.unwrap()), Standing::Due]);
    }

    fn outbox() -> impl Strategy<Value = Vec<OutboxCommand>> {
        let statuses =
            prop_oneof![4 => Just(Status::Pending), 1 => Just(Status::Failed), 1 => Just(Status::Conflict)];
        let one =
            (subsequence(vec!["a", "b", "c", "d", "e"], 1..3), statuses, any::<prop::sample::Index>(), 0..4);
        vec(one, 1..40).prop_map(|rows| {
            let build = |(index, (touches, status, named, link)): (
                usize,
                (Vec<&str>, Status, prop::sample::Index, i32),
            )| {
                let seq = index as u64 + 1;
                let mut command = with(status, command(seq, &touches));
                if index > 0 && link == 0 {
                    command.depends_on = vec![id(named.index(index) as u64 + 1)];
                }
                command
            };
            rows.into_iter().enumerate().map(build).collect()
        })
    }

    /// Whether `later` must come after `earlier`, directly.
    fn linked(earlier: &OutboxCommand, later: &OutboxCommand) -> bool {
        later.named_predecessors().any(|id| id == earlier.command_id)
            || later.touches.iter().any(|key| earlier.touches.contains(key))
    }

    proptest! {
        #[test]
        fn a_command_goes_exactly_when_no_parked_one_is_upstream(commands in outbox()) {
            // The definition, written down plainly: upstream is the transitive closure of being linked.
            let mut stuck = vec![false; commands.len()];
            for later in 0..commands.len() {
                stuck[later] = commands[later].status.is_parked()
                    || (0..later).any(|earlier| stuck[earlier] && linked(&commands[earlier], &commands[later]));
            }
            let due: Vec<bool> = judge(&commands).iter().map(|standing| *standing == Standing::Due).collect();
            prop_assert_eq!(due, stuck.into_iter().map(|stuck| !stuck).collect::<Vec<_>>());
        }
    }
}
