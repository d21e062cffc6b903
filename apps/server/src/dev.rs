//! The development sign-in: three people, two workspaces, no passwords. Only with `--dev`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use offline_protocol::{Problem, ProblemCode, Timestamp, UserId, WorkspaceId};
use offline_server::{Identity, ProblemResponse, Role, Tokens, guarded};
use serde::{Deserialize, Serialize};

use crate::cli::Member;

/// Id, name, role, workspaces.
const PEOPLE: [(&str, &str, &str, &[&str]); 3] = [
    ("ana", "Ana", "manager", &["acme"]),
    ("ben", "Ben", "member", &["acme", "globex"]),
    ("cleo", "Cleo", "manager", &["globex"]),
];

/// Id, name.
const WORKSPACES: [(&str, &str); 2] = [("acme", "Acme"), ("globex", "Globex")];

/// Signs the tokens of the development sign-in.
pub(crate) struct DevSignIn {
    pub(crate) tokens: Tokens,
    pub(crate) lifetime: Duration,
}

#[derive(Serialize)]
struct Account {
    user: &'static str,
    name: &'static str,
    workspaces: Vec<Workspace>,
}

#[derive(Serialize)]
struct Workspace {
    id: &'static str,
    name: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignIn {
    user: String,
    workspace_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedIn {
    token: String,
    user_id: UserId,
    workspace_id: WorkspaceId,
    expires_at: Timestamp,
}

/// The people who can sign in, as members.
pub(crate) fn members() -> Vec<Member> {
    let member = |workspace: &str, user: &str, role: &str| Member {
        workspace: WorkspaceId::new(workspace).expect("BUG: the development workspaces are well named"),
        user: UserId::new(user).expect("BUG: the development users are well named"),
        role: Role::new(role).expect("BUG: the development roles are well named"),
    };
    let memberships = PEOPLE.iter().flat_map(|(user, _, role, of)| of.iter().map(move |of| (of, user, role)));
    memberships.map(|(workspace, user, role)| member(workspace, user, role)).collect()
}

/// The routes `/dev/accounts` and `/dev/sign-in`.
pub(crate) fn routes(sign_in: DevSignIn) -> Router {
    let routes = Router::new()
        .route("/dev/accounts", get(accounts))
        .route("/dev/sign-in", post(post_sign_in))
        .with_state(Arc::new(sign_in));
    guarded(routes)
}

async fn accounts() -> Response {
    let workspace = |id: &str| WORKSPACES.iter().find(|(of, _)| *of == id);
    let account = |(user, name, _, of): &(&'static str, &'static str, &str, &[&str])| Account {
        user,
        name,
        workspaces: of
            .iter()
            .filter_map(|id| workspace(id))
            .map(|(id, name)| Workspace { id, name })
            .collect(),
    };
    Json(PEOPLE.iter().map(account).collect::<Vec<_>>()).into_response()
}

async fn post_sign_in(
    State(dev): State<Arc<DevSignIn>>,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Response, ProblemResponse> {
    let Ok(Json(body)) = body else {
        return Err(Problem::new(ProblemCode::InvalidRequest, 400, "The request is not valid")
            .with_detail("The body must be {\"user\",\"workspaceId\"}")
            .into());
    };
    let known = members()
        .into_iter()
        .find(|member| member.workspace.as_str() == body.workspace_id && member.user.as_str() == body.user);
    let Some(Member { workspace: workspace_id, user: user_id, .. }) = known else {
        return Err(Problem::new(ProblemCode::WorkspaceNotFound, 404, "The workspace does not exist").into());
    };
    let identity = Identity { workspace_id, user_id };
    let (token, expires_at) = dev.tokens.issue(&identity, dev.lifetime).map_err(|error| {
        tracing::error!(%error, "the development sign-in failed");
        ProblemResponse::from(Problem::new(ProblemCode::Internal, 500, "The server failed"))
    })?;
    let Identity { workspace_id, user_id } = identity;
    Ok(Json(SignedIn { token, user_id, workspace_id, expires_at }).into_response())
}
