//! What another tab tells.

use offline_core::{Connectivity, Counts, NetworkVerdict, PauseReason, Phase, Progress, Signal, SyncStatus};

use super::{Fields, FromJson};

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
