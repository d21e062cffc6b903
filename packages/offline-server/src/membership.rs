use futures_util::future::BoxFuture;
use offline_protocol::{UserId, WorkspaceId};

use crate::{Identity, StoreError};

/// What a member may do in a workspace beyond what every member may. The command types name the roles that they ask for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Role(String);

/// Why a text is not a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role must be 1 to 64 characters of a-z, 0-9, - and _")]
pub struct RoleError;

impl Role {
    /// Checks `text`: 1 to 64 characters of a-z, 0-9, - and _.
    pub fn new(text: impl Into<String>) -> Result<Self, RoleError> {
        let text = text.into();
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        if valid { Ok(Self(text)) } else { Err(RoleError) }
    }

    /// The role of one who has no other: `member`.
    pub fn member() -> Self {
        Self("member".into())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Knows who belongs to which workspace.
///
/// An implementation must guarantee: a membership or role that has been taken away through it is gone with the next call; one that was taken
/// away elsewhere, within 30 seconds; calls from any thread at once; an unknown user or workspace is `Ok(None)`.
pub trait Memberships: Send + Sync {
    /// The user's role in the workspace now; `None` when he is not a member.
    fn role<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<Option<Role>, StoreError>>;
}

/// Keeps the list of members.
///
/// An implementation must guarantee: what has been answered is on the disk; both calls may be repeated without effect.
pub trait Members: Memberships {
    /// Makes a user a member of a workspace with this role; one who is a member already gets the role.
    fn put_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
        role: &'a Role,
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
    role: Role,
}

impl Membership {
    /// Checks that the workspace is the token's and that the user is a member still; `None` without saying which of the two failed.
    pub async fn verify(
        memberships: &dyn Memberships,
        identity: &Identity,
        workspace_id: &WorkspaceId,
    ) -> Result<Option<Self>, StoreError> {
        if identity.workspace_id != *workspace_id {
            return Ok(None);
        }
        let role = memberships.role(workspace_id, &identity.user_id).await?;
        let proof =
            |role| Self { workspace_id: workspace_id.clone(), user_id: identity.user_id.clone(), role };
        Ok(role.map(proof))
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn for_test(workspace_id: WorkspaceId, user_id: UserId) -> Self {
        Self { workspace_id, user_id, role: Role::member() }
    }

    /// The workspace.
    pub const fn workspace_id(&self) -> &WorkspaceId {
        &self.workspace_id
    }

    /// The member.
    pub const fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// What he may do.
    pub const fn role(&self) -> &Role {
        &self.role
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_a_short_plain_name() {
        assert_eq!(Role::new("manager").unwrap().as_str(), "manager");
        assert!(Role::new("r".repeat(64)).is_ok());
        for nonsense in ["", "Manager", "a b", "ä", "a:b", "a/b", "a,b", "' OR 1", &"r".repeat(65)] {
            assert_eq!(Role::new(nonsense), Err(RoleError), "{nonsense:?}");
        }
    }
}
