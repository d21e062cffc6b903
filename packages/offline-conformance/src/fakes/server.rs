use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use offline_core::{Clock, TransportError};
use offline_domain::{Record, Registry};
use offline_protocol::{
    Command, CommandId, CommandType, Hello, Limits, Outcome, PROTOCOL, RecordKey, Retention, UserId, Version,
    WorkspaceId,
};
use serde_json::Value;

use super::{
    FakeTransport, VirtualClock,
    judge::{Sender, Workspace},
};

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It does not reach the server.
    Offline,
    /// A captive portal answers instead of the server.
    Portal,
    /// The server answers that it cannot serve now, and executes nothing.
    Unavailable {
        /// What it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The server executes it, and the answer is lost on its way.
    AnswerLost,
    /// The token is refused.
    Unauthorized,
    /// The batch is over the limits.
    TooLarge,
    /// The client is too old.
    Incompatible,
    /// It is answered after this long, as if nothing were the matter.
    Slow(Duration),
    /// It is never answered.
    Hangs,
}

/// A batch that a client has sent, whatever became of it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Whose transport.
    pub user_id: UserId,
    /// What was sent.
    pub commands: Vec<Command>,
    /// What happened to it on the way.
    pub fault: Option<Fault>,
}

/// A server in memory that keeps to the protocol: receipts, versions, conflicts, held commands. Clones are the same server.
///
/// Requests of all its transports go through one queue of faults.
#[derive(Clone)]
pub struct FakeServer {
    clock: VirtualClock,
    registry: Registry,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    workspaces: HashMap<WorkspaceId, Workspace>,
    next: VecDeque<Fault>,
    always: Option<Fault>,
    retry: HashMap<CommandId, u64>,
    max_items: Option<usize>,
    paused: Vec<CommandType>,
    deliveries: Vec<Delivery>,
    hellos: usize,
}

impl FakeServer {
    /// An empty server that knows these types.
    pub fn new(clock: VirtualClock, registry: Registry) -> Self {
        Self { clock, registry, state: Arc::default() }
    }

    /// A way to this server, with a user's identity.
    pub fn transport(&self, workspace_id: &WorkspaceId, user_id: &UserId) -> FakeTransport {
        FakeTransport::new(self.clone(), workspace_id.clone(), user_id.clone())
    }

    /// What happens to the next requests, one fault each, in the order of the calls.
    pub fn next(&self, fault: Fault) {
        self.state().next.push_back(fault);
    }

    /// What happens to every request for which [`FakeServer::next`] says nothing; `None` ends it.
    pub fn always(&self, fault: Option<Fault>) {
        self.state().always = fault;
    }

    /// Answers this command `retry` until it is called with `None`.
    pub fn retry_item(&self, command: CommandId, after: Option<Duration>) {
        let mut state = self.state();
        match after {
            Some(after) => {
                let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                state.retry.insert(command, millis);
            }
            None => {
                state.retry.remove(&command);
            }
        }
    }

    /// Answers batches of more items with [`TransportError::TooLarge`]. `hello` does not tell.
    pub fn limit_items(&self, max: usize) {
        self.state().max_items = Some(max);
    }

    /// Types that `hello` asks to hold back.
    pub fn pause_types(&self, types: Vec<CommandType>) {
        self.state().paused = types;
    }

    /// Writes a record as somebody else would; `None` deletes it. Returns its new version.
    pub fn write(
        &self,
        workspace_id: &WorkspaceId,
        key: &RecordKey,
        data: Option<Value>,
        by: &UserId,
    ) -> Version {
        let now = self.clock.now();
        let mut state = self.state();
        let workspace = state.workspaces.entry(workspace_id.clone()).or_default();
        workspace.write(key.clone(), data, by, now).version
    }

    /// A record as it stands.
    pub fn record(&self, workspace_id: &WorkspaceId, key: &RecordKey) -> Option<Record> {
        self.state().workspaces.get(workspace_id)?.records.get(key).cloned()
    }

    /// The commands that took effect, in that order. One that is in it twice took effect twice.
    pub fn effects(&self, workspace_id: &WorkspaceId) -> Vec<CommandId> {
        self.state()
            .workspaces
            .get(workspace_id)
            .map(|workspace| workspace.effects.clone())
            .unwrap_or_default()
    }

    /// Every batch that was sent, in that order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state().deliveries.clone()
    }

    /// How many times somebody asked whether the server is there.
    pub fn hellos(&self) -> usize {
        self.state().hellos
    }

    pub(super) fn receive(&self, user_id: &UserId, commands: &[Command]) -> Option<Fault> {
        let mut state = self.state();
        let fault = state.next.pop_front().or_else(|| state.always.clone());
        let delivery =
            Delivery { user_id: user_id.clone(), commands: commands.to_vec(), fault: fault.clone() };
        state.deliveries.push(delivery);
        fault
    }

    pub(super) fn receive_hello(&self) -> Option<Fault> {
        let mut state = self.state();
        state.hellos += 1;
        state.always.clone()
    }

    pub(super) async fn wait(&self, span: Duration) {
        self.clock.sleep(span).await;
    }

    pub(super) fn judge(
        &self,
        workspace_id: &WorkspaceId,
        user_id: &UserId,
        commands: &[Command],
    ) -> Result<Vec<Outcome>, TransportError> {
        let now = self.clock.now();
        let mut state = self.state();
        if state.max_items.is_some_and(|max| commands.len() > max) {
            return Err(TransportError::TooLarge);
        }
        let State { workspaces, retry, .. } = &mut *state;
        let sender = Sender { workspace_id, user_id, now, retry };
        let workspace = workspaces.entry(workspace_id.clone()).or_default();
        Ok(workspace.judge(&self.registry, &sender, commands))
    }

    pub(super) fn hello(&self) -> Hello {
        Hello {
            server_time: self.clock.now(),
            protocol: PROTOCOL,
            minimum_client: PROTOCOL,
            limits: Limits::default(),
            retention: Retention::default(),
            accepted_types: self.registry.accepted(),
            paused_types: self.state().paused.clone(),
            changes: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
