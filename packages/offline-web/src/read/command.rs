//! What the outbox holds, and what the page puts in.

use offline_core::{
    Durability, EnqueueRequest, Failure, JournalEntry, JournalOutcome, OutboxCommand, OutboxEntry, Status,
};
use offline_protocol::{
    ChangeSeq, Conflict, ConflictReason, Expected, FieldError, Problem, ProblemCode, RecordKey,
    RecordSnapshot, RecordVersion, Seq, Version,
};

use super::{Fields, FromJson};

impl FromJson for OutboxCommand {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            command_id: fields.named("commandId"),
            workspace_id: fields.named("workspaceId"),
            user_id: fields.named("userId"),
            device_id: fields.named("deviceId"),
            seq: fields.checked("seq", Seq::of),
            command_type: fields.named("type"),
            payload: fields.value("payload"),
            touches: fields.objects("touches"),
            expected: expected(fields),
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

/// Absent, `{"version":4}` or `{"after":"<id>"}`.
fn expected(fields: &Fields<'_>) -> Option<Expected> {
    fields.maybe_object::<Form>("expected").map(|form| form.0)
}

struct Form(Expected);

impl FromJson for Form {
    fn from_json(fields: &Fields<'_>) -> Self {
        if fields.maybe("after").is_some() {
            fields.only(&["after"]);
            Self(Expected::After(fields.named("after")))
        } else {
            fields.only(&["version"]);
            Self(Expected::Version(fields.checked("version", Version::of)))
        }
    }
}

impl FromJson for RecordKey {
    fn from_json(fields: &Fields<'_>) -> Self {
        fields.only(&["kind", "id"]);
        Self::new(fields.named("kind"), fields.named("id"))
    }
}

impl FromJson for Failure {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            code: fields.text("code").to_owned(),
            title: fields.text("title").to_owned(),
            problem: fields.maybe_object("problem"),
            at: fields.named("at"),
        }
    }
}

impl FromJson for Problem {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            problem_type: fields.text("type").to_owned(),
            code: ProblemCode::of(fields.text("code")),
            title: fields.text("title").to_owned(),
            status: u16::try_from(fields.number("status")).unwrap_or_else(|_| {
                fields.misfit();
                0
            }),
            detail: fields.maybe("detail").map(|_| fields.text("detail").to_owned()),
            errors: if fields.has("errors") { fields.objects("errors") } else { Vec::new() },
        }
    }
}

impl FromJson for FieldError {
    fn from_json(fields: &Fields<'_>) -> Self {
        let text = |name| fields.text(name).to_owned();
        Self { pointer: text("pointer"), code: text("code"), message: text("message") }
    }
}

impl FromJson for Conflict {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            reason: fields.one_of(
                "reason",
                &[
                    ("version-conflict", ConflictReason::VersionConflict),
                    ("already-exists", ConflictReason::AlreadyExists),
                    ("deleted", ConflictReason::Deleted),
                ],
            ),
            kind: fields.named("kind"),
            id: fields.named("id"),
            expected_version: fields
                .maybe("expectedVersion")
                .map(|_| fields.checked("expectedVersion", Version::of)),
            server_version: fields.checked("serverVersion", Version::of),
            server_snapshot: fields.maybe("serverSnapshot").cloned(),
            changed_by: fields.named("changedBy"),
            changed_at: fields.named("changedAt"),
            replayed: fields.flag_or_false("replayed"),
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
        match fields.text("kind") {
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

impl FromJson for RecordVersion {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            kind: fields.named("kind"),
            id: fields.named("id"),
            version: fields.checked("version", Version::of),
        }
    }
}

impl FromJson for RecordSnapshot {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            id: fields.named("id"),
            version: fields.checked("version", Version::of),
            data: fields.value("data"),
            updated_at: fields.named("updatedAt"),
            updated_by: fields.named("updatedBy"),
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
            command_type: fields.text("type").to_owned(),
            payload: fields.value("payload"),
            expected: expected(fields),
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
