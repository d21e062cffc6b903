use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use offline_protocol::{UserId, WorkspaceId};

use crate::Membership;

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

/// Counts the streams that are open.
pub(crate) struct Streams {
    limits: StreamLimits,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    total: usize,
    workspaces: HashMap<WorkspaceId, usize>,
    users: HashMap<(WorkspaceId, UserId), usize>,
}

/// Whose limit has been reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TooMany {
    /// The user's own, or his workspace's.
    OfCaller,
    /// The server's.
    OfServer,
}

/// Stands for an open stream until it is dropped.
pub(crate) struct Permit {
    streams: Arc<Streams>,
    membership: Membership,
}

impl Streams {
    pub(crate) fn new(limits: StreamLimits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    /// Counts one more, unless there are too many.
    pub(crate) fn open(self: &Arc<Self>, membership: &Membership) -> Result<Permit, TooMany> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (workspace, user) = (membership.workspace_id(), membership.user_id());
        let key = (workspace.clone(), user.clone());
        let of_user = open.users.get(&key).copied().unwrap_or_default();
        let of_workspace = open.workspaces.get(workspace).copied().unwrap_or_default();
        if of_user >= self.limits.per_user || of_workspace >= self.limits.per_workspace {
            return Err(TooMany::OfCaller);
        }
        if open.total >= self.limits.total {
            return Err(TooMany::OfServer);
        }
        open.total += 1;
        open.workspaces.insert(workspace.clone(), of_workspace + 1);
        open.users.insert(key, of_user + 1);
        Ok(Permit { streams: Arc::clone(self), membership: membership.clone() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (workspace, user) = (self.membership.workspace_id().clone(), self.membership.user_id().clone());
        open.total -= 1;
        release(&mut open.users, (workspace.clone(), user));
        release(&mut open.workspaces, workspace);
    }
}

fn release<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: K) {
    if let std::collections::hash_map::Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_kept_and_what_is_closed_is_free_again() {
        let limits = StreamLimits { per_user: 2, per_workspace: 3, total: 4, ..StreamLimits::default() };
        let streams = Arc::new(Streams::new(limits));
        let open = |workspace: &str, user: &str| {
            streams
                .open(&Membership::for_test(WorkspaceId::new(workspace).unwrap(), UserId::new(user).unwrap()))
        };
        let mut held = vec![open("acme", "ana").ok(), open("acme", "ana").ok()];
        assert_eq!(open("acme", "ana").err(), Some(TooMany::OfCaller), "of a user");
        held.push(open("acme", "ben").ok());
        assert_eq!(open("acme", "ben").err(), Some(TooMany::OfCaller), "of a workspace");
        held.push(open("globex", "ana").ok());
        assert_eq!(open("globex", "ana").err(), Some(TooMany::OfServer), "of all");
        held.remove(0);
        held.push(open("globex", "ana").ok());
        held.clear();
        let open = streams.open.lock().unwrap();
        assert!(open.total == 0 && open.users.is_empty() && open.workspaces.is_empty());
    }
}
