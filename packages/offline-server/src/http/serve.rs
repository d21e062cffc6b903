//! Connections, and how long things may take.

use std::{pin::pin, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, Method, Version, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    serve::Listener,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use offline_protocol::{Problem, ProblemCode};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_io_timeout::TimeoutStream;

use crate::{Shutdown, envelope::invalid_request};

use super::{ProblemResponse, stamp};

/// How long the head of a request may take, and how long a connection may be idle: for slow phones more than enough, and so short that
/// connections which say nothing do not pile up.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest head of a request, to the next power of two; a token may have 4 KiB, cookies and tracing headers of proxies some more.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long a client may take nothing of what it is sent. Without an end, whoever asks for pages and reads none would keep them in memory, and one
/// that is gone without a word its connection.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a read may take until its answer begins. A write has no such limit: it would say nothing about what took effect.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long running requests may take after the end was announced.
const GRACE: Duration = Duration::from_secs(10);

/// How long nobody has to come before the door is closed.
const LULL: Duration = Duration::from_millis(20);

/// How long those who come late may take to hear it, and the last answers to leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves HTTP/1.1 until the shutdown has begun and what ran has finished, in 10 seconds at most. Until then new requests are answered with
/// 503 `shutting-down`, and so is (with `outcome-unknown`, for a write) what runs longer.
pub async fn serve(mut listener: TcpListener, router: Router, shutdown: Shutdown) {
    let router = router.layer(from_fn_with_state(shutdown.clone(), bounded));
    let (open, mut closed) = mpsc::channel::<()>(1);
    let (late, mut left) = mpsc::channel::<()>(1);
    let mut open = Some(open);
    let mut begun = pin!(shutdown.begun());
    let mut grace = pin!(async {
        shutdown.begun().await;
        tokio::time::sleep(GRACE).await;
    });
    loop {
        tokio::select! {
            (stream, _) = Listener::accept(&mut listener) => {
                let arrival = match &open {
                    Some(open) => Arrival::InTime { shutdown: shutdown.clone(), _open: open.clone() },
                    None => Arrival::Late { _left: late.clone() },
                };
                tokio::spawn(connection(stream, router.clone(), arrival));
            }
            () = &mut begun, if open.is_some() => open = None,
            _ = closed.recv(), if open.is_none() => break,
            () = &mut grace => {
                tracing::warn!("some requests did not finish in time");
                shutdown.cut_off();
                break;
            }
        }
    }
    // Whoever is at the door when it is closed would find the connection broken.
    let door = async {
        while let Ok((stream, _)) = tokio::time::timeout(LULL, Listener::accept(&mut listener)).await {
            tokio::spawn(connection(stream, router.clone(), Arrival::Late { _left: late.clone() }));
        }
    };
    let _ = tokio::time::timeout(FAREWELL, door).await;
    drop((listener, late));
    let last = async { (closed.recv().await, left.recv().await) };
    let _ = tokio::time::timeout(FAREWELL, last).await;
}

/// When a connection came. What it holds is dropped with it.
enum Arrival {
    /// Before the end was announced: it is waited for, and ends with the request that runs then.
    InTime { shutdown: Shutdown, _open: mpsc::Sender<()> },
    /// It is told to come back, and waited for a moment.
    Late { _left: mpsc::Sender<()> },
}

async fn connection(stream: TcpStream, router: Router, arrival: Arrival) {
    let _ = stream.set_nodelay(true);
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(SEND_TIMEOUT));
    let mut connection = pin!(server.serve_connection(TokioIo::new(Box::pin(stream)), service));
    let announced = async {
        match &arrival {
            Arrival::InTime { shutdown, .. } => shutdown.begun().await,
            Arrival::Late { .. } => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = announced => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients come and go, and some send nonsense: nothing to wake anybody for.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Nothing new begins after the end was announced, and nothing runs without end.
async fn bounded(State(shutdown): State<Shutdown>, mut request: Request, next: Next) -> Response {
    if shutdown.has_begun() {
        return closing(ending()).await;
    }
    // RFC 9112, 3.2: two names are two opinions on whose request it is.
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return closing(invalid_request("The request must have one header Host")).await;
    }
    // A proxy that undoes another coding, and this server, which does not, would see two different bodies.
    let codings = request.headers().get_all(header::TRANSFER_ENCODING);
    if codings.iter().any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")) {
        return closing(invalid_request("The one transfer coding that is understood is chunked")).await;
    }
    request.extensions_mut().insert(shutdown.clone());
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    tokio::select! {
        response = next.run(request) => response,
        () = shutdown.over() => closing(if read { ending() } else { unknown() }).await,
        () = tokio::time::sleep(READ_TIMEOUT), if read => closing(too_slow()).await,
    }
}

async fn closing(problem: Problem) -> Response {
    let mut response = stamp(ProblemResponse::from(problem).into_response()).await;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn ending() -> Problem {
    Problem::new(ProblemCode::ShuttingDown, 503, "The server is shutting down")
}

fn unknown() -> Problem {
    Problem::new(
        ProblemCode::OutcomeUnknown,
        503,
        "Whether it took effect is not known: the same request again finds out",
    )
}

fn too_slow() -> Problem {
    Problem::new(ProblemCode::StorageUnavailable, 503, "The answer took too long")
}
