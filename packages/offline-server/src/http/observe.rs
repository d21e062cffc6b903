//! What is seen of a request from outside: its span, its time, whether the server is well.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use offline_protocol::{Timestamp, UserId, WorkspaceId};
use tokio::{sync::Mutex, time::Instant};
use tracing::Instrument as _;

use crate::{Clock, Memberships, Metrics};

/// How long an answer about readiness counts, so that whoever asks often does not load the database.
const READY_FRESH: Duration = Duration::from_secs(1);

/// How long the database may take to answer before the server is not ready.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Measures the requests of these routes, and gives each a span for the log.
pub fn observed(router: Router, metrics: Metrics) -> Router {
    router.layer(from_fn_with_state(metrics, observe))
}

async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let running = metrics.running();
    let method = known(request.method());
    // What no route matches is the host\'s fallback: its paths are anybody\'s choice.
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "request",
        method,
        route,
        traceId = trace_id(request.headers()),
        workspaceId = tracing::field::Empty,
        userId = tracing::field::Empty,
    );
    let response = next.run(request).instrument(span.clone()).await;
    drop(running);
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    metrics.request(method, &route, status, took);
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

/// The trace that the request belongs to, from its one `traceparent` (W3C Trace Context, version 00 or a later one).
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("traceparent").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let mut parts = value.to_str().ok()?.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, digits: usize| {
        text.len() == digits
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let well_formed = hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    let ended = version != "00" || parts.next().is_none();
    (well_formed && ended && version != "ff" && !zero(trace) && !zero(parent)).then_some(trace)
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

    use axum::http::HeaderValue;
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

    #[test]
    fn a_trace_is_taken_from_one_well_formed_header() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let read = |values: &[&str]| {
            let header = |value: &&str| {
                let name = header::HeaderName::from_static("traceparent");
                (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
            };
            let headers: HeaderMap = values.iter().map(header).collect();
            trace_id(&headers).map(str::to_owned)
        };
        let good = format!("00-{trace}-00f067aa0ba902b7-01");
        assert_eq!(read(&[&good]).as_deref(), Some(trace));
        assert_eq!(read(&[&format!("cc-{trace}-00f067aa0ba902b7-01-more")]).as_deref(), Some(trace));
        for nonsense in [
            String::new(),
            "00".into(),
            trace.into(),
            format!("00-{trace}-00f067aa0ba902b7"),
            format!("{good}-more"),
            format!("ff-{trace}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", trace.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{trace}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "<script>alert(1)</script>/../../."),
            "ü".into(),
        ] {
            assert_eq!(read(&[&nonsense]), None, "{nonsense}");
        }
        assert_eq!(read(&[&good, &good]), None);
        assert_eq!(read(&[]), None);
    }
}
