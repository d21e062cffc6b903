use offline_protocol::{CommandId, Expected, Payload, ProblemCode, RecordKey, Version};
use serde::{Deserialize, Serialize};

use super::{Engine, Inner, OutboxEntry};
use crate::{
    BoxFuture, EngineError, EventKind, HowResolved, Notice, OutboxCommand, OutboxQuery, Rebase, Resolution,
    Resolve, Signal, Status, StatusEvent, StoreError, Transition, lanes::Lanes, settle::UNKNOWN_DEPENDENCY,
};

/// What becomes of the commands that wait behind a discarded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dependants {
    /// They are discarded with it.
    Discard,
    /// They stay, and come after what the discarded one came after.
    Keep,
}

/// What a discard did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscardReport {
    /// Everything that left the outbox, in the order of `seq`.
    pub discarded: Vec<CommandId>,
    /// Those of them that had been sent without a final answer: the server may have them all the same.
    pub maybe_applied: Vec<CommandId>,
}

impl Engine {
    /// Sends a parked command again: same id, same place, and against the server's version when it was a conflict. It gets a new idempotency key
    /// when the old one has a verdict of the server, which stands for ever.
    /// `payload` stands in place of the old one when given.
    pub async fn retry_with_latest(
        &self,
        id: CommandId,
        payload: Option<Payload>,
    ) -> Result<(), EngineError> {
        let inner = &*self.0;
        let command = inner.command(id).await?;
        if command.status.on(StatusEvent::Retried) == Transition::Refused {
            return Err(EngineError::NotParked);
        }
        let edited = match payload {
            Some(payload) => {
                let keys: Vec<RecordKey> =
                    inner.registry.prepare(&command.command_type, &payload.value())?.keys();
                Some((payload, keys))
            }
            None => None,
        };
        let mut expected = expected_now(&command);
        if let (Some(Expected::After(own)), None) = (command.expected, &command.conflict)
            && inner.command(own).await.is_ok()
        {
            // It is an earlier one that the server does not know: behind it all are answered so.
            expected = command.expected;
        }
        let led_elsewhere =
            edited.as_ref().is_some_and(|(_, touches)| touches.first() != command.touches.first());
        if led_elsewhere {
            // What it expected speaks of the record that it was made for.
            expected = expected.map(|_| Expected::Version(Version::FIRST));
        }
        let at = inner.ports.clock.now();
        let idempotency_key =
            if command.has_verdict() { inner.new_key(at) } else { command.idempotency_key.clone() };
        let resolution = Resolution::Retry { idempotency_key, expected, edited };
        if !inner.ports.outbox.resolve(Resolve { command_id: id, at, resolution }).await? {
            return Err(EngineError::NotParked);
        }
        self.resolved(vec![command], HowResolved::Retried);
        Ok(())
    }

    /// The unsettled commands that wait behind this one, directly or not, in the order of `seq`.
    pub async fn blast_radius(&self, id: CommandId) -> Result<Vec<OutboxEntry>, EngineError> {
        let command = self.0.command(id).await?;
        let entry =
            |dependant| OutboxEntry { command: dependant, held_by: command.status.is_parked().then_some(id) };
        Ok(self.0.dependants(&command).await?.into_iter().map(entry).collect())
    }

    /// Takes a command out of the outbox, journaled as discarded. Needs to be told what becomes of those that wait behind it, when there are
    /// any. A command on the wire cannot be discarded.
    pub async fn discard(
        &self,
        id: CommandId,
        dependants: Option<Dependants>,
    ) -> Result<DiscardReport, EngineError> {
        let inner = &*self.0;
        let command = inner.command(id).await?;
        if command.status.on(StatusEvent::Discarded) == Transition::Refused {
            return Err(EngineError::InFlight);
        }
        let behind = inner.dependants(&command).await?;
        if dependants.is_none() && !behind.is_empty() {
            return Err(EngineError::HasDependants { count: behind.len() });
        }
        // In the order of seq, the named one first.
        let mut gone = vec![command];
        let mut rebased = Vec::new();
        match dependants {
            Some(Dependants::Discard) => gone.extend(behind),
            // When the server may have it, it knows those behind it by what they say now.
            Some(Dependants::Keep) if !maybe_applied(&gone[0]) => {
                behind.iter().for_each(|behind| rebased.extend(rebase(behind, &gone[0])));
            }
            _ => {}
        }
        let at = inner.ports.clock.now();
        let discarded: Vec<CommandId> = gone.iter().map(|command| command.command_id).collect();
        let resolution = Resolution::Discard { also: discarded[1..].to_vec(), rebase: rebased };
        if !inner.ports.outbox.resolve(Resolve { command_id: id, at, resolution }).await? {
            // Something took off or was settled between the two transactions.
            return Err(EngineError::InFlight);
        }
        let mut report = DiscardReport { discarded, maybe_applied: Vec::new() };
        for command in gone.iter().filter(|command| maybe_applied(command)) {
            report.maybe_applied.push(command.command_id);
        }
        self.resolved(gone, HowResolved::Discarded);
        Ok(report)
    }

    fn resolved(&self, commands: Vec<OutboxCommand>, how: HowResolved) {
        let inner = &*self.0;
        let command_ids = commands.iter().map(|command| command.command_id).collect();
        for OutboxCommand { command_id, client_trace_id, .. } in commands {
            inner.tell_event(EventKind::Resolved { command_id, client_trace_id, how });
        }
        inner.shared.mark_counts();
        inner.tell(Notice::Changed { command_ids });
        self.wake(Signal::Resolved);
    }
}

impl Inner {
    /// In a box, as what follows, so that it is compiled once and not with each of its callers.
    fn command(&self, id: CommandId) -> BoxFuture<'_, Result<OutboxCommand, EngineError>> {
        let found = self.ports.outbox.list(OutboxQuery::Ids(vec![id]));
        Box::pin(async move { found.await?.pop().ok_or(EngineError::NotFound) })
    }

    /// Everything after `command` that shares a record with it or names it, and so on.
    fn dependants(&self, command: &OutboxCommand) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>> {
        let (mut lanes, mut found, next) = (Lanes::default(), Vec::new(), command.seq.next());
        lanes.hold_back(command);
        Box::pin(async move {
            let visit = &mut |later: &OutboxCommand| {
                if lanes.blocker(later).is_some() {
                    lanes.hold_back(later);
                    found.push(later.clone());
                }
                true
            };
            self.each_from(Some(next), visit).await?;
            Ok(found)
        })
    }
}

/// Whether it was sent without a final answer.
fn maybe_applied(command: &OutboxCommand) -> bool {
    command.status == Status::Pending && command.attempts > 0
}

/// What a command that is sent again expects: the version that the server has shown, else what it expected before.
///
/// One that came after a command which the server does not know, or which wrote another record, expects a version that no record has: the
/// answer is a conflict with the record as it is, and from there a person decides.
fn expected_now(command: &OutboxCommand) -> Option<Expected> {
    // Versions are checked of the record that is touched first: what the server says of another one says nothing of it.
    if let (Some(conflict), Some(first)) = (&command.conflict, command.touches.first())
        && first.kind == conflict.kind
        && first.id == conflict.id
    {
        return Some(Expected::Version(conflict.server_version));
    }
    let unrelated = ProblemCode::InvalidCommand.as_str();
    let lost = command
        .last_error
        .as_ref()
        .is_some_and(|error| error.code == UNKNOWN_DEPENDENCY || error.code == unrelated);
    match command.expected {
        Some(Expected::After(_)) if lost => Some(Expected::Version(Version::FIRST)),
        other => other,
    }
}

/// What `behind` comes after when `gone` is no longer there; `None` when it does not name it.
fn rebase(behind: &OutboxCommand, gone: &OutboxCommand) -> Option<Rebase> {
    if !behind.named_predecessors().any(|id| id == gone.command_id) {
        return None;
    }
    let expected = match behind.expected {
        Some(Expected::After(id)) if id == gone.command_id => inherited(behind, gone),
        other => other,
    };
    let mut depends_on = behind.depends_on.clone();
    depends_on.retain(|id| *id != gone.command_id);
    for id in &gone.depends_on {
        if !behind.depends_on.contains(id) {
            depends_on.push(*id);
        }
    }
    Some(Rebase { command_id: behind.command_id, expected, depends_on })
}

/// What the discarded command expected, as far as it says anything about the record of the one behind it. Else a version that no record
/// has: to check nothing could overwrite what its author never saw; so the answer is a conflict, and a person decides.
fn inherited(behind: &OutboxCommand, gone: &OutboxCommand) -> Option<Expected> {
    let same_record = behind.touches.first() == gone.touches.first();
    gone.expected.filter(|_| same_record).or(Some(Expected::Version(Version::FIRST)))
}
