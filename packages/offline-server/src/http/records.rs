use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use offline_protocol::{Problem, ProblemCode, RecordId, RecordKey, RecordKind, RecordPage, Version};
use serde::Deserialize;

use crate::{Membership, PageQuery, Server, envelope::invalid_request, json::json_bytes};

use super::{ProblemResponse, identity::member, not_found};

/// The page size when the client names none, and the largest that it gets.
const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageParams {
    limit: Option<u32>,
    after: Option<String>,
}

/// `GET /workspaces/{workspace}/records/{kind}?limit=&after=`
pub(crate) async fn list(
    State(server): State<Arc<Server>>,
    path: Result<Path<(String, String)>, PathRejection>,
    params: Result<Query<PageParams>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let Ok(Path((workspace, kind))) = path else { return Err(not_found().await) };
    let membership = member(&server, &headers, &workspace).await?;
    let Ok(kind) = RecordKind::new(kind) else { return Err(not_found().await) };
    page_response(&server, &membership, kind, params).await
}

/// A page of a kind.
pub(crate) async fn page_response(
    server: &Server,
    membership: &Membership,
    kind: RecordKind,
    params: Result<Query<PageParams>, QueryRejection>,
) -> Result<Response, ProblemResponse> {
    let Ok(Query(params)) = params else {
        let detail = "The parameters are limit and after, each once; limit is a whole number";
        return Err(invalid_request(detail).into());
    };
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 {
        return Err(invalid_request("limit must be at least 1").into());
    }
    let after = params.after.map(RecordId::new).transpose();
    let after = after.map_err(|_| invalid_request("after must be a record id"))?;
    let query = PageQuery { kind, after, limit: limit.min(MAX_LIMIT) };
    let permit = server.rates.page(membership).map_err(ProblemResponse::rate_limited)?;
    let page = server.store.page(membership, &query).await?;
    let next = page.records.last().filter(|_| page.more).map(|record| record.id.clone());
    let text = json_bytes(&RecordPage { records: page.records, next });
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((kind, super::body::page(text, permit)).into_response())
}

/// `GET /workspaces/{workspace}/records/{kind}/{id}`
pub(crate) async fn one(
    State(server): State<Arc<Server>>,
    path: Result<Path<(String, String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let Ok(Path((workspace, kind, id))) = path else { return Err(not_found().await) };
    let membership = member(&server, &headers, &workspace).await?;
    let (Ok(kind), Ok(id)) = (RecordKind::new(kind), RecordId::new(id)) else {
        return Err(record_not_found());
    };
    record_response(&server, &membership, &RecordKey::new(kind, id), &headers).await
}

/// One record, or that the client has it already.
pub(crate) async fn record_response(
    server: &Server,
    membership: &Membership,
    key: &RecordKey,
    headers: &HeaderMap,
) -> Result<Response, ProblemResponse> {
    let found = server.store.record(membership, key).await?;
    let record = found.ok_or_else(record_not_found)?;
    let tag = entity_tag(record.version);
    let mut response = if matches(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(record).into_response()
    };
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// There is no such record, or not in this workspace.
pub(crate) fn record_not_found() -> ProblemResponse {
    Problem::new(ProblemCode::RecordNotFound, 404, "The record does not exist").into()
}

/// The entity tag of a version.
pub(crate) fn entity_tag(version: Version) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).expect("BUG: a quoted number is a header value")
}

/// Whether the client has this version already (RFC 9110, 13.1.2: weak comparison).
fn matches(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.as_bytes();
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|candidate| candidate == b"*" || candidate.strip_prefix(b"W/").unwrap_or(candidate) == tag)
    })
}
