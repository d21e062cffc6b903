use futures_util::future::BoxFuture;
use offline_protocol::{UserId, WorkspaceId};

use crate::{Identity, StoreError};

/// Knows who belongs to which workspace.
///
/// An implementation must guarantee: a membership that has been taken away is gone with the next call; calls from any thread at once;
/// an unknown user or workspace is `Ok(false)`.
pub trait Memberships: Send + Sync {
    /// Whether the user is a member of the workspace now.
    fn is_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;
}

/// Keeps the list of members.
///
/// An implementation must guarantee: what has been answered is on the disk; both calls may be repeated without effect.
pub trait Members: Memberships {
    /// Makes a user a member of a workspace; one who is stays one.
    fn put_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Takes a user's membership away; his commands and receipts stay. One who is no member stays none.
    fn remove_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// The proof that a user has just been found to be a member of a workspace. Stores take it in place of a workspace id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    workspace_id: WorkspaceId,
    user_id: UserId,
}

impl Membership {
    /// Checks that the workspace is the token's and that the user is a member still; `None` without saying which of the two failed.
    pub async fn verify(
        memberships: &dyn Memberships,
        identity: &Identity,
        workspace_id: &WorkspaceId,
    ) -> Result<Option<Self>, StoreError> {
        let member = identity.workspace_id == *workspace_id
            && memberships.is_member(workspace_id, &identity.user_id).await?;
        let proof = || Self { workspace_id: workspace_id.clone(), user_id: identity.user_id.clone() };
        Ok(member.then(proof))
    }

    #[cfg(test)]
    pub(crate) const fn for_test(workspace_id: WorkspaceId, user_id: UserId) -> Self {
        Self { workspace_id, user_id }
    }

    /// The workspace.
    pub const fn workspace_id(&self) -> &WorkspaceId {
        &self.workspace_id
    }

    /// The member.
    pub const fn user_id(&self) -> &UserId {
        &self.user_id
    }
}
