//! What is seen of a request from outside: its span, its time, whether the server is well.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use offline_protocol::{Timestamp, UserId, WorkspaceId};
use tokio::{sync::Mutex, time::Instant};
use tracing::Instrument as _;

use crate::{Clock, Memberships, Metrics, TraceParent, Traces};

/// How long an answer about readiness counts, so that whoever asks often does not load the database.
const READY_FRESH: Duration = Duration::from_secs(1);

/// How long the database may take to answer before the server is not ready.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Measures the requests of these routes, and gives each a span for the log and for its trace.
pub fn observed(router: Router, metrics: Metrics, traces: Traces) -> Router {
    router.layer(from_fn_with_state((metrics, traces), observe))
}

async fn observe(
    State((metrics, traces)): State<(Metrics, Traces)>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let running = metrics.running();
    let method = known(request.method());
    // What no route matches is the host\'s fallback: its paths are anybody\'s choice.
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let parent = TraceParent::of_request(request.headers());
    let span = tracing::info_span!(
        "request",
        method,
        route,
        traceId = parent.map(|parent| parent.trace()),
        workspaceId = tracing::field::Empty,
        userId = tracing::field::Empty,
        status = tracing::field::Empty,
    );
    traces.request(&span, parent);
    let response = next.run(request).instrument(span.clone()).await;
    drop(running);
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    metrics.request(method, &route, status, took);
    span.record("status", status);
    span.in_scope(|| tracing::debug!(status, millis = took.as_secs_f64() * 1000.0, "answered"));
    response
}

const fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// `GET /healthz`: the process answers. `GET /readyz`: so does the database.
pub fn health(memberships: Arc<dyn Memberships>, clock: Arc<dyn Clock>) -> Router {
    let ready = Arc::new(Readiness { memberships, clock, last: Mutex::new(None) });
    Router::new()
        .route("/healthz", get(|| async { say(StatusCode::OK, "ok\n") }))
        .route("/readyz", get(move || async move { ready.answer().await }))
}

/// `GET /metrics`: what was counted, in the text format of OpenMetrics. Not for the public: how much a business sells can be seen in it.
pub fn metrics(metrics: Metrics) -> Router {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = move || async move { ([(header::CONTENT_TYPE, kind)], metrics.text()) };
    Router::new().route("/metrics", get(text))
}

struct Readiness {
    memberships: Arc<dyn Memberships>,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(Timestamp, bool)>>,
}

impl Readiness {
    async fn answer(&self) -> Response {
        // Held while the database is asked: those who ask at the same time get the same answer.
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        let fresh = last.filter(|(at, _)| *at <= now && now.since(*at) < READY_FRESH);
        let ready = match fresh {
            Some((_, ready)) => ready,
            None => self.ask().await,
        };
        *last = Some((fresh.map_or(now, |(at, _)| at), ready));
        if ready {
            say(StatusCode::OK, "ready\n")
        } else {
            say(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }

    /// Looks somebody up whom nobody is likely to be: a real query, that costs next to nothing.
    async fn ask(&self) -> bool {
        let workspace = WorkspaceId::new("readyz").expect("BUG: a valid workspace id");
        let user = UserId::new("readyz").expect("BUG: a valid user id");
        let asked = tokio::time::timeout(READY_TIMEOUT, self.memberships.role(&workspace, &user)).await;
        matches!(asked, Ok(Ok(_)))
    }
}

fn say(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], text).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

    use futures_util::future::BoxFuture;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{Role, StoreError};

    /// A database that is there or not, and how often it was asked.
    #[derive(Default)]
    struct Database {
        gone: AtomicBool,
        asked: AtomicU32,
    }

    impl Memberships for Database {
        fn role<'a>(
            &'a self,
            _: &'a WorkspaceId,
            _: &'a UserId,
        ) -> BoxFuture<'a, Result<Option<Role>, StoreError>> {
            Box::pin(async {
                self.asked.fetch_add(1, Ordering::SeqCst);
                if self.gone.load(Ordering::SeqCst) { Err(StoreError::Closed) } else { Ok(None) }
            })
        }
    }

    #[tokio::test]
    async fn ready_is_what_the_database_says_asked_once_a_second() {
        let (database, millis) = (Arc::new(Database::default()), Arc::new(AtomicI64::new(1_000_000)));
        let ticking = Arc::clone(&millis);
        let clock = Arc::new(move || Timestamp::from_millis(ticking.load(Ordering::SeqCst)));
        let routes = health(database.clone(), clock);
        let status = async |path: &str| {
            let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
            routes.clone().oneshot(request).await.unwrap().status().as_u16()
        };
        assert_eq!((status("/readyz").await, status("/healthz").await), (200, 200));
        database.gone.store(true, Ordering::SeqCst);
        millis.fetch_add(999, Ordering::SeqCst);
        assert_eq!((status("/readyz").await, database.asked.load(Ordering::SeqCst)), (200, 1));
        millis.fetch_add(1, Ordering::SeqCst);
        assert_eq!((status("/readyz").await, status("/healthz").await), (503, 200));
        assert_eq!((status("/readyz").await, database.asked.load(Ordering::SeqCst)), (503, 2));
        database.gone.store(false, Ordering::SeqCst);
        millis.fetch_sub(500, Ordering::SeqCst);
        assert_eq!(status("/readyz").await, 200, "a clock that was set back does not make an answer last");
    }
}
