//! What has been promised so far, and the checks that need no store: I1 to I3 at the server's every commit and answer.

use std::collections::{HashMap, HashSet};

use offline_core::{Appended, OutboxCommand};
use offline_protocol::{
    ChangeSeq, CommandId, IdempotencyKey, ProblemCode, RecordKey, RecordVersion, Timestamp, UserId, Verdict,
    WorkspaceId,
};
use offline_server::{Changes, Membership};

/// One partition, by its place in the world's list.
pub(crate) type Place = usize;

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) places: Vec<Promises>,
    pub(crate) truth: HashMap<WorkspaceId, Truth>,
    authors: HashMap<(WorkspaceId, UserId, CommandId), Place>,
    answers: HashMap<(WorkspaceId, UserId, IdempotencyKey), Verdict>,
}

/// What one partition has been told, and what it has done.
pub(crate) struct Promises {
    pub(crate) workspace: WorkspaceId,
    pub(crate) user: UserId,
    pub(crate) commands: HashMap<CommandId, Known>,
    traces: HashSet<String>,
    /// Which tab has called enqueue, in which order, by trace; and each tab's latest call that has come into the store.
    calls: HashMap<String, (usize, u64)>,
    called: u64,
    latest_calls: HashMap<usize, u64>,
    appended: u64,
    /// Private records whose content the model no longer knows: a command that may have taken effect was given up.
    pub(crate) muddied: HashSet<RecordKey>,
}

pub(crate) struct Known {
    /// Its place in the order in which the store took commands in; seq may begin anew after a wipe.
    pub(crate) index: u64,
    pub(crate) touches: Vec<RecordKey>,
    /// Enqueue has resolved.
    pub(crate) acknowledged: bool,
    /// Fell to a power cut that relaxed durability allows.
    pub(crate) lost: bool,
    /// A person gave it other records than it was made for.
    pub(crate) rerouted: bool,
    /// A person gave it another content, or other predecessors.
    pub(crate) edited: bool,
    /// Refused in a way that the server does not remember, or by the engine, so that a late copy may still take effect.
    pub(crate) forgettable: bool,
    /// How often it has left the device.
    pub(crate) sent: u32,
    pub(crate) end: Option<End>,
}

/// How a command left the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Applied,
    Discarded { maybe_applied: bool },
}

/// What has happened in one workspace on the server.
#[derive(Default)]
pub(crate) struct Truth {
    pub(crate) effects: HashMap<(UserId, CommandId), Done>,
    change_seq: u64,
    versions: HashMap<RecordKey, u64>,
    latest: HashMap<(Place, RecordKey), (u64, CommandId)>,
}

pub(crate) struct Done {
    pub(crate) versions: Vec<RecordVersion>,
    pub(crate) change_seq: ChangeSeq,
}

impl Model {
    /// The store of a partition has taken a command in: I2, in the order of the calls.
    pub(crate) fn appended(
        &mut self,
        place: Place,
        command: &OutboxCommand,
        appended: Appended,
    ) -> Result<(), String> {
        if appended.duplicate {
            return Ok(());
        }
        let author = (command.workspace_id.clone(), command.user_id.clone(), command.command_id);
        self.authors.insert(author, place);
        let promises = &mut self.places[place];
        let trace = command.client_trace_id.as_str().to_owned();
        if let Some((tab, call)) = promises.calls.remove(&trace) {
            let later = promises.latest_calls.insert(tab, call).filter(|latest| *latest > call);
            if later.is_some() {
                return Err(format!(
                    "I2: {} is stored after what tab {tab} enqueued later",
                    command.command_id
                ));
            }
        }
        promises.traces.insert(trace);
        promises.appended += 1;
        let known = Known {
            index: promises.appended,
            touches: command.touches.clone(),
            acknowledged: false,
            lost: false,
            rerouted: false,
            edited: false,
            forgettable: false,
            sent: 0,
            end: None,
        };
        promises.commands.insert(command.command_id, known);
        Ok(())
    }

    /// Commands have left the device, on their way to somebody.
    pub(crate) fn left(&mut self, place: Place, ids: impl Iterator<Item = CommandId>) {
        for id in ids {
            if let Some(known) = self.places[place].commands.get_mut(&id) {
                known.sent += 1;
            }
        }
    }

    /// The server has committed: I1 (nothing twice) and I2 (versions without gaps, each device's order).
    pub(crate) fn committed(&mut self, membership: &Membership, changes: &Changes) -> Result<(), String> {
        let (workspace, user) = (membership.workspace_id(), membership.user_id());
        let truth = self.truth.entry(workspace.clone()).or_default();
        let mut now: HashMap<CommandId, Done> = HashMap::new();
        for change in &changes.log {
            let id = change.command_id;
            if truth.effects.contains_key(&(user.clone(), id)) {
                return Err(format!("I1: {id} takes effect a second time, on {}", change.key));
            }
            if change.seq.get() != truth.change_seq + 1 {
                return Err(format!("I2: change {} follows change {}", change.seq, truth.change_seq));
            }
            truth.change_seq = change.seq.get();
            let version = truth.versions.entry(change.key.clone()).or_default();
            if change.version.get() != *version + 1 {
                return Err(format!(
                    "I2: {} gets version {} after version {version}",
                    change.key, change.version
                ));
            }
            *version = change.version.get();
            let done = now.entry(id).or_insert(Done { versions: Vec::new(), change_seq: change.seq });
            if done.versions.iter().any(|given| given.kind == change.key.kind && given.id == change.key.id) {
                return Err(format!("I1: {id} writes {} twice", change.key));
            }
            done.versions.push(RecordVersion {
                kind: change.key.kind.clone(),
                id: change.key.id.clone(),
                version: change.version,
            });
            done.change_seq = change.seq;

            let author = (workspace.clone(), user.clone(), id);
            let Some(place) = self.authors.get(&author) else {
                return Err(format!("I1: {id} takes effect and nobody made it"));
            };
            let known = &self.places[*place].commands[&id];
            let given_up = known.lost || known.rerouted || known.end.is_some();
            if given_up || !known.touches.contains(&change.key) {
                continue;
            }
            let latest = truth.latest.entry((*place, change.key.clone())).or_insert((known.index, id));
            if latest.0 > known.index {
                let later = latest.1;
                return Err(format!("I2: {id} is applied to {} after {later}, which came later", change.key));
            }
            *latest = (known.index, id);
        }
        truth.effects.extend(now.into_iter().map(|(id, done)| ((user.clone(), id), done)));
        Ok(())
    }

    /// The server has answered a command: I3, one verdict a key for ever.
    pub(crate) fn answered(
        &mut self,
        workspace: &WorkspaceId,
        user: &UserId,
        key: &IdempotencyKey,
        id: CommandId,
        verdict: &Verdict,
    ) -> Result<(), String> {
        if let Verdict::Rejected { problem, .. } = verdict
            && !is_remembered(problem.code)
        {
            // Whoever's login it came with.
            let known = self.places.iter_mut().filter_map(|promises| promises.commands.get_mut(&id));
            known.for_each(|known| known.forgettable = true);
            return Ok(());
        }
        let Some(word) = last_word(verdict) else { return Ok(()) };
        let place = (workspace.clone(), user.clone(), key.clone());
        let first = self.answers.entry(place).or_insert_with(|| word.clone());
        if *first == word {
            Ok(())
        } else {
            Err(format!("I3: the key of {id} was answered {first:?} and now {word:?}"))
        }
    }

    /// Whether the server has, or ever had, a verdict on this key.
    pub(crate) fn has_verdict(&self, workspace: &WorkspaceId, user: &UserId, key: &IdempotencyKey) -> bool {
        self.answers.contains_key(&(workspace.clone(), user.clone(), key.clone()))
    }

    /// What a command has done on the server, if anything.
    pub(crate) fn done(&self, workspace: &WorkspaceId, user: &UserId, id: CommandId) -> Option<&Done> {
        self.truth.get(workspace)?.effects.get(&(user.clone(), id))
    }
}

impl Promises {
    pub(crate) fn new(workspace: WorkspaceId, user: UserId) -> Self {
        Self {
            workspace,
            user,
            commands: HashMap::new(),
            traces: HashSet::new(),
            calls: HashMap::new(),
            called: 0,
            latest_calls: HashMap::new(),
            appended: 0,
            muddied: HashSet::new(),
        }
    }

    /// A tab has called enqueue.
    pub(crate) fn called(&mut self, tab: usize, trace: &str) {
        self.called += 1;
        self.calls.insert(trace.to_owned(), (tab, self.called));
    }

    /// Enqueue has refused a request; a store that took it in all the same has lied.
    pub(crate) fn refused(&self, trace: &str) -> Result<(), String> {
        if self.traces.contains(trace) {
            return Err(format!("I4: the enqueue of {trace} failed, and the command is stored"));
        }
        Ok(())
    }

    /// The partition has been emptied: what is left in it counts as lost, and its private records are known no more.
    pub(crate) fn forget_all(&mut self) {
        for known in self.commands.values_mut() {
            known.lost |= known.end.is_none();
            self.muddied.extend(known.touches.iter().cloned());
        }
    }

    /// A command is given up although it may have taken effect.
    pub(crate) fn muddy(&mut self, touches: &[RecordKey]) {
        self.muddied.extend(touches.iter().cloned());
    }
}

/// Refusals that are about the state of the records, and stay for ever.
fn is_remembered(code: ProblemCode) -> bool {
    matches!(code, ProblemCode::RuleViolated | ProblemCode::RecordNotFound)
}

/// A final verdict without what a replay may show otherwise; `None` for one that is not final.
fn last_word(verdict: &Verdict) -> Option<Verdict> {
    let mut verdict = verdict.clone();
    match &mut verdict {
        Verdict::Applied { replayed, .. } => *replayed = false,
        Verdict::Rejected { replayed, problem } => {
            *replayed = false;
            problem.detail = None;
        }
        Verdict::Conflict(conflict) => {
            conflict.replayed = false;
            conflict.server_snapshot = None;
            conflict.server_version = offline_protocol::Version::FIRST;
            conflict.changed_by = UserId::new("nobody").ok()?;
            conflict.changed_at = Timestamp::EPOCH;
        }
        Verdict::Held { .. } | Verdict::Retry { .. } => return None,
    }
    Some(verdict)
}
