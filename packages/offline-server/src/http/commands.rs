use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};

use crate::{Server, submit::submit};

use super::{
    ProblemResponse,
    body::{Bodies, discard},
    identity::speaker,
};

/// `POST /sync/commands`
pub(crate) async fn post(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ProblemResponse> {
    let identity = match speaker(&server, &headers).await {
        Ok(identity) => identity,
        Err(problem) => {
            discard(body).await;
            return Err(problem);
        }
    };
    let bodies = Bodies { server: &server, workspace: &identity.workspace_id, user: &identity.user_id };
    let body = bodies.json(&headers, body).await?;
    let outcomes = submit(&server, &identity, &body)
        .await
        .map_err(|error| ProblemResponse::from(error).with_limits(&server.limits))?;
    Ok(Json(outcomes).into_response())
}
