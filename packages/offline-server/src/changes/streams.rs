use std::time::Duration;

use crate::seats::SeatLimits;

/// How many streams of events one process keeps open, and how it keeps them.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// Of one user in one workspace.
    pub per_user: usize,
    /// Of one workspace.
    pub per_workspace: usize,
    /// Of all.
    pub total: usize,
    /// How often a stream that has nothing to say shows that it is there.
    pub heartbeat: Duration,
    /// How often token and membership are looked at again.
    pub recheck: Duration,
    /// How long a reader may take nothing before his stream ends.
    pub patience: Duration,
}

impl Default for StreamLimits {
    /// 1,000 of a user, 5,000 of a workspace, 10,000 of all; 15 s, 15 s, 60 s.
    fn default() -> Self {
        Self {
            per_user: 1000,
            per_workspace: 5000,
            total: 10_000,
            heartbeat: Duration::from_secs(15),
            recheck: Duration::from_secs(15),
            patience: Duration::from_secs(60),
        }
    }
}

impl StreamLimits {
    pub(crate) const fn seats(&self) -> SeatLimits {
        SeatLimits { per_user: self.per_user, per_workspace: self.per_workspace, total: self.total }
    }
}
