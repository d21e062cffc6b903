use offline_protocol::{CommandId, RecordKey, RecordVersion, TraceId};

use crate::{Change, EventKind, OutcomeStatus};

/// What has to be told of a change once it is in the store.
pub(super) struct Told {
    pub(super) id: CommandId,
    kind: ToldKind,
}

enum ToldKind {
    Outcome(OutcomeStatus, Vec<RecordVersion>),
    Conflict(RecordKey),
    Rejected(String),
}

impl Told {
    pub(super) fn new(id: CommandId, change: &Change) -> Self {
        let kind = match change {
            Change::Applied(applied) => ToldKind::Outcome(OutcomeStatus::Applied, applied.versions.clone()),
            Change::Failed { error, .. } => ToldKind::Rejected(error.code.clone()),
            Change::Conflict { conflict, .. } => {
                ToldKind::Conflict(RecordKey::new(conflict.kind.clone(), conflict.id.clone()))
            }
            Change::Requeue { error: Some(error), .. } if error.code == "held" => {
                ToldKind::Outcome(OutcomeStatus::Held, Vec::new())
            }
            Change::Requeue { .. } => ToldKind::Outcome(OutcomeStatus::Retry, Vec::new()),
        };
        Self { id, kind }
    }

    pub(super) fn is_final(&self) -> bool {
        !matches!(self.kind, ToldKind::Outcome(OutcomeStatus::Held | OutcomeStatus::Retry, _))
    }

    pub(super) fn event(self, client_trace_id: TraceId) -> EventKind {
        let command_id = self.id;
        match self.kind {
            ToldKind::Outcome(status, versions) => {
                EventKind::Outcome { command_id, client_trace_id, status, versions }
            }
            ToldKind::Conflict(key) => {
                EventKind::Conflict { command_id, client_trace_id, kind: key.kind, id: key.id }
            }
            ToldKind::Rejected(code) => EventKind::Rejected { command_id, client_trace_id, code },
        }
    }
}
