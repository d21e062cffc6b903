//! Receipts for any other route of a host: the answer to a key is given again, and the route is not run again.
//!
//! What this can promise is less than what a command has, because the route's effect is in nobody's transaction but its own. While this process
//! lives, a key's route runs once at a time, and once its answer is recorded it never runs again. A process that dies between the route's effect
//! and the record of its answer, or a second process that gets the same key at the same time, runs it **again**. A route whose effect must not
//! happen twice is a command with SQL of its own (`SqlHandlers`); anything else must be safe to repeat.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
};
use offline_protocol::{ChangeSeq, Fingerprint, IdempotencyKey, Problem, ProblemCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Changes, Folded, Loaded, Membership, Receipt, Server, StoredVerdict, Wanted, Work};

use super::{
    ProblemResponse,
    body::{Bodies, discard},
    identity::own_membership,
    in_flight::InFlight,
    single::{self, Names, REPLAYED},
};

/// The headers of an answer that are recorded with it.
const KEPT: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// An answer as a receipt keeps it.
#[derive(Clone, Serialize, Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Gives routes of a host the receipts of single writes: they need a token and an `Idempotency-Key`; the same key with the same method, path and
/// body is answered again with `Idempotency-Replayed: true`, with another one 422; while the first runs, the second waits, then 409.
///
/// Recorded are answers of success and of a state (2xx, 404, 409, 410, 412, 422) whose body is text within the limit of an item; anything else is
/// trouble, and the key may come again. `GET` and `HEAD` pass untouched. For what it cannot promise, see the README.
pub fn idempotent(server: Server, routes: Router) -> Router {
    let shared = Arc::new((server, Arc::<InFlight>::default()));
    routes.layer(from_fn(move |request: Request, next: Next| {
        let shared = Arc::clone(&shared);
        async move {
            if request.method().is_safe() {
                return next.run(request).await;
            }
            let (server, keys) = &*shared;
            once(server, keys, request, next).await.unwrap_or_else(|refused| refused.into_response())
        }
    }))
}

async fn once(
    server: &Server,
    keys: &Arc<InFlight>,
    request: Request,
    next: Next,
) -> Result<Response, ProblemResponse> {
    let (head, body) = request.into_parts();
    let membership = match own_membership(server, &head.headers).await {
        Ok((_, membership)) => membership,
        Err(refused) => {
            discard(body).await;
            return Err(refused);
        }
    };
    let body = Bodies::of(server, &membership).any(body).await?;
    let key = single::idempotency_key(&head.headers)?;
    let fingerprint = fingerprint(&head, &body);
    let claim = keys.claim(&membership, &key, server.key_wait).await.ok_or_else(single::in_progress)?;
    if let Some(receipt) = find(server, &membership, &key).await? {
        return Ok(replay(&receipt, fingerprint));
    }
    let response = next.run(Request::from_parts(head, Body::from(body))).await;
    let (head, body) = response.into_parts();
    let most = server.limits.max_body_bytes as usize;
    let body = to_bytes(body, most).await.map_err(|_| super::internal())?;
    if let Some(answer) = recordable(head.status, &head.headers, &body, server.limits.max_item_bytes as usize)
    {
        record(server, membership, key, fingerprint, answer).await?;
    }
    drop(claim);
    Ok(Response::from_parts(head, Body::from(body)))
}

fn fingerprint(head: &axum::http::request::Parts, body: &Bytes) -> Fingerprint {
    let mut digest = Sha256::new();
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    for part in [head.method.as_str().as_bytes(), path.as_bytes(), body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    Fingerprint(digest.finalize().into())
}

fn recordable(status: StatusCode, headers: &HeaderMap, body: &Bytes, most: usize) -> Option<Answer> {
    let verdict = status.is_success() || [404, 409, 410, 412, 422].contains(&status.as_u16());
    let body = std::str::from_utf8(body).ok().filter(|body| verdict && body.len() <= most)?.to_owned();
    let kept = |name: &HeaderName| Some((name.to_string(), headers.get(name)?.to_str().ok()?.to_owned()));
    Some(Answer { status: status.as_u16(), headers: KEPT.iter().filter_map(kept).collect(), body })
}

async fn find(
    server: &Server,
    member: &Membership,
    key: &IdempotencyKey,
) -> Result<Option<Receipt>, ProblemResponse> {
    let found = Arc::new(Mutex::new(None));
    let (finding, wanted_key) = (Arc::clone(&found), key.clone());
    let fold = move |mut loaded: Loaded| {
        *finding.lock().unwrap_or_else(PoisonError::into_inner) = loaded.receipts.remove(&wanted_key);
        Folded::default()
    };
    let wanted = Wanted { keys: vec![key.clone()], ..Wanted::default() };
    server.store.run(Work { membership: member.clone(), wanted, fold: Arc::new(fold) }).await?;
    let receipt = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(receipt)
}

fn replay(receipt: &Receipt, fingerprint: Fingerprint) -> Response {
    let refused =
        |code, status, title: &str| ProblemResponse::from(Problem::new(code, status, title)).into_response();
    if receipt.fingerprint != fingerprint {
        let title = "The idempotency key is known with another content";
        return refused(ProblemCode::IdempotencyKeyReused, 422, title);
    }
    let Ok(answer) = serde_json::from_value::<Answer>(receipt.result.clone()) else {
        let title = "The answer is no longer kept, and not made again";
        return refused(ProblemCode::CommandExpired, 410, title);
    };
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

async fn record(
    server: &Server,
    membership: Membership,
    key: IdempotencyKey,
    fingerprint: Fingerprint,
    answer: Answer,
) -> Result<(), ProblemResponse> {
    let result = serde_json::to_value(answer).map_err(|_| super::internal())?;
    let (command_id, received_at) = (Names::of(&membership, &key).command_id, server.clock.now());
    let wanted = Wanted { keys: vec![key.clone()], ..Wanted::default() };
    let fold = move |loaded: Loaded| {
        // Another process was faster: its record stays.
        if loaded.receipts.contains_key(&key) {
            return Folded::default();
        }
        let change_seq = loaded.change_seq.unwrap_or(ChangeSeq::FIRST);
        let receipt = Receipt {
            idempotency_key: key.clone(),
            command_id,
            fingerprint,
            verdict: StoredVerdict::Applied { versions: Vec::new(), change_seq },
            result: result.clone(),
            received_at,
        };
        Folded { changes: Changes { receipts: vec![receipt], ..Changes::default() }, ..Folded::default() }
    };
    server.store.run(Work { membership, wanted, fold: Arc::new(fold) }).await?;
    Ok(())
}
