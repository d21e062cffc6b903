//! What a store writes: the rules of [`crate::OutboxStore`] and [`crate::LeaseStore`] as pure functions, so that every adapter keeps the same ones.

use std::time::Duration;

use offline_protocol::{CommandId, Expected, IdempotencyKey, Payload, RecordKey, Timestamp, Version};

use crate::{
    Chain, Change, JournalEntry, JournalOutcome, Lease, NewCommand, OutboxCommand, Rebase, Status,
    StatusEvent, Takeover, Transition,
};

/// Where a command stands after a settlement.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It stays in the outbox.
    Stays(OutboxCommand),
    /// It leaves for the journal.
    Leaves(JournalEntry),
}

/// Whether `append` must look for an earlier command on the record, and which record that is.
pub fn chains_on(new: &NewCommand) -> Option<&RecordKey> {
    match new.chain {
        Chain::AsGiven => None,
        Chain::AfterOwn => new.command.touches.first(),
    }
}

/// The `expected` that `append` stores for a command that chains.
///
/// `unsettled` is the unsettled command on the record with the highest seq; `journaled` the applied one of the journal that gave the
/// record its highest version.
pub fn chained(
    given: Option<Expected>,
    unsettled: Option<CommandId>,
    journaled: Option<(CommandId, Version)>,
) -> Option<Expected> {
    #[cfg(planted)]
    if offline_protocol::planted::is(offline_protocol::planted::Bug::ChainForgotten) {
        return given;
    }
    match (given, unsettled, journaled) {
        (_, Some(own), _) => Some(Expected::After(own)),
        (Some(Expected::Version(seen)), None, Some((own, version))) if version > seen => {
            Some(Expected::After(own))
        }
        // Made on a screen that did not show the author's latest command yet, which has been applied meanwhile.
        (Some(Expected::After(seen)), None, Some((own, _))) if own != seen => Some(Expected::After(own)),
        (given, ..) => given,
    }
}

/// The version that a journaled command gave to a record; `None` when it was discarded or wrote others.
pub fn version_given(entry: &JournalEntry, key: &RecordKey) -> Option<Version> {
    match &entry.outcome {
        JournalOutcome::Applied { versions, .. } => versions
            .iter()
            .filter(|version| version.kind == key.kind && version.id == key.id)
            .map(|version| version.version)
            .max(),
        JournalOutcome::Discarded { .. } => None,
    }
}

/// The command in its flight; `None` when it is not PENDING.
pub fn taken_off(mut command: OutboxCommand) -> Option<OutboxCommand> {
    moved(&mut command, StatusEvent::TakeOff).then_some(command)
}

/// The command after its flight ended without a word on it.
pub fn put_back(mut command: OutboxCommand) -> OutboxCommand {
    moved(&mut command, StatusEvent::Requeued);
    command
}

/// The command of a flight that was left behind. It may have been sent, so it counts as if it had: whoever discards it must be told.
pub fn recovered(mut command: OutboxCommand) -> OutboxCommand {
    if moved(&mut command, StatusEvent::Requeued) {
        command.attempts = command.attempts.saturating_add(1);
    }
    command
}

/// The command after its flight; one that is not IN_FLIGHT stays as it is.
pub fn settled(mut command: OutboxCommand, change: Change, at: Timestamp) -> Settled {
    let event = match &change {
        Change::Applied(_) => StatusEvent::Applied,
        Change::Failed { .. } => StatusEvent::Rejected,
        Change::Conflict { .. } => StatusEvent::Conflicted,
        Change::Requeue { .. } => StatusEvent::Requeued,
    };
    if !moved(&mut command, event) {
        return Settled::Stays(command);
    }
    match change {
        Change::Applied(applied) => return Settled::Leaves(JournalEntry::applied(command, applied, at)),
        Change::Failed { error, attempts } => {
            command.attempts = attempts;
            command.next_attempt_at = None;
            command.last_error = Some(error);
        }
        Change::Conflict { error, conflict, attempts } => {
            command.attempts = attempts;
            command.next_attempt_at = None;
            command.last_error = Some(error);
            command.conflict = Some(conflict);
        }
        Change::Requeue { attempts, next_attempt_at, error } => {
            command.attempts = attempts;
            command.next_attempt_at = next_attempt_at;
            command.last_error = error.or(command.last_error);
        }
    }
    Settled::Stays(command)
}

/// The command when a person sends it again; `None` when its status does not allow it.
///
/// Its attempts begin anew: under the new key it was never sent, and under the old one it was not applied.
pub fn retried(
    mut command: OutboxCommand,
    idempotency_key: IdempotencyKey,
    expected: Option<Expected>,
    edited: Option<(Payload, Vec<RecordKey>)>,
) -> Option<OutboxCommand> {
    if !moved(&mut command, StatusEvent::Retried) {
        return None;
    }
    if command.idempotency_key != idempotency_key {
        command.idempotency_key = idempotency_key;
        command.attempts = 0;
    }
    command.expected = expected;
    if let Some((payload, touches)) = edited {
        command.payload = payload;
        command.touches = touches;
    }
    command.next_attempt_at = None;
    command.last_error = None;
    command.conflict = None;
    Some(command)
}

/// The journal's entry of a command that a person discards; `None` when its status does not allow it.
pub fn discarded(command: OutboxCommand, at: Timestamp) -> Option<JournalEntry> {
    let allowed = command.status.on(StatusEvent::Discarded) == Transition::Gone;
    allowed.then(|| JournalEntry::discarded(command, at))
}

/// The command with its new predecessors; `None` while it is in a flight, which must stay as it was sent.
pub fn rebased(mut command: OutboxCommand, rebase: Rebase) -> Option<OutboxCommand> {
    if command.status == Status::InFlight {
        return None;
    }
    command.expected = rebase.expected;
    command.depends_on = rebase.depends_on;
    Some(command)
}

/// Whether `holder` may take the partition's lease: it is free, expired, his own, or `takeover` says so.
pub fn may_take(
    current: Option<&Lease>,
    holder: &str,
    now: Timestamp,
    ttl: Duration,
    takeover: Takeover,
) -> bool {
    current.is_none_or(|lease| {
        let expired = lease.expires_at <= now || lease.expires_at > now.plus(ttl);
        expired || lease.holder == holder || takeover == Takeover::Always
    })
}

/// Moves the status by the status machine; false, and nothing is changed, when it refuses.
fn moved(command: &mut OutboxCommand, event: StatusEvent) -> bool {
    match command.status.on(event) {
        Transition::To(status) => {
            command.status = status;
            true
        }
        Transition::Gone | Transition::Refused => false,
    }
}
