//! The JSON of the outbox, the journal and of what an engine tells, written without serde's derived code: see [`offline_protocol::ToJson`].

use offline_protocol::{Json, ToJson, to_json};

use crate::{
    Connectivity, Counts, DiscardReport, EngineEvent, Enqueued, EventKind, Failure, HowResolved,
    JournalEntry, JournalOutcome, NetworkVerdict, OutboxCommand, OutboxEntry, OutcomeStatus, OverlaidRecord,
    PauseReason, Phase, Progress, RecordSyncStatus, Signal, Status, SyncStatus,
};

/// The names in JSON of an enum without fields, for writing and for reading.
macro_rules! names {
    ($type:ident: $($name:literal $variant:ident),*) => {
        impl $type {
            /// Every value with its name in JSON.
            pub const NAMES: &'static [(&'static str, Self)] = &[$(($name, Self::$variant)),*];
        }

        impl ToJson for $type {
            fn write(&self, json: &mut Json) {
                json.text(name_of(Self::NAMES, *self));
            }
        }
    };
}

fn name_of<T: Copy + PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, known)| *known == value).map_or("", |(name, _)| name)
}

names!(Status: "PENDING" Pending, "IN_FLIGHT" InFlight, "SUCCEEDED" Succeeded, "FAILED" Failed, "CONFLICT" Conflict);
names!(Phase: "starting" Starting, "idle" Idle, "syncing" Syncing, "waiting" Waiting, "paused" Paused);
names!(PauseReason: "login" Login, "incompatible" Incompatible, "storage" Storage);
names!(
    NetworkVerdict: "unknown" Unknown, "online" Online, "offline" Offline, "captive-portal" CaptivePortal,
    "server-unavailable" ServerUnavailable
);
names!(
    Signal: "enqueued" Enqueued, "hint" Hint, "sync-now" SyncNow, "signed-in" SignedIn, "resolved" Resolved
);
names!(OutcomeStatus: "applied" Applied, "held" Held, "retry" Retry);
names!(HowResolved: "retried" Retried, "discarded" Discarded);
names!(
    RecordSyncStatus: "synced" Synced, "pending" Pending, "syncing" Syncing, "held" Held, "failed" Failed,
    "conflict" Conflict
);

to_json!(Failure: "code" code, "title" title, "problem" problem, "at" at);
to_json!(JournalEntry: "command" command, "outcome" outcome, "settledAt" settled_at);
to_json!(Enqueued: "commandId" command_id, "seq" seq, "clientTraceId" client_trace_id, "touches" touches);
to_json!(DiscardReport: "discarded" discarded, "maybeApplied" maybe_applied);
to_json!(Connectivity: "verdict" verdict, "since" since);
to_json!(Counts: "pending" pending, "inFlight" in_flight, "failed" failed, "conflict" conflict);
to_json!(Progress: "settled" settled, "total" total);
to_json!(
    SyncStatus: "phase" phase, "pausedBy" paused_by, "counts" counts, "progress" progress,
    "nextAttemptAt" next_attempt_at, "lastSyncedAt" last_synced_at, "leader" leader
);
to_json!(
    OverlaidRecord: "id" id, "data" data, "version" version, "updatedAt" updated_at, "updatedBy" updated_by,
    "sync" sync, "expected" expected, "commandIds" command_ids
);

/// What the names of fields take on the wire, and what is as long in each command, or has a longest form.
const NAMES_AND_NUMBERS: usize = 384;

impl OutboxCommand {
    /// Writes it as an [`offline_protocol::Command`].
    pub(crate) fn on_the_wire(&self, json: &mut Json) {
        json.object();
        self.fields(json, false);
        json.end_object();
    }

    /// As many bytes as it may take there at most, with a comma: a little more than it does, and told without writing it.
    pub(crate) fn room_on_the_wire(&self) -> usize {
        let plain = self.workspace_id.as_str().len() + self.command_type.as_str().len();
        let names = [self.device_id.as_str(), self.idempotency_key.as_str(), self.client_trace_id.as_str()];
        // Each character of these may need another one that escapes it.
        let escaped = names.iter().map(|name| 2 * name.len()).sum::<usize>();
        NAMES_AND_NUMBERS + plain + escaped + self.payload.as_str().len() + 40 * self.depends_on.len()
    }

    /// The server is not told what is not `whole`: what only this device knows, and what is nothing.
    fn fields(&self, json: &mut Json, whole: bool) {
        json.field("commandId", &self.command_id);
        json.field("workspaceId", &self.workspace_id);
        if whole {
            json.field("userId", &self.user_id);
        }
        json.field("deviceId", &self.device_id);
        json.field("seq", &self.seq);
        json.field("type", &self.command_type);
        json.field("payload", &self.payload);
        if whole {
            json.field("touches", &self.touches);
        }
        if whole || self.expected.is_some() {
            json.field("expected", &self.expected);
        }
        if whole || !self.depends_on.is_empty() {
            json.field("dependsOn", &self.depends_on);
        }
        if whole {
            json.field("status", &self.status);
            json.field("attempts", &self.attempts);
            json.field("nextAttemptAt", &self.next_attempt_at);
        }
        json.field("idempotencyKey", &self.idempotency_key);
        json.field("createdAt", &self.created_at);
        json.field("clientTraceId", &self.client_trace_id);
        if whole {
            json.field("lastError", &self.last_error);
            json.field("conflict", &self.conflict);
        }
    }
}

impl ToJson for OutboxCommand {
    fn write(&self, json: &mut Json) {
        json.object();
        self.fields(json, true);
        json.end_object();
    }
}

impl ToJson for OutboxEntry {
    fn write(&self, json: &mut Json) {
        json.object();
        self.command.fields(json, true);
        json.field("heldBy", &self.held_by);
        json.end_object();
    }
}

impl ToJson for JournalOutcome {
    fn write(&self, json: &mut Json) {
        json.object();
        match self {
            Self::Applied { versions, change_seq, replayed } => {
                json.field("kind", "applied");
                json.field("versions", versions);
                json.field("changeSeq", change_seq);
                json.field("replayed", replayed);
            }
            Self::Discarded { maybe_applied } => {
                json.field("kind", "discarded");
                json.field("maybeApplied", maybe_applied);
            }
        }
        json.end_object();
    }
}

impl ToJson for EngineEvent {
    fn write(&self, json: &mut Json) {
        json.object();
        json.field("at", &self.at);
        self.kind.fields(json);
        json.end_object();
    }
}

impl EventKind {
    fn name(&self) -> &'static str {
        match self {
            Self::Enqueued { .. } => "enqueued",
            Self::FlushStarted { .. } => "flush-started",
            Self::FlushProgress { .. } => "flush-progress",
            Self::FlushFinished { .. } => "flush-finished",
            Self::Outcome { .. } => "outcome",
            Self::RetryScheduled { .. } => "retry-scheduled",
            Self::Conflict { .. } => "conflict",
            Self::Rejected { .. } => "rejected",
            Self::Resolved { .. } => "resolved",
            Self::Paused { .. } => "paused",
            Self::Resumed => "resumed",
            Self::LoginNeeded => "login-needed",
        }
    }

    fn fields(&self, json: &mut Json) {
        json.field("type", self.name());
        if let Self::Enqueued { command_id, client_trace_id, .. }
        | Self::Outcome { command_id, client_trace_id, .. }
        | Self::Conflict { command_id, client_trace_id, .. }
        | Self::Rejected { command_id, client_trace_id, .. }
        | Self::Resolved { command_id, client_trace_id, .. } = self
        {
            json.field("commandId", command_id);
            json.field("clientTraceId", client_trace_id);
        }
        match self {
            Self::Enqueued { seq, .. } => json.field("seq", seq),
            Self::FlushStarted { total } => json.field("total", total),
            Self::FlushProgress { settled, total } => {
                json.field("settled", settled);
                json.field("total", total);
            }
            Self::FlushFinished { settled } => json.field("settled", settled),
            Self::Outcome { status, versions, .. } => {
                json.field("status", status);
                json.field("versions", versions);
            }
            Self::RetryScheduled { command_ids, next_attempt_at, code } => {
                json.field("commandIds", command_ids);
                json.field("nextAttemptAt", next_attempt_at);
                json.field("code", code);
            }
            Self::Conflict { kind, id, .. } => {
                json.field("kind", kind);
                json.field("id", id);
            }
            Self::Rejected { code, .. } => json.field("code", code),
            Self::Resolved { how, .. } => json.field("how", how),
            Self::Paused { reason } => json.field("reason", reason),
            Self::Resumed | Self::LoginNeeded => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use offline_protocol::{
        ChangeSeq, CommandBatch, Conflict, ConflictReason, DeviceId, Expected, FieldError, IdempotencyKey,
        Problem, ProblemCode, RecordVersion, Timestamp, TraceId, UserId, Version, WorkspaceId,
    };
    use serde::Serialize;
    use serde_json::json;

    use super::*;
    use crate::{
        OutgoingBatch,
        test_commands::{command, id, thing},
    };

    #[test]
    fn a_command_has_room_where_it_is_said_to_have_but_not_much_more() {
        let mut longest = command(9_007_199_254_740_991, &[]);
        longest.workspace_id = WorkspaceId::new("w".repeat(64)).unwrap();
        longest.device_id = DeviceId::new("\"".repeat(64)).unwrap();
        longest.idempotency_key = IdempotencyKey::new("\\".repeat(128)).unwrap();
        longest.client_trace_id = TraceId::new("\"".repeat(128)).unwrap();
        longest.created_at = Timestamp::from_millis(253_402_300_799_999);
        longest.depends_on = vec![id(1), id(2)];
        longest.payload = json!({ "text": "a\nb".repeat(1000) }).into();
        for expected in [
            None,
            Some(Expected::After(id(3))),
            Some(Expected::Version(Version::new(9_007_199_254_740_991).unwrap())),
        ] {
            longest.expected = expected;
            let mut json = Json::default();
            longest.on_the_wire(&mut json);
            let (bytes, room) = (json.into_text().len() + 1, longest.room_on_the_wire());
            assert!((bytes..bytes + 200).contains(&room), "{room} for {bytes}");
        }
    }

    #[track_caller]
    fn like_serde<T: ToJson + Serialize>(value: &T) {
        assert_eq!(value.to_text(), serde_json::to_string(value).unwrap());
    }

    fn versions() -> Vec<RecordVersion> {
        let key = thing("a");
        vec![RecordVersion { kind: key.kind, id: key.id, version: Version::new(7).unwrap() }]
    }

    fn conflict() -> Conflict {
        Conflict {
            reason: ConflictReason::Deleted,
            kind: thing("a").kind,
            id: thing("a").id,
            expected_version: Some(Version::new(3).unwrap()),
            server_version: Version::new(4).unwrap(),
            server_snapshot: Some(
                json!({ "a": [1, -2, 1.5, 1e300, null, "\u{0}\u{1f}\u{7f}\"\\/\n\r\t\u{8}\u{c}ä😀"] }),
            ),
            changed_by: UserId::new("ben").unwrap(),
            changed_at: Timestamp::from_millis(1_800_000_000_123),
            replayed: true,
        }
    }

    /// A bare one, and one in which nothing is missing.
    fn commands() -> [OutboxCommand; 2] {
        let mut full = command(2, &["a", "b"]);
        full.payload = json!({ "": { "z": [], "a": {} }, "n": [u64::MAX, i64::MIN, 0, -1], "f": 2.0 }).into();
        full.expected = Some(Expected::After(id(1)));
        full.depends_on = vec![id(1), id(7)];
        full.status = Status::Conflict;
        full.attempts = u32::MAX;
        full.next_attempt_at = Some(Timestamp::from_millis(1));
        let mut problem = Problem::new(ProblemCode::RuleViolated, 422, "No");
        problem = problem.with_detail("d");
        problem.errors.push(FieldError { pointer: "/a".into(), code: "c".into(), message: "m".into() });
        let (code, title, at) = ("c".into(), "t".into(), Timestamp::EPOCH);
        full.last_error = Some(Failure { code, title, problem: Some(problem), at });
        full.conflict = Some(Box::new(conflict()));
        let mut bare = command(1, &[]);
        bare.expected = Some(Expected::Version(Version::FIRST));
        let problem = Some(Problem::new(ProblemCode::Unknown, 500, ""));
        bare.last_error = Some(Failure { code: String::new(), title: String::new(), problem, at });
        [bare, full]
    }

    #[test]
    fn commands_and_entries_are_written_as_serde_writes_them() {
        for command in commands().into_iter().chain([command(3, &["c"])]) {
            like_serde(&command);
            let batch = OutgoingBatch::of(&[command.clone(), command.clone()]);
            let read: CommandBatch = serde_json::from_str(&batch.body).unwrap();
            assert_eq!(json!(read), serde_json::from_str::<serde_json::Value>(&batch.body).unwrap());
            like_serde(&OutboxEntry { command: command.clone(), held_by: Some(id(9)) });
            like_serde(&OutboxEntry { command: command.clone(), held_by: None });
            let applied = JournalOutcome::Applied {
                versions: versions(),
                change_seq: ChangeSeq::new(9).unwrap(),
                replayed: false,
            };
            for outcome in [applied, JournalOutcome::Discarded { maybe_applied: true }] {
                like_serde(&JournalEntry { command: command.clone(), outcome, settled_at: Timestamp::EPOCH });
            }
        }
    }

    #[test]
    fn every_event_is_written_as_serde_writes_it() {
        let (command_id, client_trace_id) = (id(1), TraceId::new("t").unwrap());
        let trace = || client_trace_id.clone();
        let (thing, at) = (thing("a"), Timestamp::from_millis(5));
        let of_a_command = |(status, how): (OutcomeStatus, HowResolved)| {
            [
                EventKind::Outcome { command_id, client_trace_id: trace(), status, versions: versions() },
                EventKind::Resolved { command_id, client_trace_id: trace(), how },
            ]
        };
        let pairs = [
            (OutcomeStatus::Applied, HowResolved::Retried),
            (OutcomeStatus::Held, HowResolved::Discarded),
            (OutcomeStatus::Retry, HowResolved::Retried),
        ];
        let others = [
            EventKind::Enqueued { command_id, client_trace_id: trace(), seq: offline_protocol::Seq::FIRST },
            EventKind::FlushStarted { total: 1 },
            EventKind::FlushProgress { settled: 1, total: 2 },
            EventKind::FlushFinished { settled: 3 },
            EventKind::RetryScheduled {
                command_ids: vec![id(1), id(2)],
                next_attempt_at: at,
                code: "c".into(),
            },
            EventKind::RetryScheduled { command_ids: Vec::new(), next_attempt_at: at, code: "c".into() },
            EventKind::Conflict { command_id, client_trace_id: trace(), kind: thing.kind, id: thing.id },
            EventKind::Rejected { command_id, client_trace_id: trace(), code: "c".into() },
            EventKind::Paused { reason: PauseReason::Login },
            EventKind::Resumed,
            EventKind::LoginNeeded,
        ];
        for kind in pairs.into_iter().flat_map(of_a_command).chain(others) {
            like_serde(&EngineEvent { at, kind });
        }
    }

    #[test]
    fn how_things_stand_is_written_as_serde_writes_it() {
        let counts = Counts { pending: 1, in_flight: 2, failed: 3, conflict: 4 };
        let mut status = SyncStatus {
            phase: Phase::Starting,
            paused_by: None,
            counts,
            progress: None,
            next_attempt_at: None,
            last_synced_at: None,
            leader: false,
        };
        like_serde(&status);
        for (_, phase) in Phase::NAMES {
            for (_, reason) in PauseReason::NAMES {
                (status.phase, status.paused_by, status.leader) = (*phase, Some(*reason), true);
                status.progress = Some(Progress { settled: 10, total: 100 });
                (status.next_attempt_at, status.last_synced_at) =
                    (Some(Timestamp::EPOCH), Some(Timestamp::EPOCH));
                like_serde(&status);
            }
        }
        for (_, verdict) in NetworkVerdict::NAMES {
            like_serde(&Connectivity { verdict: *verdict, since: Timestamp::EPOCH });
        }
        Signal::NAMES.iter().for_each(|(_, signal)| like_serde(signal));
        Status::NAMES.iter().for_each(|(name, status)| {
            like_serde(status);
            assert_eq!(*name, status.as_str());
        });
        like_serde(&DiscardReport { discarded: vec![id(1)], maybe_applied: Vec::new() });
        let (client_trace_id, touches) = (TraceId::new("t").unwrap(), vec![thing("a"), thing("b")]);
        like_serde(&Enqueued {
            command_id: id(1),
            seq: offline_protocol::Seq::FIRST,
            client_trace_id,
            touches,
        });
        for (_, sync) in RecordSyncStatus::NAMES {
            like_serde(&OverlaidRecord {
                id: thing("a").id,
                data: Some(json!(null)).filter(|_| *sync != RecordSyncStatus::Held),
                version: Version::FIRST,
                updated_at: None,
                updated_by: Some(UserId::new("ben").unwrap()),
                sync: *sync,
                expected: Expected::After(id(1)),
                command_ids: vec![id(1)],
            });
        }
    }
}
