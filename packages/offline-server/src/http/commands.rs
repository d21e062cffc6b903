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
    body::{discard, read_json},
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
    let refuse = |problem| ProblemResponse::from(problem).with_limits(&server.limits);
    let body = read_json(&headers, body, &server.limits).await.map_err(refuse)?;
    let outcomes = submit(&server, &identity, &body)
        .await
        .map_err(|error| ProblemResponse::from(error).with_limits(&server.limits))?;
    Ok(Json(outcomes).into_response())
}
