//! The decision: one batch, folded in memory over what was loaded. Pure; the store performs what comes out.
//!
//! For each item in order, the first of these that holds is its verdict:
//!
//! 1. its key is known: the stored verdict again, or (another fingerprint) a rejection;
//! 2. its command was applied under another key: that verdict again, never a second effect;
//! 3. its sender has none of the roles that its type asks for: forbidden;
//! 4. something that it depends on (`dependsOn`, `after`, an earlier item of this batch with a common record) was not applied: held;
//! 5. it is older than the server's memory: expired, because whether it was executed cannot be known;
//! 6. the handler's word: applied, conflict or rejected.
//!
//! A command with SQL of its own is the handler's word twice: where the pure one agrees, the fold pauses until the store has run the SQL.
//!
//! A verdict of state (applied, conflict, a rule's refusal) becomes a receipt. Trouble, and what the command alone is to blame for, does not.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use offline_domain::{ConflictPolicy, Context, Effect, Execution, Record, execute};
use offline_protocol::{
    ChangeSeq, CommandId, Conflict, ConflictReason, Expected, FieldError, IdempotencyKey, Problem,
    ProblemCode, RecordKey, RecordVersion, Verdict, Version,
};
use serde_json::Value;

use crate::{
    Change, Changes, Fold, Folded, Loaded, Pause, Receipt, SqlAnswer, SqlCall, Step, StoredRecord,
    StoredVerdict,
    batch::{Batch, Item, Ready, predecessors},
    json::json_text,
};

/// How wrong a client's clock may be before it costs a command its execution.
const CLOCK_SKEW: Duration = Duration::from_secs(48 * 3600);

/// When a client should come back with a command that a handler failed on: the program must change first.
const BROKEN_HANDLER_RETRY: Duration = Duration::from_secs(300);

/// What the records in the conflicts of one answer may have together, or a small batch could ask for a thousand large ones again and again.
const MAX_SNAPSHOT_BYTES: usize = 4 * 1024 * 1024;

/// When a client should ask again for such a conflict.
const SNAPSHOT_RETRY: Duration = Duration::from_secs(1);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Judges every item of a batch, each on top of what the earlier ones did.
pub(crate) struct BatchFold(pub(crate) Arc<Batch>);

impl Fold for BatchFold {
    fn begin(&self, loaded: Loaded) -> Step {
        let judge = Judge {
            batch: Arc::clone(&self.0),
            seq: loaded.change_seq.unwrap_or(ChangeSeq::FIRST),
            state: loaded,
            keys: HashMap::new(),
            applied: HashMap::new(),
            blocked_commands: HashMap::new(),
            blocked_records: HashMap::new(),
            written: HashMap::new(),
            verdicts: Vec::with_capacity(self.0.items.len()),
            snapshot_bytes: 0,
            changes: Changes::default(),
        };
        judge.go_on()
    }
}

/// What is known of one command after it has been looked at.
enum Judged {
    Verdict(Verdict),
    /// The pure handler agrees; its own SQL comes next.
    Sql(Effect, SqlCall),
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        Self::Verdict(verdict)
    }
}

struct Judge {
    batch: Arc<Batch>,
    /// What was loaded, and on top of it the records that this batch has written so far.
    state: Loaded,
    /// The places of this batch's own receipts among its changes, by key, and by command where it was applied.
    keys: HashMap<IdempotencyKey, usize>,
    applied: HashMap<CommandId, usize>,
    seq: ChangeSeq,
    /// What was not applied in this batch, with the command at the root of it.
    blocked_commands: HashMap<CommandId, CommandId>,
    blocked_records: HashMap<RecordKey, CommandId>,
    /// The place of each written record's last change.
    written: HashMap<RecordKey, ChangeSeq>,
    /// Of the items so far.
    verdicts: Vec<Verdict>,
    /// Of the conflicts so far.
    snapshot_bytes: usize,
    changes: Changes,
}

impl Judge {
    /// Judges what is left, up to the next command with SQL of its own.
    fn go_on(mut self) -> Step {
        let batch = Arc::clone(&self.batch);
        while let Some(item) = batch.items.get(self.verdicts.len()) {
            let judged = match item {
                Item::Ready(ready) => self.judge(ready),
                Item::Refused(refused) => rejected(refused.problem.clone(), false).into(),
            };
            match judged {
                Judged::Verdict(verdict) => self.conclude(item, verdict),
                Judged::Sql(effect, call) => {
                    let resume = Box::new(move |answer| self.resume(effect, answer));
                    return Step::Sql(Pause { call, resume });
                }
            }
        }
        Step::Done(self.finish())
    }

    fn resume(mut self, effect: Effect, answer: SqlAnswer) -> Step {
        let batch = Arc::clone(&self.batch);
        let item = &batch.items[self.verdicts.len()];
        let Item::Ready(ready) = item else { unreachable!("BUG: only a command pauses the fold") };
        let verdict = match answer {
            SqlAnswer::Done(Value::Null) => self.apply(ready, effect),
            SqlAnswer::Done(result) => self.apply(ready, Effect { result, ..effect }),
            SqlAnswer::Refused(rejection) => {
                let problem = Problem::new(ProblemCode::RuleViolated, 422, rejection.title);
                self.refuse(ready, problem.with_errors(rejection.errors))
            }
            SqlAnswer::Broken => broken_handler(),
        };
        self.conclude(item, verdict);
        self.go_on()
    }

    fn finish(mut self) -> Folded {
        let written = self.written;
        let stored = |(key, record): (RecordKey, Record)| {
            let change_seq = *written.get(&key)?;
            Some(StoredRecord { key, record, change_seq })
        };
        // In the order of their keys: so a database writes them with fewer steps.
        self.changes.records = self.state.records.into_iter().filter_map(stored).collect();
        Folded { verdicts: self.verdicts, changes: self.changes }
    }

    /// The receipt of a key.
    fn receipt(&self, key: &IdempotencyKey) -> Option<&Receipt> {
        let own = self.keys.get(key).map(|place| &self.changes.receipts[*place]);
        own.or_else(|| self.state.receipts.get(key))
    }

    /// The receipt of a command that was applied.
    fn applied(&self, id: CommandId) -> Option<&Receipt> {
        let own = self.applied.get(&id).map(|place| &self.changes.receipts[*place]);
        own.or_else(|| self.state.applied.get(&id))
    }

    /// Takes the verdict on an item; what was not applied is in the way of what depends on it.
    fn conclude(&mut self, item: &Item, verdict: Verdict) {
        if let Some(id) = item.command_id()
            && !matches!(verdict, Verdict::Applied { .. })
        {
            let root = if let Verdict::Held { by } = verdict { by } else { id };
            self.blocked_commands.entry(id).or_insert(root);
            let keys = match item {
                Item::Ready(ready) => ready.prepared.keys(),
                Item::Refused(_) => Vec::new(),
            };
            for key in keys {
                self.blocked_records.entry(key).or_insert(root);
            }
        }
        self.verdicts.push(verdict);
    }

    fn judge(&mut self, ready: &Ready) -> Judged {
        let command = &ready.command;
        if let Some(known) = self.known(ready) {
            return known.into();
        }
        if let Some(problem) = self.forbidden(ready) {
            return rejected(problem, false).into();
        }
        if let Some(by) = self.in_the_way(ready) {
            return Verdict::Held { by }.into();
        }
        let memory = DAY * self.batch.retention.key_days + CLOCK_SKEW;
        if self.batch.now.since(command.created_at) > memory {
            return rejected(
                Problem::new(
                    ProblemCode::CommandExpired,
                    410,
                    "The command is older than the server's memory, so it is not executed",
                ),
                false,
            )
            .into();
        }
        match self.expected_version(ready) {
            Ok(expected) => self.execute(ready, expected),
            Err(problem) => rejected(problem, false).into(),
        }
    }

    /// The answer to what has been judged before, under this key or (applied) under another one.
    fn known(&mut self, ready: &Ready) -> Option<Verdict> {
        let command = &ready.command;
        let receipt = self.receipt(&command.idempotency_key).or_else(|| self.applied(command.command_id))?;
        if receipt.fingerprint != ready.fingerprint {
            return Some(rejected(
                Problem::new(
                    ProblemCode::IdempotencyKeyReused,
                    422,
                    "The idempotency key, or the command id, is known with another content",
                ),
                false,
            ));
        }
        Some(match &receipt.verdict {
            StoredVerdict::Applied { versions, change_seq } => Verdict::Applied {
                versions: versions.clone(),
                result: receipt.result.clone(),
                replayed: true,
                change_seq: *change_seq,
            },
            StoredVerdict::Conflict { reason, record, expected_version } => {
                let (reason, record, expected) = (*reason, record.clone(), *expected_version);
                self.conflict(reason, &record, expected, true).unwrap_or_else(|| later(SNAPSHOT_RETRY))
            }
            StoredVerdict::Rejected { problem } => rejected(problem.clone(), true),
        })
    }

    fn forbidden(&self, ready: &Ready) -> Option<Problem> {
        let roles = ready.prepared.roles();
        let allowed = roles.is_empty() || roles.contains(&self.batch.membership.role().as_str());
        (!allowed).then(|| {
            Problem::new(ProblemCode::Forbidden, 403, "The role does not allow it")
                .with_detail(format!("it takes one of the roles: {}", roles.join(", ")))
        })
    }

    /// The unapplied command that this one has to wait for.
    fn in_the_way(&self, ready: &Ready) -> Option<CommandId> {
        let unapplied = predecessors(&ready.command)
            .find(|id| self.applied(*id).is_none())
            .map(|id| self.blocked_commands.get(&id).copied().unwrap_or(id));
        // What waits for this very command must not keep it from being judged.
        let itself = ready.command.command_id;
        let in_lane = || {
            let roots =
                ready.prepared.touches().iter().filter_map(|touch| self.blocked_records.get(&touch.key));
            roots.copied().find(|root| *root != itself)
        };
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::ServerLaneIgnored) {
            return unapplied;
        }
        unapplied.or_else(in_lane)
    }

    /// The version to check against; the error is a rejection.
    fn expected_version(&self, ready: &Ready) -> Result<Option<Version>, Problem> {
        use ConflictPolicy::{Commutes, CreateOnly, LastWriteWins};
        match (ready.prepared.policy(), ready.command.expected) {
            (_, None) | (Commutes | LastWriteWins, _) => Ok(None),
            (_, Some(Expected::Version(version))) => Ok(Some(version)),
            // There is no version before the first one: it says the order alone.
            (CreateOnly, Some(Expected::After(_))) => Ok(None),
            (_, Some(Expected::After(id))) => {
                let produced = || {
                    let first = &ready.prepared.touches().first()?.key;
                    self.applied(id)?.verdict.version_of(first)
                };
                produced().map(Some).ok_or_else(|| {
                    Problem::new(ProblemCode::InvalidCommand, 422, "The item is not a command").with_errors(
                        vec![FieldError {
                            pointer: "/expected/after".into(),
                            code: "unrelated".into(),
                            message: "must name a command that wrote the same record".into(),
                        }],
                    )
                })
            }
        }
    }

    fn execute(&mut self, ready: &Ready, expected: Option<Version>) -> Judged {
        let context = Context {
            workspace_id: self.batch.membership.workspace_id().clone(),
            user_id: self.batch.membership.user_id().clone(),
            command_id: ready.command.command_id,
            created_at: ready.command.created_at,
        };
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::ReceiptBeforeEffect) {
            let early = StoredVerdict::Applied { versions: Vec::new(), change_seq: self.seq };
            self.remember(ready, early, Value::Null);
        }
        let run = || execute(&ready.prepared, &context, &self.state.records, expected);
        // A handler is pure: whatever state a panic leaves behind is thrown away with it.
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Execution::Applied(effect)) => match self.batch.sql.get(ready.prepared.type_name()) {
                None => self.apply(ready, effect).into(),
                Some(handler) => {
                    let payload = ready.prepared.payload().clone();
                    Judged::Sql(effect, SqlCall { context, payload, handler: handler.clone() })
                }
            },
            Ok(Execution::Conflict { reason, key, expected }) => {
                if self.state.records.get(&key).is_none() {
                    let problem = Problem::new(ProblemCode::RecordNotFound, 404, "The record does not exist");
                    return self.refuse(ready, problem).into();
                }
                let Some(verdict) = self.conflict(reason, &key, expected, false) else {
                    return later(SNAPSHOT_RETRY).into();
                };
                let stored = StoredVerdict::Conflict { reason, record: key, expected_version: expected };
                self.remember(ready, stored, Value::Null);
                verdict.into()
            }
            Ok(Execution::Rejected(problem)) => self.refuse(ready, problem).into(),
            Err(_) => broken_handler().into(),
        }
    }

    fn apply(&mut self, ready: &Ready, effect: Effect) -> Verdict {
        let mut versions = Vec::with_capacity(effect.writes.len());
        for write in effect.writes {
            let version = self.state.records.version(&write.key).next();
            self.seq = self.seq.next();
            let record = Record {
                version,
                data: write.data,
                updated_by: self.batch.membership.user_id().clone(),
                updated_at: self.batch.now,
            };
            self.state.records.insert(write.key.clone(), record);
            self.written.insert(write.key.clone(), self.seq);
            versions.push(RecordVersion { kind: write.key.kind.clone(), id: write.key.id.clone(), version });
            self.changes.log.push(Change {
                seq: self.seq,
                key: write.key,
                version,
                command_id: ready.command.command_id,
                changed_at: self.batch.now,
            });
        }
        let stored = StoredVerdict::Applied { versions: versions.clone(), change_seq: self.seq };
        self.remember(ready, stored, effect.result.clone());
        Verdict::Applied { versions, result: effect.result, replayed: false, change_seq: self.seq }
    }

    fn refuse(&mut self, ready: &Ready, problem: Problem) -> Verdict {
        match problem.code {
            ProblemCode::Internal => return broken_handler(),
            ProblemCode::RuleViolated | ProblemCode::RecordNotFound => {
                self.remember(ready, StoredVerdict::Rejected { problem: problem.clone() }, Value::Null);
            }
            _ => {}
        }
        rejected(problem, false)
    }

    fn remember(&mut self, ready: &Ready, verdict: StoredVerdict, result: Value) {
        let receipt = Receipt {
            idempotency_key: ready.command.idempotency_key.clone(),
            command_id: ready.command.command_id,
            fingerprint: ready.fingerprint,
            verdict,
            result,
            received_at: self.batch.now,
        };
        let place = self.changes.receipts.len();
        if matches!(receipt.verdict, StoredVerdict::Applied { .. }) {
            self.applied.insert(receipt.command_id, place);
        }
        self.keys.insert(receipt.idempotency_key.clone(), place);
        self.changes.receipts.push(receipt);
    }

    /// A conflict with the record as it stands now; `None` when there is no room for one more.
    fn conflict(
        &mut self,
        reason: ConflictReason,
        key: &RecordKey,
        expected_version: Option<Version>,
        replayed: bool,
    ) -> Option<Verdict> {
        let record = self.state.records.get(key).expect("BUG: a record in conflict exists, and was loaded");
        if self.snapshot_bytes > MAX_SNAPSHOT_BYTES {
            return None;
        }
        self.snapshot_bytes += record.data.as_ref().map_or(0, |data| json_text(data).len());
        Some(Verdict::Conflict(Box::new(Conflict {
            reason,
            kind: key.kind.clone(),
            id: key.id.clone(),
            expected_version,
            server_version: record.version,
            server_snapshot: record.data.clone(),
            changed_by: record.updated_by.clone(),
            changed_at: record.updated_at,
            replayed,
        })))
    }
}

const fn rejected(problem: Problem, replayed: bool) -> Verdict {
    Verdict::Rejected { problem, replayed }
}

/// A handler that fails is trouble of the server's own: nothing is stored, and nobody's command is lost to it.
fn broken_handler() -> Verdict {
    later(BROKEN_HANDLER_RETRY)
}

fn later(after: Duration) -> Verdict {
    Verdict::Retry { after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX) }
}
