use std::sync::Arc;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use offline_protocol::{Problem, ProblemCode, RecordKind};
use serde::Deserialize;

use crate::{ChangesQuery, Live, Server, Since, changes::Page, envelope::invalid_request};

use super::{ProblemResponse, identity::own_membership};

/// The page size when the client names none.
const DEFAULT_LIMIT: u32 = 1000;

/// The most kinds that one selection may name.
const MAX_KINDS: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    kinds: Option<String>,
    since: Option<String>,
    limit: Option<u32>,
}

/// `GET /sync/changes?kinds=&since=&limit=`
pub(crate) async fn get(
    State((server, live)): State<(Arc<Server>, Arc<Live>)>,
    params: Result<Query<Params>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let (_, membership) = own_membership(&server, &headers).await?;
    let Ok(Query(params)) = params else {
        let detail = "The parameters are kinds, since and limit, each once; limit is a whole number";
        return Err(invalid_request(detail).into());
    };
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 {
        return Err(invalid_request("limit must be at least 1").into());
    }
    let kinds = read_kinds(params.kinds.as_deref())?;
    let workspace = membership.workspace_id();
    let place = match &params.since {
        None => None,
        Some(since) => Some(live.log.cursors().read(workspace, &kinds, since).ok_or_else(expired)?),
    };
    let since = match place {
        None => Since::Start,
        Some(place) => place.at.page().ok_or_else(expired)?,
    };
    let limit = limit.min(live.terms.max_records);
    let permit = server.rates.page(&membership).map_err(ProblemResponse::rate_limited)?;
    let query = ChangesQuery { kinds, since, limit, max_bytes: live.terms.max_bytes };
    let found = live.log.changed(&membership, &query).await?;
    let page = Page::of(since, place, &found).map_err(|_| expired())?;
    let next = live.log.cursors().sign(workspace, &query.kinds, page.next);
    let body = super::body::page(page.write(&found, &next), permit);
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}

/// A selection of kinds, in one spelling whatever the order they were named in; empty for all.
pub(crate) fn read_kinds(text: Option<&str>) -> Result<Vec<RecordKind>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let kinds: Result<Vec<_>, _> = text.split(',').map(RecordKind::new).collect();
    let mut kinds = kinds.map_err(|_| invalid_request("kinds must be record kinds, separated by commas"))?;
    kinds.sort();
    kinds.dedup();
    if kinds.len() > MAX_KINDS {
        return Err(invalid_request("kinds may name 64 kinds at most"));
    }
    Ok(kinds)
}

fn expired() -> ProblemResponse {
    let title = "The cursor leads nowhere: begin with a snapshot, without since";
    ProblemResponse::from(Problem::new(ProblemCode::CursorExpired, 410, title)).with_resnapshot()
}
