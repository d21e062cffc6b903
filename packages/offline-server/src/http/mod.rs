//! The protocol over HTTP.

mod body;
mod changes;
mod commands;
mod events;
mod hello;
mod idempotent;
mod identity;
mod in_flight;
mod observe;
mod problem;
mod records;
mod resources;
mod serve;
mod single;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::{Next, from_fn, map_request, map_response},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use offline_domain::Registry;
use offline_protocol::{Limits, PROTOCOL_HEADER, Problem, ProblemCode, Retention};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer, CompressionLevel,
        predicate::{DefaultPredicate, Predicate as _, SizeAbove},
    },
};

use crate::{Clock, Live, Memberships, Metrics, Rates, SqlHandlers, Store, Tokens, Traces, seats::Seats};

use self::events::Events;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed {
    pub(crate) use super::{
        changes::read_kinds,
        single::{created_at, idempotency_key, if_match, payload, put_id},
    };
}

pub use self::{
    idempotent::idempotent,
    identity::bearer,
    observe::{health, metrics as metrics_routes, observed},
    problem::ProblemResponse,
    resources::{KEY_WAIT, ResourceError, resources},
    serve::serve,
};

/// The oldest protocol revision that is understood.
pub(crate) const MINIMUM_CLIENT: u32 = 1;

/// The smallest answer that is compressed: what fits a packet arrives no sooner for being smaller, and beginning to compress costs more than
/// writing a record.
const COMPRESSED_BYTES: u64 = 1024;

/// What the routes need.
#[derive(Clone)]
pub struct Server {
    /// The records and receipts.
    pub store: Arc<dyn Store>,
    /// Who belongs where; asked at every request.
    pub memberships: Arc<dyn Memberships>,
    /// What the commands mean.
    pub registry: Registry,
    /// The SQL of those that need some of their own; usually none.
    pub sql: SqlHandlers,
    /// Reads the bearer tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// What one request may hold.
    pub limits: Limits,
    /// How long keys are remembered.
    pub retention: Retention,
    /// How long a single write waits for an earlier one with the same key; [`KEY_WAIT`] is what the protocol says.
    pub key_wait: Duration,
    /// Tells what changed; without it there are no such routes.
    pub live: Option<Live>,
    /// How much each user may ask for.
    pub rates: Rates,
    /// Counts what happens.
    pub metrics: Metrics,
    /// Hears where spans belong.
    pub traces: Traces,
}

/// The routes of the protocol. The host adds its own, a fallback, and calls [`with_protocol`] last.
pub fn api(server: Server) -> Router {
    let server = Arc::new(server);
    let routes = Router::new()
        .route("/sync/commands", post(commands::post))
        .route("/sync/hello", get(hello::get))
        .route("/workspaces/{workspace}/records/{kind}", get(records::list))
        .route("/workspaces/{workspace}/records/{kind}/{id}", get(records::one))
        .with_state(Arc::clone(&server));
    let Some(live) = server.live.clone() else { return guarded(routes) };
    let (seats, live) = (Arc::new(Seats::new(live.streams.seats())), Arc::new(live));
    let pull =
        Router::new().route("/sync/changes", get(changes::get)).with_state((server.clone(), live.clone()));
    let hints =
        Router::new().route("/sync/events", get(events::get)).with_state(Events { server, live, seats });
    guarded(routes.merge(pull).merge(hints))
}

/// Makes routes part of the API: nothing is cached, clients that are too old are told so.
pub fn guarded(routes: Router) -> Router {
    routes.method_not_allowed_fallback(method_not_allowed).layer(from_fn(guard))
}

/// Completes a host's router: every response, errors and files included, says whose it is; a panic is answered; large answers are compressed.
pub fn with_protocol(router: Router) -> Router {
    // The machine is busy with compressing before the network is with what the higher levels would save.
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest);
    let worth_it = DefaultPredicate::new().and(SizeAbove::new(COMPRESSED_BYTES));
    router
        .layer(compression.compress_when(worth_it))
        .layer(map_request(accept_plain))
        .layer(CatchPanicLayer::custom(|_| internal().into_response()))
        .layer(map_response(stamp))
}

/// The answer to a path that does not exist; for a host's fallback.
pub async fn not_found() -> ProblemResponse {
    Problem::new(ProblemCode::NotFound, 404, "There is nothing at this path").into()
}

async fn method_not_allowed() -> ProblemResponse {
    Problem::new(ProblemCode::MethodNotAllowed, 405, "This path does not know the method").into()
}

pub(crate) fn internal() -> ProblemResponse {
    Problem::new(ProblemCode::Internal, 500, "The server failed").into()
}

/// Answers are written as they are for one who accepts no coding that we have, whatever he says about that, as they are JSON whatever he says
/// about types. The compression would make a 406 of an answer, when the request has already been carried out.
async fn accept_plain(mut request: Request) -> Request {
    let refuses = |accepted: &&str| {
        let (coding, weight) = accepted.split_once(';').unwrap_or((accepted, ""));
        let weight = weight.trim().trim_start_matches(['q', 'Q']).trim_start_matches('=');
        let plain = ["*", "identity"].iter().any(|plain| coding.trim().eq_ignore_ascii_case(plain));
        plain && weight.parse() == Ok(0.0_f32)
    };
    let lines = request.headers().get_all(header::ACCEPT_ENCODING).iter();
    let text = lines.filter_map(|line| line.to_str().ok()).collect::<Vec<_>>().join(",");
    if text.split(',').any(|accepted| refuses(&accepted)) {
        let others = text.split(',').filter(|accepted| !refuses(accepted)).collect::<Vec<_>>().join(",");
        let others = HeaderValue::try_from(others).expect("BUG: a part of a header is one");
        request.headers_mut().insert(header::ACCEPT_ENCODING, others);
    }
    request
}

async fn stamp(mut response: Response) -> Response {
    let protocol = HeaderValue::from(offline_protocol::PROTOCOL);
    response.headers_mut().insert(HeaderName::from_static(PROTOCOL_HEADER), protocol);
    response
}

async fn guard(request: Request, next: Next) -> Response {
    let mut response = match client_protocol(&request) {
        Ok(protocol) if protocol >= MINIMUM_CLIENT => next.run(request).await,
        Ok(_) => ProblemResponse::from(Problem::new(
            ProblemCode::ClientTooOld,
            426,
            "This client is too old for the server",
        ))
        .into_response(),
        Err(problem) => ProblemResponse::from(problem).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The revision that the client says it speaks; ours when it says nothing.
fn client_protocol(request: &Request) -> Result<u32, Problem> {
    let Some(value) = request.headers().get(PROTOCOL_HEADER) else { return Ok(offline_protocol::PROTOCOL) };
    value
        .to_str()
        .ok()
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| crate::envelope::invalid_request("The header Sync-Protocol must be a whole number"))
}
