use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use offline_protocol::{Timestamp, UserId, WorkspaceId};

use crate::{Clock, Members, Memberships, Role, StoreError};

/// How long an answer is believed: the time in which a membership that was taken away on another node is gone here.
const BELIEVED: Duration = Duration::from_secs(30);

/// How many answers are kept at most, some 100 bytes each. When they are that many, all are forgotten.
const MOST: usize = 50_000;

/// A list of members with a short memory, so that not each request asks the database: half a microsecond in place of 30 on SQLite and 1,000 on
/// PostgreSQL (an unoptimised build on a busy machine; the ratio counts).
///
/// What is changed through it holds at once; what is changed beside it (on another node), within 30 seconds. Only members are remembered: one
/// who has just become a member is let in with his next request, and strangers take up no room.
pub struct CachedMembers {
    members: Arc<dyn Members>,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    roles: HashMap<(WorkspaceId, UserId), (Role, Timestamp)>,
    /// Grows with each change, so that an answer from before it is not remembered after it.
    changes: u64,
}

impl CachedMembers {
    /// Remembers the answers of this list.
    pub fn new(members: Arc<dyn Members>, clock: Arc<dyn Clock>) -> Self {
        Self { members, clock, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The role that is remembered, and how many changes there have been.
    fn remembered(&self, key: &(WorkspaceId, UserId)) -> (Option<Role>, u64) {
        let now = self.clock.now();
        let memory = self.memory();
        // A clock that was set back makes every answer from its future worthless.
        let fresh = |(_, at): &&(Role, Timestamp)| *at <= now && now.since(*at) < BELIEVED;
        (memory.roles.get(key).filter(fresh).map(|(role, _)| role.clone()), memory.changes)
    }

    fn forget(&self, workspace_id: &WorkspaceId, user_id: &UserId) {
        let mut memory = self.memory();
        memory.changes += 1;
        memory.roles.remove(&(workspace_id.clone(), user_id.clone()));
    }
}

impl Memberships for CachedMembers {
    fn role<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<Option<Role>, StoreError>> {
        Box::pin(async move {
            let key = (workspace_id.clone(), user_id.clone());
            let (remembered, changes) = self.remembered(&key);
            if remembered.is_some() {
                return Ok(remembered);
            }
            let asked = self.clock.now();
            let role = self.members.role(workspace_id, user_id).await?;
            let mut memory = self.memory();
            if let Some(role) = role.clone().filter(|_| memory.changes == changes) {
                if memory.roles.len() >= MOST {
                    memory.roles.clear();
                }
                memory.roles.insert(key, (role, asked));
            }
            Ok(role)
        })
    }
}

impl Members for CachedMembers {
    fn put_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
        role: &'a Role,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let put = self.members.put_member(workspace_id, user_id, role).await;
            // Also after an error: it may have taken effect.
            self.forget(workspace_id, user_id);
            put
        })
    }

    fn remove_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let removed = self.members.remove_member(workspace_id, user_id).await;
            self.forget(workspace_id, user_id);
            removed
        })
    }
}
