use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use offline_domain::ConflictPolicy;
use offline_protocol::{
    CommandId, DeviceId, Expected, IdempotencyKey, MAX_DEPENDS_ON, RecordKey, Seq, Timestamp, ToJson,
    TraceId, joined,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Engine, Inner};
use crate::{
    Appended, Bell, Chain, Durability, EngineError, EventKind, JournalOutcome, JournalQuery, NewCommand,
    OutboxCommand, OutboxQuery, Signal, Status, StoreError, write::OnTheWire,
};

/// A command as an application makes it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnqueueRequest {
    /// A registered type.
    #[serde(rename = "type")]
    pub command_type: String,
    /// The intent's content.
    pub payload: Value,
    /// The version its author saw. With own unsettled commands on the record it becomes `after` the last of them.
    #[serde(default)]
    pub expected: Option<Expected>,
    /// Commands that must have been applied before it, beside those on the same record.
    #[serde(default)]
    pub depends_on: Vec<CommandId>,
    /// How sure it is when `enqueue` resolves.
    #[serde(default)]
    pub durability: Durability,
    /// Ties it to the application's logs; a new one when absent.
    #[serde(default)]
    pub client_trace_id: Option<TraceId>,
}

impl EnqueueRequest {
    /// A command without expectation and dependencies, with strict durability.
    pub fn new(command_type: impl Into<String>, payload: Value) -> Self {
        Self {
            command_type: command_type.into(),
            payload,
            expected: None,
            depends_on: Vec::new(),
            durability: Durability::Strict,
            client_trace_id: None,
        }
    }

    /// The same with the version its author saw.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.expected = Some(expected);
        self
    }

    /// The same, to be applied only after `command_id`.
    #[must_use]
    pub fn depending_on(mut self, command_id: CommandId) -> Self {
        self.depends_on.push(command_id);
        self
    }
}

impl std::fmt::Debug for EnqueueRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnqueueRequest").field("expected", &self.expected).finish_non_exhaustive()
    }
}

/// A command that is durable in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Enqueued {
    /// Its name for ever.
    pub command_id: CommandId,
    /// Its place.
    pub seq: Seq,
    /// Ties it to logs.
    pub client_trace_id: TraceId,
    /// The records it touches.
    pub touches: Vec<RecordKey>,
}

impl Engine {
    /// Checks a command and stores it. Once this has resolved with `Ok`, the command leaves the outbox only by the server's final answer or
    /// by a person's hand; on an error nothing was stored.
    ///
    /// Commands that are enqueued at the same time share a transaction, and are stored in the order of the calls. Dropping the future
    /// before it has resolved leaves open whether the command was stored.
    pub async fn enqueue(&self, request: EnqueueRequest) -> Result<Enqueued, EngineError> {
        let inner = &*self.0;
        if inner.shared.is_closed() {
            return Err(EngineError::Closed);
        }
        let durability = request.durability;
        let new = inner.prepare(request)?;
        if new.command.named_predecessors().next().is_some() {
            inner.check_predecessors(&new.command).await?;
        }
        let (command_id, touches) = (new.command.command_id, new.command.touches.clone());
        let client_trace_id = new.command.client_trace_id.clone();
        let appended = inner.append(new, durability).await?;

        inner.tell_event(EventKind::Enqueued {
            command_id,
            client_trace_id: client_trace_id.clone(),
            seq: appended.seq,
        });
        Ok(Enqueued { command_id, seq: appended.seq, client_trace_id, touches })
    }
}

impl Inner {
    fn prepare(&self, request: EnqueueRequest) -> Result<NewCommand, EngineError> {
        let (command_type, prepared) =
            self.registry.prepare_named(&request.command_type, &request.payload)?;
        let chain = match (prepared.policy(), request.expected) {
            (ConflictPolicy::Guarded, None) => return Err(EngineError::VersionRequired),
            (ConflictPolicy::Guarded | ConflictPolicy::CheckedWhenGiven, Some(_)) => Chain::AfterOwn,
            _ => Chain::AsGiven,
        };
        let named = request.depends_on.len();
        if named > MAX_DEPENDS_ON {
            return Err(EngineError::TooManyDependencies { named });
        }
        let now = self.ports.clock.now();
        let client_trace_id = match request.client_trace_id {
            Some(id) => id,
            None => trace_id(self.ports.ids.uuid(now)),
        };
        let command = OutboxCommand {
            command_id: CommandId::from_uuid(self.ports.ids.uuid(now)),
            workspace_id: self.config.workspace_id.clone(),
            user_id: self.config.user_id.clone(),
            device_id: DeviceId::clone(&self.config.device_id),
            seq: Seq::FIRST,
            command_type,
            payload: request.payload,
            touches: prepared.keys(),
            expected: request.expected,
            depends_on: request.depends_on,
            status: Status::Pending,
            attempts: 0,
            next_attempt_at: None,
            idempotency_key: self.new_key(now),
            created_at: now,
            client_trace_id,
            last_error: None,
            conflict: None,
        };
        let (bytes, limit) = (wire_size(&command), self.config.limits.max_item_bytes as usize);
        if bytes > limit {
            return Err(EngineError::TooLarge { bytes, limit });
        }
        Ok(NewCommand { command, chain })
    }

    pub(super) fn new_key(&self, now: Timestamp) -> IdempotencyKey {
        let key = joined![self.ports.ids.uuid(now)];
        IdempotencyKey::of(&key).expect("BUG: a UUID is visible ASCII")
    }

    /// A command after one that never comes would wait for ever.
    async fn check_predecessors(&self, command: &OutboxCommand) -> Result<(), EngineError> {
        let ids: Vec<CommandId> = command.named_predecessors().collect();
        let outbox = self.ports.outbox.list(OutboxQuery::Ids(ids.clone())).await?;
        let missing: Vec<CommandId> =
            ids.into_iter().filter(|id| !outbox.iter().any(|known| known.command_id == *id)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let journal = self.ports.outbox.journal(JournalQuery::Ids(missing.clone())).await?;
        let applied = |id: &CommandId| {
            journal.iter().any(|entry| {
                entry.command.command_id == *id && matches!(entry.outcome, JournalOutcome::Applied { .. })
            })
        };
        match missing.into_iter().find(|id| !applied(id)) {
            Some(unknown) => Err(EngineError::UnknownDependency(unknown)),
            None => Ok(()),
        }
    }
}

fn trace_id(uuid: uuid::Uuid) -> TraceId {
    let digits: String = joined![uuid].chars().filter(|digit| *digit != '-').collect();
    TraceId::of(&digits).expect("BUG: a UUID is visible ASCII")
}

/// How many bytes the command takes on the wire.
pub(super) fn wire_size(command: &OutboxCommand) -> usize {
    OnTheWire(command).to_text().len()
}

type Answer = Result<Appended, StoreError>;

/// How many commands are written in one transaction: their answers all come at once, and a page has to stay awake.
const GROUP: usize = 1024;

/// Lets concurrent enqueues share a transaction: whoever gets the turn writes what has gathered meanwhile, for all.
#[derive(Debug, Default)]
pub(super) struct GroupCommit {
    state: Mutex<Group>,
    bell: Bell,
}

#[derive(Debug, Default)]
struct Group {
    /// Whether somebody has the turn.
    taken: bool,
    waiting: Vec<Waiting>,
}

/// The turn; dropping it gives it on.
pub(super) struct Turn<'a> {
    group: &'a GroupCommit,
    /// Whose commands were written in it.
    members: Vec<Arc<Slot>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.group.state();
        state.taken = false;
        // The next one is to write before these do anything with their answers.
        let next: Vec<_> = state.waiting.iter().map(|waiting| Arc::clone(&waiting.slot)).collect();
        drop(state);
        next.iter().for_each(|slot| slot.wake());
        self.members.iter().for_each(|slot| {
            slot.place().orphaned = true;
            slot.wake();
        });
        self.group.bell.ring();
    }
}

impl GroupCommit {
    fn state(&self) -> MutexGuard<'_, Group> {
        self.state.lock().expect("BUG: no code that holds this lock panics")
    }

    fn try_turn(&self) -> Option<Turn<'_>> {
        let taken = std::mem::replace(&mut self.state().taken, true);
        (!taken).then(|| Turn { group: self, members: Vec::new() })
    }

    /// Waits for the turn; until it is dropped nothing is appended.
    pub(super) async fn turn(&self) -> Turn<'_> {
        self.bell.until(|| self.try_turn()).await
    }

    /// The answer in the slot, or the turn.
    fn answer_or_turn(&self, slot: &Slot, context: &Context<'_>) -> Poll<Result<Turn<'_>, Answer>> {
        let mut place = slot.place();
        if let Some(answer) = place.answer.take() {
            return Poll::Ready(Err(answer));
        }
        if place.orphaned {
            self.bell.hear(context);
        } else {
            place.waker = Some(context.waker().clone());
        }
        drop(place);
        self.try_turn().map_or(Poll::Pending, |turn| Poll::Ready(Ok(turn)))
    }
}

#[derive(Debug)]
struct Waiting {
    new: NewCommand,
    durability: Durability,
    slot: Arc<Slot>,
}

/// Where the one who writes puts the answer.
#[derive(Debug, Default)]
struct Slot(Mutex<Place>);

#[derive(Debug, Default)]
struct Place {
    answer: Option<Answer>,
    waker: Option<Waker>,
    /// Whether the turn in which it was to be written is over: when it has no answer, it is to be written again.
    orphaned: bool,
}

impl Slot {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().expect("BUG: no code that holds this lock panics")
    }

    fn wake(&self) {
        let waker = self.place().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl std::fmt::Debug for NewCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.command.fmt(f)
    }
}

impl Inner {
    async fn append(&self, new: NewCommand, durability: Durability) -> Answer {
        let slot = Arc::<Slot>::default();
        let waiting = |new| Waiting { new, durability, slot: Arc::clone(&slot) };
        self.group.state().waiting.push(waiting(new.clone()));
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::GroupCommitEarly)
            && self.group.state().taken
        {
            return Ok(Appended { seq: Seq::FIRST, expected: None, duplicate: false });
        }
        loop {
            let turn = match poll_fn(|context| self.group.answer_or_turn(&slot, context)).await {
                Ok(turn) => turn,
                Err(answer) => return answer,
            };
            let mut group = Vec::new();
            if slot.place().orphaned {
                // The future that was to write it was dropped. Asking again is safe, the store knows the id.
                group.push(waiting(new.clone()));
            }
            {
                let waiting = &mut self.group.state().waiting;
                let most = waiting.len().min(GROUP);
                group.extend(waiting.drain(..most));
            }
            self.write_group(turn, group).await;
        }
    }

    async fn write_group(&self, mut turn: Turn<'_>, group: Vec<Waiting>) {
        let durability = group.iter().map(|waiting| waiting.durability).max().unwrap_or_default();
        let mut commands = Vec::with_capacity(group.len());
        let mut ids = Vec::with_capacity(group.len());
        for Waiting { new, slot, .. } in group {
            ids.push(new.command.command_id);
            commands.push(new);
            turn.members.push(slot);
        }
        let mut answers = self.ports.outbox.append(commands, durability).await;
        if answers.as_ref().is_ok_and(|appended| appended.len() != ids.len()) {
            answers = Err(StoreError::backend("the store answered for other commands"));
        }
        if let Ok(appended) = &answers {
            let new = appended.iter().filter(|appended| !appended.duplicate).count() as u64;
            self.tell_appended(&ids, new);
            self.rouse(Signal::Enqueued);
        }
        for (place, slot) in turn.members.iter().enumerate() {
            let answer = answers.as_ref().map(|appended| appended[place]).map_err(StoreError::clone);
            slot.place().answer = Some(answer);
        }
    }
}
