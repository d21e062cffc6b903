//! Reads the JSON of the outbox, the journal and of what pages and other tabs say, as `write.rs` writes it: see [`offline_protocol::FromJson`].

use offline_protocol::{ChangeSeq, Fields, FromJson, RecordKey, Seq};

use crate::{
    Connectivity, Counts, Durability, EnqueueRequest, Failure, JournalEntry, JournalOutcome, JournalQuery,
    NetworkVerdict, OutboxCommand, OutboxEntry, OutboxQuery, PauseReason, Phase, Progress, Signal, Status,
    SyncStatus, Terms,
};

impl FromJson for OutboxCommand {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            command_id: fields.named("commandId"),
            workspace_id: fields.named("workspaceId"),
            user_id: fields.named("userId"),
            device_id: fields.named("deviceId"),
            seq: fields.checked("seq", Seq::of),
            command_type: fields.named("type"),
            payload: fields.payload("payload"),
            touches: fields.objects("touches"),
            expected: fields.maybe_object("expected"),
            depends_on: fields.names_or_none("dependsOn"),
            status: fields.one_of("status", Status::NAMES),
            attempts: fields.number_u32("attempts"),
            next_attempt_at: fields.maybe_named("nextAttemptAt"),
            idempotency_key: fields.named("idempotencyKey"),
            created_at: fields.named("createdAt"),
            client_trace_id: fields.named("clientTraceId"),
            last_error: fields.maybe_object("lastError"),
            conflict: fields.maybe_object("conflict").map(Box::new),
        }
    }
}

impl FromJson for Failure {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            code: fields.text("code").into_owned(),
            title: fields.text("title").into_owned(),
            problem: fields.maybe_object("problem"),
            at: fields.named("at"),
        }
    }
}

impl FromJson for JournalEntry {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            command: fields.object("command"),
            outcome: fields.object("outcome"),
            settled_at: fields.named("settledAt"),
        }
    }
}

impl FromJson for JournalOutcome {
    fn from_json(fields: &Fields<'_>) -> Self {
        match &*fields.text("kind") {
            "applied" => Self::Applied {
                versions: fields.objects("versions"),
                change_seq: fields.checked("changeSeq", ChangeSeq::of),
                replayed: fields.flag("replayed"),
            },
            kind => {
                if kind != "discarded" {
                    fields.misfit();
                }
                Self::Discarded { maybe_applied: fields.flag("maybeApplied") }
            }
        }
    }
}

impl FromJson for OutboxEntry {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { command: OutboxCommand::from_json(fields), held_by: fields.maybe_named("heldBy") }
    }
}

impl FromJson for EnqueueRequest {
    fn from_json(fields: &Fields<'_>) -> Self {
        fields.only(&["type", "payload", "expected", "dependsOn", "durability", "clientTraceId"]);
        Self {
            command_type: fields.text("type").into_owned(),
            payload: fields.payload("payload"),
            expected: fields.maybe_object("expected"),
            depends_on: fields.names_or_none("dependsOn"),
            durability: if fields.has("durability") {
                fields
                    .one_of("durability", &[("strict", Durability::Strict), ("relaxed", Durability::Relaxed)])
            } else {
                Durability::Strict
            },
            client_trace_id: fields.maybe_named("clientTraceId"),
        }
    }
}

impl FromJson for SyncStatus {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            phase: fields.one_of("phase", Phase::NAMES),
            paused_by: fields.maybe("pausedBy").map(|_| fields.one_of("pausedBy", PauseReason::NAMES)),
            counts: fields.object("counts"),
            progress: fields.maybe_object("progress"),
            next_attempt_at: fields.maybe_named("nextAttemptAt"),
            last_synced_at: fields.maybe_named("lastSyncedAt"),
            leader: fields.flag("leader"),
        }
    }
}

impl FromJson for Counts {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            pending: fields.number("pending"),
            in_flight: fields.number("inFlight"),
            failed: fields.number("failed"),
            conflict: fields.number("conflict"),
        }
    }
}

impl FromJson for Progress {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { settled: fields.number("settled"), total: fields.number("total") }
    }
}

impl FromJson for Connectivity {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { verdict: fields.one_of("verdict", NetworkVerdict::NAMES), since: fields.named("since") }
    }
}

impl FromJson for Signal {
    fn from_json(fields: &Fields<'_>) -> Self {
        fields.one_of("signal", Self::NAMES)
    }
}

impl FromJson for OutboxQuery {
    fn from_json(fields: &Fields<'_>) -> Self {
        match &*fields.text("by") {
            "seq" => {
                Self::Seq { after: Seq::of(fields.number("after")), limit: fields.number("limit") as usize }
            }
            "ids" => Self::Ids(fields.names("ids")),
            "record" => Self::Record(RecordKey::new(fields.named("kind"), fields.named("id"))),
            by => {
                if by != "parked" {
                    fields.misfit();
                }
                Self::Parked
            }
        }
    }
}

impl FromJson for JournalQuery {
    fn from_json(fields: &Fields<'_>) -> Self {
        if fields.has("ids") {
            return Self::Ids(fields.names("ids"));
        }
        Self::Latest { limit: fields.maybe_number("limit").map_or(usize::MAX, |limit| limit as usize) }
    }
}

impl FromJson for Terms {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { limits: fields.object("limits"), paused_types: fields.names("pausedTypes") }
    }
}
