use axum::http::{HeaderMap, header};
use offline_protocol::{Problem, ProblemCode, WorkspaceId};

use crate::{Identity, Membership, Server, Tokens, envelope::workspace_not_found};

use super::ProblemResponse;

/// Who speaks, from the one `Authorization: Bearer` header; the error is the answer.
pub async fn bearer(tokens: &Tokens, headers: &HeaderMap) -> Result<Identity, Problem> {
    let unauthorized = || Problem::new(ProblemCode::Unauthorized, 401, "This needs a valid token");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(unauthorized()) };
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    tokens.verify(token.ok_or_else(unauthorized)?).await.ok_or_else(unauthorized)
}

/// Who speaks, when he may ask for more: what every route of a user begins with.
pub(crate) async fn speaker(server: &Server, headers: &HeaderMap) -> Result<Identity, ProblemResponse> {
    let identity = bearer(&server.tokens, headers).await?;
    let span = tracing::Span::current();
    span.record("workspaceId", identity.workspace_id.as_str()).record("userId", identity.user_id.as_str());
    server.rates.take(&identity, 1).map_err(ProblemResponse::rate_limited)?;
    Ok(identity)
}

/// The membership that a request to `/workspaces/{workspace}` needs; one answer for every way of not having it.
pub(crate) async fn member(
    server: &Server,
    headers: &HeaderMap,
    workspace: &str,
) -> Result<Membership, ProblemResponse> {
    let identity = speaker(server, headers).await?;
    let member = match WorkspaceId::new(workspace) {
        Ok(workspace) => Membership::verify(&*server.memberships, &identity, &workspace).await?,
        Err(_) => None,
    };
    member.ok_or_else(|| not_a_member(&identity))
}

/// For the eyes of whoever looks for intruders; the answer says less.
fn not_a_member(identity: &Identity) -> ProblemResponse {
    tracing::warn!(
        workspaceId = %identity.workspace_id,
        userId = %identity.user_id,
        "a token, valid in itself, for a workspace that is not its own or that its user does not belong to"
    );
    workspace_not_found().into()
}

/// The speaker and his membership of the token's own workspace, for routes that name none.
pub(crate) async fn own_membership(
    server: &Server,
    headers: &HeaderMap,
) -> Result<(Identity, Membership), ProblemResponse> {
    let identity = speaker(server, headers).await?;
    with_membership(server, identity).await
}

/// The same in the course of a request that has been paid for.
pub(crate) async fn still_member(
    server: &Server,
    headers: &HeaderMap,
) -> Result<(Identity, Membership), ProblemResponse> {
    let identity = bearer(&server.tokens, headers).await?;
    with_membership(server, identity).await
}

async fn with_membership(
    server: &Server,
    identity: Identity,
) -> Result<(Identity, Membership), ProblemResponse> {
    let member = Membership::verify(&*server.memberships, &identity, &identity.workspace_id).await?;
    match member {
        Some(member) => Ok((identity, member)),
        None => Err(not_a_member(&identity)),
    }
}
