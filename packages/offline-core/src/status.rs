use serde::{Deserialize, Serialize};

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Waits to be sent.
    Pending,
    /// Part of the flight on the wire.
    InFlight,
    /// The server applied it. It has left the outbox for the journal.
    Succeeded,
    /// The server refused it: waits for a person.
    Failed,
    /// The record is not what its author saw: waits for a person.
    Conflict,
}

/// What can happen to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusEvent {
    /// It was put into a flight.
    TakeOff,
    /// The server applied it.
    Applied,
    /// The server refused it for good.
    Rejected,
    /// The server found another version.
    Conflicted,
    /// No final answer: retry, held, trouble, or a flight found after a crash.
    Requeued,
    /// A person sends it again.
    Retried,
    /// A person discarded it.
    Discarded,
}

/// Where an event leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transition {
    /// To another status (or the same).
    To(Status),
    /// Out of the outbox, journaled as discarded.
    Gone,
    /// Nowhere: the event is not possible here, and nothing may change.
    Refused,
}

impl Status {
    /// The status machine: total, and the only place where a status is decided.
    pub const fn on(self, event: StatusEvent) -> Transition {
        use {Status as S, StatusEvent as E};
        match (self, event) {
            (S::Pending, E::TakeOff) => Transition::To(S::InFlight),
            (S::InFlight, E::Applied) => Transition::To(S::Succeeded),
            (S::InFlight, E::Rejected) => Transition::To(S::Failed),
            (S::InFlight, E::Conflicted) => Transition::To(S::Conflict),
            (S::InFlight, E::Requeued) | (S::Failed | S::Conflict, E::Retried) => Transition::To(S::Pending),
            (S::Pending | S::Failed | S::Conflict, E::Discarded) => Transition::Gone,
            _ => Transition::Refused,
        }
    }

    /// Whether it waits for a person.
    pub const fn is_parked(self) -> bool {
        matches!(self, Self::Failed | Self::Conflict)
    }

    /// The name on the wire and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InFlight => "IN_FLIGHT",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Conflict => "CONFLICT",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    proptest! {
        #[test]
        fn whatever_happens_only_the_server_or_a_person_ends_a_command(events in vec(select(&EVENTS[..]), 0..60)) {
            let mut status = Status::Pending;
            for event in events {
                match status.on(event) {
                    Transition::Refused => {}
                    Transition::Gone => {
                        prop_assert_eq!(event, StatusEvent::Discarded);
                        prop_assert_ne!(status, Status::InFlight, "what is on the wire cannot be given up");
                        break;
                    }
                    Transition::To(Status::Succeeded) => {
                        prop_assert_eq!((status, event), (Status::InFlight, StatusEvent::Applied));
                        break;
                    }
                    Transition::To(next) => {
                        let parked_by_the_server = !next.is_parked() || status == Status::InFlight;
                        prop_assert!(parked_by_the_server, "{:?} on {:?}", status, event);
                        status = next;
                    }
                }
            }
        }
    }

    const STATUSES: [Status; 5] =
        [Status::Pending, Status::InFlight, Status::Succeeded, Status::Failed, Status::Conflict];
    const EVENTS: [StatusEvent; 7] = [
        StatusEvent::TakeOff,
        StatusEvent::Applied,
        StatusEvent::Rejected,
        StatusEvent::Conflicted,
        StatusEvent::Requeued,
        StatusEvent::Retried,
        StatusEvent::Discarded,
    ];

    #[test]
    fn the_machine_is_the_one_of_the_design() {
        let drawn = [
            (Status::Pending, StatusEvent::TakeOff, Transition::To(Status::InFlight)),
            (Status::Pending, StatusEvent::Discarded, Transition::Gone),
            (Status::InFlight, StatusEvent::Applied, Transition::To(Status::Succeeded)),
            (Status::InFlight, StatusEvent::Rejected, Transition::To(Status::Failed)),
            (Status::InFlight, StatusEvent::Conflicted, Transition::To(Status::Conflict)),
            (Status::InFlight, StatusEvent::Requeued, Transition::To(Status::Pending)),
            (Status::Failed, StatusEvent::Retried, Transition::To(Status::Pending)),
            (Status::Failed, StatusEvent::Discarded, Transition::Gone),
            (Status::Conflict, StatusEvent::Retried, Transition::To(Status::Pending)),
            (Status::Conflict, StatusEvent::Discarded, Transition::Gone),
        ];
        for status in STATUSES {
            for event in EVENTS {
                let expected = drawn.iter().find(|row| (row.0, row.1) == (status, event));
                assert_eq!(
                    status.on(event),
                    expected.map_or(Transition::Refused, |row| row.2),
                    "{status:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn only_a_person_moves_a_parked_command() {
        for status in STATUSES.into_iter().filter(|status| status.is_parked()) {
            let moves: Vec<_> =
                EVENTS.into_iter().filter(|event| status.on(*event) != Transition::Refused).collect();
            assert_eq!(moves, [StatusEvent::Retried, StatusEvent::Discarded]);
        }
    }
}
