//! How the fake server judges a batch: the rules of the protocol in their shortest form.

use std::collections::HashMap;

use offline_domain::{ConflictPolicy, Context, Execution, Prepared, Record, Records, Registry, execute};
use offline_protocol::{
    ChangeSeq, Command, CommandId, Conflict, ConflictReason, Expected, Fingerprint, IdempotencyKey, Outcome,
    Problem, ProblemCode, RecordKey, RecordVersion, Timestamp, UserId, Verdict, Version, WorkspaceId,
};

/// What the server knows of one workspace.
#[derive(Default)]
pub(super) struct Workspace {
    pub(super) records: Records,
    pub(super) effects: Vec<CommandId>,
    last_change: Option<ChangeSeq>,
    receipts: HashMap<(UserId, IdempotencyKey), Receipt>,
    applied: HashMap<CommandId, Receipt>,
}

#[derive(Clone)]
struct Receipt {
    fingerprint: Fingerprint,
    /// The record in conflict, of which a replay shows the latest state.
    conflict: Option<(ConflictReason, RecordKey, Option<Version>)>,
    verdict: Verdict,
}

/// Who sent a batch, and what was said about it beforehand.
pub(super) struct Sender<'a> {
    pub(super) workspace_id: &'a WorkspaceId,
    pub(super) user_id: &'a UserId,
    pub(super) now: Timestamp,
    /// Items that are to be answered `retry`, with the wait in milliseconds.
    pub(super) retry: &'a HashMap<CommandId, u64>,
}

/// What was not applied in this batch, with the command at the root of it.
#[derive(Default)]
struct Blocked {
    commands: HashMap<CommandId, CommandId>,
    records: HashMap<RecordKey, CommandId>,
}

impl Workspace {
    pub(super) fn judge(
        &mut self,
        registry: &Registry,
        sender: &Sender<'_>,
        batch: &[Command],
    ) -> Vec<Outcome> {
        let mut blocked = Blocked::default();
        let mut outcomes = Vec::with_capacity(batch.len());
        for command in batch {
            let prepared = registry.prepare(&command.command_type, &command.payload);
            let keys = prepared.as_ref().map(Prepared::keys).unwrap_or_default();
            let verdict = match (&prepared, sender.retry.get(&command.command_id)) {
                _ if command.workspace_id != *sender.workspace_id => rejected(Problem::new(
                    ProblemCode::WorkspaceNotFound,
                    404,
                    "The workspace does not exist",
                )),
                (_, Some(after_ms)) => Verdict::Retry { after_ms: *after_ms },
                (Err(error), _) => rejected(error.clone().into_problem()),
                (Ok(prepared), _) => self.judge_one(sender, &blocked, command, prepared),
            };
            if !matches!(verdict, Verdict::Applied { .. }) {
                let root = if let Verdict::Held { by } = verdict { by } else { command.command_id };
                blocked.commands.entry(command.command_id).or_insert(root);
                for key in keys {
                    blocked.records.entry(key).or_insert(root);
                }
            }
            outcomes.push(Outcome { command_id: Some(command.command_id), verdict });
        }
        outcomes
    }

    fn judge_one(
        &mut self,
        sender: &Sender<'_>,
        blocked: &Blocked,
        command: &Command,
        prepared: &Prepared,
    ) -> Verdict {
        let touches = prepared.keys();
        let fingerprint = Fingerprint::of(&command.command_type, &command.payload, command.expected.as_ref());
        let place = (sender.user_id.clone(), command.idempotency_key.clone());
        if let Some(receipt) = self.receipts.get(&place).or_else(|| self.applied.get(&command.command_id)) {
            return self.replay(receipt, fingerprint);
        }
        if let Some(by) = self.in_the_way(blocked, command, &touches) {
            return Verdict::Held { by };
        }
        let (conflict, verdict) = match self.expected_version(command, prepared) {
            Ok(expected) => self.execute(sender, command, prepared, expected),
            Err(problem) => return rejected(problem),
        };
        let receipt = Receipt { fingerprint, conflict, verdict: verdict.clone() };
        if matches!(verdict, Verdict::Applied { .. }) {
            self.applied.insert(command.command_id, receipt.clone());
        }
        self.receipts.insert(place, receipt);
        verdict
    }

    fn replay(&self, receipt: &Receipt, fingerprint: Fingerprint) -> Verdict {
        if receipt.fingerprint != fingerprint {
            let title = "The idempotency key is known with another content";
            return rejected(Problem::new(ProblemCode::IdempotencyKeyReused, 422, title));
        }
        match (&receipt.conflict, receipt.verdict.clone()) {
            (Some((reason, key, expected)), _) => self.conflict(*reason, key, *expected, true),
            (None, Verdict::Applied { versions, result, change_seq, .. }) => {
                Verdict::Applied { versions, result, change_seq, replayed: true }
            }
            (None, Verdict::Rejected { problem, .. }) => Verdict::Rejected { problem, replayed: true },
            (None, other) => other,
        }
    }

    fn in_the_way(&self, blocked: &Blocked, command: &Command, touches: &[RecordKey]) -> Option<CommandId> {
        let after = match command.expected {
            Some(Expected::After(id)) => Some(id),
            _ => None,
        };
        let mut named = command.depends_on.iter().copied().chain(after);
        let unapplied = named.find(|id| !self.applied.contains_key(id));
        let unapplied = unapplied.map(|id| blocked.commands.get(&id).copied().unwrap_or(id));
        unapplied.or_else(|| touches.iter().find_map(|key| blocked.records.get(key).copied()))
    }

    fn expected_version(&self, command: &Command, prepared: &Prepared) -> Result<Option<Version>, Problem> {
        let after = match (prepared.policy(), command.expected) {
            (ConflictPolicy::Guarded | ConflictPolicy::CheckedWhenGiven, Some(Expected::After(id))) => id,
            (_, Some(Expected::Version(version))) => return Ok(Some(version)),
            _ => return Ok(None),
        };
        let first = prepared.keys().into_iter().next();
        let given = match self.applied.get(&after).map(|receipt| &receipt.verdict) {
            Some(Verdict::Applied { versions, .. }) => versions.iter().find_map(|version| {
                let wrote = RecordKey::new(version.kind.clone(), version.id.clone());
                (Some(wrote) == first).then_some(version.version)
            }),
            _ => None,
        };
        let unrelated =
            || Problem::new(ProblemCode::InvalidCommand, 422, "The command before it wrote no such record");
        given.map(Some).ok_or_else(unrelated)
    }

    fn execute(
        &mut self,
        sender: &Sender<'_>,
        command: &Command,
        prepared: &Prepared,
        expected: Option<Version>,
    ) -> (Option<(ConflictReason, RecordKey, Option<Version>)>, Verdict) {
        let context = Context {
            workspace_id: sender.workspace_id.clone(),
            user_id: sender.user_id.clone(),
            command_id: command.command_id,
            created_at: command.created_at,
        };
        match execute(prepared, &context, &self.records, expected) {
            Execution::Applied(effect) => {
                let mut versions = Vec::new();
                for write in effect.writes {
                    versions.push(self.write(write.key, write.data, sender.user_id, sender.now));
                }
                self.effects.push(command.command_id);
                let change_seq = self.last_change.unwrap_or(ChangeSeq::FIRST);
                (None, Verdict::Applied { versions, result: effect.result, replayed: false, change_seq })
            }
            Execution::Conflict { key, .. } if self.records.get(&key).is_none() => {
                let title = "The record does not exist";
                (None, rejected(Problem::new(ProblemCode::RecordNotFound, 404, title)))
            }
            Execution::Conflict { reason, key, expected } => {
                let verdict = self.conflict(reason, &key, expected, false);
                (Some((reason, key, expected)), verdict)
            }
            Execution::Rejected(problem) => (None, rejected(problem)),
        }
    }

    /// Gives a record its next version.
    pub(super) fn write(
        &mut self,
        key: RecordKey,
        data: Option<serde_json::Value>,
        by: &UserId,
        at: Timestamp,
    ) -> RecordVersion {
        let version = self.records.version(&key).next();
        self.last_change = Some(self.last_change.unwrap_or(ChangeSeq::FIRST).next());
        let record = Record { version, data, updated_by: by.clone(), updated_at: at };
        self.records.insert(key.clone(), record);
        RecordVersion { kind: key.kind, id: key.id, version }
    }

    fn conflict(
        &self,
        reason: ConflictReason,
        key: &RecordKey,
        expected_version: Option<Version>,
        replayed: bool,
    ) -> Verdict {
        let record = self.records.get(key).expect("BUG: a record in conflict exists");
        Verdict::Conflict(Box::new(Conflict {
            reason,
            kind: key.kind.clone(),
            id: key.id.clone(),
            expected_version,
            server_version: record.version,
            server_snapshot: record.data.clone(),
            changed_by: record.updated_by.clone(),
            changed_at: record.updated_at,
            replayed,
        }))
    }
}

const fn rejected(problem: Problem) -> Verdict {
    Verdict::Rejected { problem, replayed: false }
}
