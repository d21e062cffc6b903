//! Reads what the server answers.

use crate::{
    ChangeSeq, Conflict, ConflictReason, Expected, FieldError, Fields, FromJson, Limits, Outcome, Outcomes,
    Problem, ProblemCode, RecordKey, RecordSnapshot, RecordVersion, Verdict, Version,
};

impl FromJson for Outcomes {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { outcomes: fields.objects("outcomes") }
    }
}

impl FromJson for Outcome {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { command_id: fields.maybe_named("commandId"), verdict: Verdict::from_json(fields) }
    }
}

impl FromJson for Verdict {
    fn from_json(fields: &Fields<'_>) -> Self {
        match &*fields.text("status") {
            "applied" => Self::Applied {
                versions: fields.objects("versions"),
                result: fields.maybe_value("result").unwrap_or_default(),
                replayed: fields.flag_or_false("replayed"),
                change_seq: fields.checked("changeSeq", ChangeSeq::of),
            },
            "conflict" => Self::Conflict(Box::new(Conflict::from_json(fields))),
            "rejected" => Self::Rejected {
                problem: fields.object("problem"),
                replayed: fields.flag_or_false("replayed"),
            },
            "held" => Self::Held { by: fields.named("by") },
            status => {
                if status != "retry" {
                    fields.misfit();
                }
                Self::Retry { after_ms: fields.number("afterMs") }
            }
        }
    }
}

impl FromJson for Limits {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            max_items: fields.number_u32("maxItems"),
            max_body_bytes: fields.number_u32("maxBodyBytes"),
            max_item_bytes: fields.number_u32("maxItemBytes"),
        }
    }
}

/// `{"version":4}` or `{"after":"<id>"}`.
impl FromJson for Expected {
    fn from_json(fields: &Fields<'_>) -> Self {
        if fields.maybe("after").is_some() {
            fields.only(&["after"]);
            Self::After(fields.named("after"))
        } else {
            fields.only(&["version"]);
            Self::Version(fields.checked("version", Version::of))
        }
    }
}

impl FromJson for RecordKey {
    fn from_json(fields: &Fields<'_>) -> Self {
        fields.only(&["kind", "id"]);
        Self::new(fields.named("kind"), fields.named("id"))
    }
}

impl FromJson for Problem {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            problem_type: fields.text("type").into_owned(),
            code: ProblemCode::of(&fields.text("code")),
            title: fields.text("title").into_owned(),
            status: u16::try_from(fields.number("status")).unwrap_or_else(|_| {
                fields.misfit();
                0
            }),
            detail: fields.maybe("detail").map(|_| fields.text("detail").into_owned()),
            errors: if fields.has("errors") { fields.objects("errors") } else { Vec::new() },
        }
    }
}

impl FromJson for FieldError {
    fn from_json(fields: &Fields<'_>) -> Self {
        let text = |name| fields.text(name).into_owned();
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
            server_snapshot: fields.maybe_value("serverSnapshot"),
            changed_by: fields.named("changedBy"),
            changed_at: fields.named("changedAt"),
            replayed: fields.flag_or_false("replayed"),
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
