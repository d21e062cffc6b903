//! What the server answers.

use offline_protocol::{ChangeSeq, Conflict, Hello, Limits, Outcome, Outcomes, Retention, Verdict};

use super::{Fields, FromJson};

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
        match fields.text("status") {
            "applied" => Self::Applied {
                versions: fields.objects("versions"),
                result: fields.maybe("result").cloned().unwrap_or_default(),
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

impl FromJson for Hello {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            server_time: fields.named("serverTime"),
            protocol: fields.number_u32("protocol"),
            minimum_client: fields.number_u32("minimumClient"),
            limits: fields.object("limits"),
            retention: fields.object("retention"),
            accepted_types: fields.names("acceptedTypes"),
            paused_types: fields.names("pausedTypes"),
            // Nothing in the engine asks for it.
            changes: None,
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

impl FromJson for Retention {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { receipt_days: fields.number_u32("receiptDays"), key_days: fields.number_u32("keyDays") }
    }
}
