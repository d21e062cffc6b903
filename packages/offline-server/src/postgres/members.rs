//! Who belongs to which workspace.

use futures_util::future::BoxFuture;
use offline_protocol::{UserId, WorkspaceId};
use tokio_postgres::types::ToSql;

use crate::{Members, Memberships, Role, StoreError};

use super::{PostgresStore, rows, scoped};

impl Memberships for PostgresStore {
    fn role<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<Option<Role>, StoreError>> {
        let sql = "SELECT role FROM offline.member WHERE workspace_id = $1 AND user_id = $2";
        let (workspace, user) = (workspace_id.as_str(), user_id.as_str());
        Box::pin(self.connections.with(move |client| async move {
            let rows = scoped::query(&client, workspace_id, sql, &[&workspace, &user]).await?;
            rows.first().map(rows::role).transpose()
        }))
    }
}

impl Members for PostgresStore {
    fn put_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
        role: &'a Role,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let sql = "INSERT INTO offline.member (workspace_id, user_id, role) VALUES ($1, $2, $3) \
            ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role";
        Box::pin(self.write_member(workspace_id, sql, vec![user_id.as_str(), role.as_str()]))
    }

    fn remove_member<'a>(
        &'a self,
        workspace_id: &'a WorkspaceId,
        user_id: &'a UserId,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let sql = "DELETE FROM offline.member WHERE workspace_id = $1 AND user_id = $2";
        Box::pin(self.write_member(workspace_id, sql, vec![user_id.as_str()]))
    }
}

impl PostgresStore {
    async fn write_member(
        &self,
        workspace: &WorkspaceId,
        sql: &'static str,
        texts: Vec<&str>,
    ) -> Result<(), StoreError> {
        let id = workspace.as_str();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&id];
        parameters.extend(texts.iter().map(|text| text as &(dyn ToSql + Sync)));
        let parameters = &parameters;
        self.connections
            .with(|client| async move { scoped::execute(&client, workspace, sql, parameters).await })
            .await
    }
}
