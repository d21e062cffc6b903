use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use offline_protocol::{UserId, WorkspaceId};

/// How many may be served at the same time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeatLimits {
    /// Of one user in one workspace.
    pub(crate) per_user: usize,
    /// Of one workspace.
    pub(crate) per_workspace: usize,
    /// Of all.
    pub(crate) total: usize,
}

/// Counts those who hold something of the server for as long as they like: an open stream, a page that they have not read yet.
pub(crate) struct Seats {
    limits: SeatLimits,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
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

/// Stands for one of them until it is dropped.
pub(crate) struct Permit {
    seats: Arc<Seats>,
    workspace: WorkspaceId,
    user: UserId,
}

impl Seats {
    pub(crate) fn new(limits: SeatLimits) -> Self {
        Self { limits, taken: Mutex::default() }
    }

    /// Counts one more, unless there are too many.
    pub(crate) fn take(self: &Arc<Self>, workspace: &WorkspaceId, user: &UserId) -> Result<Permit, TooMany> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (workspace.clone(), user.clone());
        let of_user = taken.users.get(&key).copied().unwrap_or_default();
        let of_workspace = taken.workspaces.get(workspace).copied().unwrap_or_default();
        if of_user >= self.limits.per_user || of_workspace >= self.limits.per_workspace {
            return Err(TooMany::OfCaller);
        }
        if taken.total >= self.limits.total {
            return Err(TooMany::OfServer);
        }
        taken.total += 1;
        taken.workspaces.insert(workspace.clone(), of_workspace + 1);
        taken.users.insert(key, of_user + 1);
        Ok(Permit { seats: Arc::clone(self), workspace: workspace.clone(), user: user.clone() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (workspace, user) = (self.workspace.clone(), self.user.clone());
        taken.total -= 1;
        release(&mut taken.users, (workspace.clone(), user));
        release(&mut taken.workspaces, workspace);
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
    fn each_limit_is_kept_and_what_is_given_back_is_free_again() {
        let limits = SeatLimits { per_user: 2, per_workspace: 3, total: 4 };
        let seats = Arc::new(Seats::new(limits));
        let open = |workspace: &str, user: &str| {
            seats.take(&WorkspaceId::new(workspace).unwrap(), &UserId::new(user).unwrap())
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
        let taken = seats.taken.lock().unwrap();
        assert!(taken.total == 0 && taken.users.is_empty() && taken.workspaces.is_empty());
    }
}
