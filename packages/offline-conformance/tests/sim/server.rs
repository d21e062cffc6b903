//! The real server core over a store that dies as a machine does: what was not committed is gone. The rows are in memory; on request also in a
//! real file, which must hold the same.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use offline_core::Clock as _;
use offline_domain::Records;
use offline_protocol::{
    ChangeSeq, CommandBatch, CommandId, CommandType, Hello, IdempotencyKey, Limits, Outcomes, PROTOCOL,
    RecordKey, RecordSnapshot, Retention, Timestamp, UserId, Verdict, WorkspaceId,
};
use offline_server::{
    Change, Changes, Identity, Loaded, Membership, Memberships, Page, PageQuery, Rates, Receipt, Role,
    Server, Store, StoreError, SubmitError, Tokens, Work, submit,
};

use crate::{
    commands::{Release, registry},
    server_file::{Seen, ServerFile},
    shared::{Shared, locked},
};

/// An answer as it goes over the wire.
pub(crate) struct Answer {
    /// Whether it carries the protocol's header.
    pub(crate) ours: bool,
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) const fn status(status: u16, retry_after: Option<Duration>) -> Self {
        Self { ours: true, status, retry_after, body: Vec::new() }
    }
}

/// The machine with the database, and the program that runs on it.
pub(crate) struct Backend {
    shared: Arc<Shared>,
    disk: Arc<ServerDisk>,
    program: Mutex<Program>,
    /// A build whose handler fails on some input.
    pub(crate) broken: Arc<AtomicBool>,
}

struct Program {
    up: bool,
    server: Server,
}

impl Backend {
    pub(crate) fn new(shared: &Arc<Shared>) -> Arc<Self> {
        let disk = Arc::new(ServerDisk {
            shared: Arc::clone(shared),
            turn: Mutex::default(),
            state: Mutex::default(),
            file: Mutex::default(),
            members: Mutex::default(),
        });
        let broken = Arc::new(AtomicBool::new(false));
        let clock = shared.clock.clone();
        let clock: Arc<dyn offline_server::Clock> = Arc::new(move || clock.now());
        let server = Server {
            store: disk.clone(),
            memberships: disk.clone(),
            registry: registry(Release::First, &broken),
            tokens: Tokens::new(&[7; 32], Arc::clone(&clock)),
            clock,
            limits: Limits::default(),
            retention: Retention::default(),
            key_wait: offline_server::KEY_WAIT,
            live: None,
            sql: offline_server::SqlHandlers::new(),
            rates: Rates::default(),
            metrics: Default::default(),
            traces: Default::default(),
        };
        let program = Mutex::new(Program { up: true, server });
        Arc::new(Self { shared: Arc::clone(shared), disk, program, broken })
    }

    pub(crate) fn deploy(&self, release: Release) {
        self.shared.trace(|| format!("the server runs the {release:?} release"));
        locked(&self.program).server.registry = registry(release, &self.broken);
    }

    pub(crate) fn limit(&self, max_items: u32) {
        locked(&self.program).server.limits.max_items = max_items;
    }

    pub(crate) fn heal(&self) {
        self.start();
        self.broken.store(false, Ordering::Relaxed);
        self.disk.heal();
    }

    pub(crate) fn start(&self) {
        locked(&self.program).up = true;
    }

    /// Keeps the rows in a real file too from now on. Nothing may be stored yet.
    pub(crate) fn move_to_file(&self) {
        *locked(&self.disk.file) = Some(ServerFile::new());
    }

    /// The program dies; its tasks are dropped by the executor.
    pub(crate) fn stop(&self) {
        locked(&self.program).up = false;
        let file = &mut *locked(&self.disk.file);
        *file = file.as_ref().map(ServerFile::killed);
        *locked(&self.disk.turn) = Arc::default();
    }

    pub(crate) fn is_up(&self) -> bool {
        locked(&self.program).up
    }

    pub(crate) fn member(&self, workspace: &WorkspaceId, user: &UserId, is: bool) {
        let mut members = locked(&self.disk.members);
        let member = (workspace.clone(), user.clone());
        if is {
            members.insert(member)
        } else {
            members.remove(&member)
        };
    }

    pub(crate) fn fail_writes(&self, odds: usize) {
        locked(&self.disk.state).odds = odds;
    }

    pub(crate) fn hello(&self, paused_types: Vec<CommandType>) -> Answer {
        let server = locked(&self.program).server.clone();
        let hello = Hello {
            server_time: self.shared.clock.now(),
            protocol: PROTOCOL,
            minimum_client: PROTOCOL,
            limits: server.limits,
            retention: server.retention,
            accepted_types: server.registry.accepted(),
            paused_types,
            changes: None,
        };
        let body = serde_json::to_vec(&hello).expect("BUG: a hello is JSON");
        Answer { ours: true, status: 200, retry_after: None, body }
    }

    /// `POST /sync/commands`, from the token on. `expires_at` is the token's.
    pub(crate) async fn commands(&self, identity: &Identity, expires_at: Timestamp, body: &[u8]) -> Answer {
        if self.shared.clock.now() >= expires_at {
            return Answer::status(401, None);
        }
        let server = locked(&self.program).server.clone();
        self.shared.point("server: a request has come").await;
        match submit(&server, identity, body).await {
            Ok(outcomes) => {
                self.check_answers(identity, body, &outcomes);
                let body = serde_json::to_vec(&outcomes).expect("BUG: outcomes are JSON");
                Answer { ours: true, status: 200, retry_after: None, body }
            }
            Err(SubmitError::Refused(problem)) => Answer::status(problem.status, None),
            Err(SubmitError::Limited(wait)) => Answer::status(429, Some(wait)),
            Err(SubmitError::Store(StoreError::Unavailable(_))) => {
                Answer::status(503, Some(Duration::from_secs(5)))
            }
            Err(SubmitError::Store(StoreError::Closed | StoreError::OutcomeUnknown(_))) => {
                Answer::status(503, Some(Duration::from_secs(1)))
            }
            Err(SubmitError::Store(StoreError::TooLarge)) => Answer::status(413, None),
            Err(SubmitError::Store(_)) => Answer::status(500, None),
        }
    }

    fn check_answers(&self, identity: &Identity, body: &[u8], outcomes: &Outcomes) {
        let Ok(batch) = serde_json::from_slice::<CommandBatch>(body) else { return };
        let mut model = self.shared.model();
        let fits = batch.commands.len() == outcomes.outcomes.len();
        self.shared.check(fits, || "I3: a batch got another number of answers".into());
        for (command, outcome) in batch.commands.iter().zip(&outcomes.outcomes) {
            self.shared.trace(|| format!("server: {} -> {:?}", command.command_id, outcome.verdict));
            let answered = model.answered(
                &identity.workspace_id,
                &identity.user_id,
                &command.idempotency_key,
                command.command_id,
                &outcome.verdict,
            );
            if let Err(broken) = answered {
                self.shared.fail(|| broken);
            }
        }
    }

    /// The records of a workspace as they stand, deleted ones left out.
    pub(crate) fn snapshot(&self, workspace: &WorkspaceId) -> Vec<(RecordKey, RecordSnapshot)> {
        let state = locked(&self.disk.state);
        let Some(rows) = state.workspaces.get(workspace) else { return Vec::new() };
        let live = |(key, record): (&RecordKey, &offline_domain::Record)| {
            let snapshot = RecordSnapshot {
                id: key.id.clone(),
                version: record.version,
                data: record.data.clone()?,
                updated_at: record.updated_at,
                updated_by: record.updated_by.clone(),
            };
            Some((key.clone(), snapshot))
        };
        rows.records.iter().filter_map(live).collect()
    }

    /// Whether a record existed and is deleted.
    pub(crate) fn is_deleted(&self, workspace: &WorkspaceId, key: &RecordKey) -> bool {
        let state = locked(&self.disk.state);
        let record = state.workspaces.get(workspace).and_then(|rows| rows.records.get(key));
        record.is_some_and(|record| record.data.is_none())
    }

    /// A copy of all that is stored, to compare with.
    pub(crate) fn copy(&self) -> HashMap<WorkspaceId, Rows> {
        locked(&self.disk.state).workspaces.clone()
    }

    /// All that is stored, to the byte.
    pub(crate) fn dump(&self) -> String {
        let state = locked(&self.disk.state);
        let workspaces: BTreeMap<_, _> = state.workspaces.iter().collect();
        let mut dump = String::new();
        for (id, rows) in workspaces {
            let receipts: BTreeMap<String, String> = rows
                .receipts
                .iter()
                .map(|((user, key), receipt)| (format!("{user} {key}"), format!("{receipt:?}")))
                .collect();
            dump += &format!("{id} {:?}\n{:?}\n{receipts:?}\n", rows.last, rows.log);
            for (key, record) in rows.records.iter() {
                dump += &format!("{key} {record:?} {:?}\n", record.data);
            }
        }
        dump
    }
}

struct ServerDisk {
    shared: Arc<Shared>,
    /// Transactions take turns; a new one after each crash, because nobody unlocks what a dead program held.
    turn: Mutex<Arc<tokio::sync::Mutex<()>>>,
    state: Mutex<Tables>,
    file: Mutex<Option<ServerFile>>,
    members: Mutex<HashSet<(WorkspaceId, UserId)>>,
}

#[derive(Default)]
struct Tables {
    workspaces: HashMap<WorkspaceId, Rows>,
    /// How often in a hundred a write fails.
    odds: usize,
}

#[derive(Default, Clone, PartialEq)]
pub(crate) struct Rows {
    records: Records,
    receipts: HashMap<(UserId, IdempotencyKey), Receipt>,
    applied: HashMap<(UserId, CommandId), Receipt>,
    log: Vec<Change>,
    last: Option<ChangeSeq>,
}

impl ServerDisk {
    fn heal(&self) {
        locked(&self.state).odds = 0;
    }

    fn load(&self, work: &Work) -> Loaded {
        let state = locked(&self.state);
        let Some(rows) = state.workspaces.get(work.membership.workspace_id()) else {
            return Loaded::default();
        };
        let user = work.membership.user_id();
        let mut loaded = Loaded { change_seq: rows.last, ..Loaded::default() };
        for key in &work.wanted.records {
            if let Some(record) = rows.records.get(key) {
                loaded.records.insert(key.clone(), record.clone());
            }
        }
        for (key, record) in rows.records.iter().filter(|(key, _)| work.wanted.kinds.contains(&key.kind)) {
            loaded.records.insert(key.clone(), record.clone());
        }
        for key in &work.wanted.keys {
            if let Some(receipt) = rows.receipts.get(&(user.clone(), key.clone())) {
                loaded.receipts.insert(key.clone(), receipt.clone());
            }
        }
        for id in &work.wanted.commands {
            if let Some(receipt) = rows.applied.get(&(user.clone(), *id)) {
                loaded.applied.insert(*id, receipt.clone());
            }
        }
        loaded
    }

    /// Commits in the file what then is committed in memory; I1 and I3, the file knows all that ever was.
    fn commit_in_file(&self, file: &ServerFile, work: &Work) -> Result<Vec<Verdict>, StoreError> {
        let known = self.load(work);
        let (verdicts, Seen { loaded, changes }) = file.run(work)?;
        let place = |loaded: &Loaded| loaded.change_seq.map_or(0, ChangeSeq::get);
        let same = place(&known) == place(&loaded)
            && known.records == loaded.records
            && known.receipts == loaded.receipts
            && known.applied == loaded.applied;
        self.shared.check(same, || format!("I1: the server's file holds {loaded:?} and not {known:?}"));
        self.commit(&work.membership, changes);
        Ok(verdicts)
    }

    fn commit(&self, membership: &Membership, changes: Changes) {
        let mut model = self.shared.model();
        if let Err(broken) = model.committed(membership, &changes) {
            self.shared.fail(|| broken);
        }
        let workspace = membership.workspace_id();
        let mut state = locked(&self.state);
        let rows = state.workspaces.entry(workspace.clone()).or_default();
        for stored in changes.records {
            let note = stored.record.data.as_ref().and_then(|data| data["note"].as_str());
            let own = note.is_none_or(|note| note.starts_with(&format!("canary:{workspace}:")));
            self.shared
                .check(own, || format!("I6: {workspace} holds what another workspace wrote: {note:?}"));
            rows.records.insert(stored.key, stored.record);
        }
        for receipt in changes.receipts {
            let user = membership.user_id().clone();
            if matches!(receipt.verdict, offline_server::StoredVerdict::Applied { .. }) {
                rows.applied.insert((user.clone(), receipt.command_id), receipt.clone());
            }
            let known = rows.receipts.insert((user, receipt.idempotency_key.clone()), receipt);
            self.shared.check(known.is_none(), || format!("I3: a receipt is written twice: {known:?}"));
        }
        rows.last = changes.log.last().map(|change| change.seq).or(rows.last);
        rows.log.extend(changes.log);
    }
}

impl Store for ServerDisk {
    fn run(&self, work: Work) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        Box::pin(async move {
            let shared = &self.shared;
            let turn = Arc::clone(&locked(&self.turn));
            let _turn = turn.lock().await;
            if shared.dice.percent(5) {
                // A transaction that has to be repeated: what its first fold came to must not matter.
                drop(work.fold.begin(self.load(&work)));
                shared.point("server: between two folds").await;
            }
            let offline_server::Step::Done(folded) = work.fold.begin(self.load(&work)) else {
                unreachable!("no command of the simulator has SQL of its own")
            };
            shared.point("server: before the commit").await;
            let in_file = locked(&self.file).as_ref().map(|file| self.commit_in_file(file, &work));
            if let Some(verdicts) = in_file {
                shared.point("server: after the commit").await;
                return verdicts;
            }
            let odds = locked(&self.state).odds;
            if shared.dice.percent(odds) {
                return Err(match shared.dice.below(3) {
                    0 => StoreError::Unavailable("the disk is full".into()),
                    1 => StoreError::Backend("the database failed".into()),
                    _ => {
                        // The commit has taken place, and nobody can say so.
                        self.commit(&work.membership, folded.changes);
                        StoreError::Unavailable("the outcome is unknown".into())
                    }
                });
            }
            self.commit(&work.membership, folded.changes);
            shared.point("server: after the commit").await;
            Ok(folded.verdicts)
        })
    }

    fn record<'a>(
        &'a self,
        _: &'a Membership,
        _: &'a RecordKey,
    ) -> BoxFuture<'a, Result<Option<RecordSnapshot>, StoreError>> {
        Box::pin(async { Err(StoreError::Closed) })
    }

    fn page<'a>(&'a self, _: &'a Membership, _: &'a PageQuery) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async { Err(StoreError::Closed) })
    }

    fn prune(&self, _: Timestamp, _: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::Closed) })
    }
}

impl Memberships for ServerDisk {
    fn role<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<Option<Role>, StoreError>> {
        Box::pin(async move {
            self.shared.point("server: asks for the membership").await;
            let member = locked(&self.members).contains(&(workspace_id.clone(), user_id.clone()));
            Ok(member.then(Role::member))
        })
    }
}
