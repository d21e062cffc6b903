//! Receipts for a host's own routes.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use futures_util::future::join_all;
use offline_server::{idempotent, not_found, with_protocol};
use reqwest::RequestBuilder;

use crate::support::{TestServer, assert_problem};

/// A host whose routes count how often they run.
struct Host {
    server: TestServer,
    url: String,
    runs: Arc<AtomicU32>,
}

impl Host {
    async fn start() -> Self {
        let mut ours = None;
        let server = TestServer::adapted(async |server| ours = Some(server.clone())).await;
        let runs = Arc::new(AtomicU32::new(0));
        let count = |status: StatusCode| {
            let runs = Arc::clone(&runs);
            move |headers: HeaderMap, body: String| async move {
                assert!(headers.contains_key("idempotency-key"), "the route sees the request as it came");
                let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
                (status, [("location", format!("/mails/{run}"))], format!("{body}, run {run}"))
            }
        };
        let routes = Router::new()
            .route("/mails", post(count(StatusCode::CREATED)))
            .route("/full", post(count(StatusCode::UNPROCESSABLE_ENTITY)))
            .route("/broken", post(count(StatusCode::SERVICE_UNAVAILABLE)))
            .route(
                "/count",
                get({
                    let runs = Arc::clone(&runs);
                    move || async move { runs.load(Ordering::SeqCst).to_string() }
                }),
            );
        let router = with_protocol(idempotent(ours.unwrap(), routes).fallback(not_found));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { server, url, runs }
    }

    fn post(&self, path: &str, key: &str, body: &'static str) -> RequestBuilder {
        let post = self.server.client.post(format!("{}{path}", self.url));
        post.bearer_auth(self.server.token("ana", "acme")).header("idempotency-key", key).body(body)
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_route_of_the_host_runs_once_and_answers_again() {
    let host = Host::start().await;
    for (path, status) in [("/mails", 201), ("/full", 422)] {
        let before = host.runs();
        let mut bodies = Vec::new();
        for replayed in [false, true, true] {
            let response = host.post(path, path, "hello").send().await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers().contains_key("idempotency-replayed"), replayed);
            assert_eq!(response.headers()["location"], format!("/mails/{}", before + 1));
            bodies.push(response.text().await.unwrap());
        }
        assert_eq!(bodies, vec![format!("hello, run {}", before + 1); 3]);
        assert_eq!(host.runs(), before + 1);
    }
    assert_eq!(host.server.count("receipt").await, 2);
}

#[tokio::test]
async fn the_same_key_with_another_request_is_refused_and_another_users_is_another_key() {
    let host = Host::start().await;
    host.post("/mails", "k1", "hello").send().await.unwrap();
    for (path, body) in [("/mails", "bye"), ("/full", "hello"), ("/mails?x=1", "hello")] {
        let refused = host.post(path, "k1", body).send().await.unwrap();
        assert_problem(refused, 422, "idempotency-key-reused").await;
    }
    // And with a single write under the same key.
    let single = host.server.post_expense("e1", "k1").send().await.unwrap();
    assert_problem(single, 422, "idempotency-key-reused").await;
    assert_eq!(host.runs(), 1);
    let ben =
        host.server.client.post(format!("{}/mails", host.url)).bearer_auth(host.server.token("ben", "acme"));
    assert_eq!(ben.header("idempotency-key", "k1").body("hello").send().await.unwrap().status(), 201);
    assert_eq!(host.runs(), 2);
}

#[tokio::test]
async fn trouble_is_not_recorded_and_reads_pass() {
    let host = Host::start().await;
    for run in 1..=2 {
        let response = host.post("/broken", "k1", "hello").send().await.unwrap();
        assert_eq!((response.status().as_u16(), host.runs()), (503, run));
    }
    let count = host.server.client.get(format!("{}/count", host.url)).send().await.unwrap();
    assert_eq!(count.text().await.unwrap(), "2");
    assert_eq!(host.server.count("receipt").await, 0);
}

#[tokio::test]
async fn without_a_token_or_a_key_the_route_does_not_run() {
    let host = Host::start().await;
    let post = || host.server.client.post(format!("{}/mails", host.url)).body("hello");
    assert_problem(post().send().await.unwrap(), 401, "unauthorized").await;
    let keyless = post().bearer_auth(host.server.token("ana", "acme")).send().await.unwrap();
    assert_problem(keyless, 400, "idempotency-key-missing").await;
    assert_problem(host.post("/mails", "a b", "hello").send().await.unwrap(), 400, "idempotency-key-invalid")
        .await;
    assert_eq!(host.runs(), 0);
}

#[tokio::test]
async fn many_at_once_with_one_key_run_once() {
    let host = Host::start().await;
    let posts = join_all((0..12).map(|_| host.post("/mails", "k1", "hello").send())).await;
    for response in posts {
        assert_eq!(response.unwrap().text().await.unwrap(), "hello, run 1");
    }
    assert_eq!(host.runs(), 1);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_does_not_end_is_refused_as_on_every_route() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = Host::start().await;
    let large = host.post("/mails", "k1", "").body("x".repeat(4 * 1024 * 1024 + 1)).send().await.unwrap();
    let problem = assert_problem(large, 413, "request-too-large").await;
    assert_eq!(problem["limits"]["maxBodyBytes"], 4_194_304);
    // Whoever may not ask is told so, however much he sends.
    let post = host.server.client.post(format!("{}/mails", host.url)).body("x".repeat(8 * 1024 * 1024));
    assert_problem(post.send().await.unwrap(), 401, "unauthorized").await;

    let mut stream = tokio::net::TcpStream::connect(host.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /mails HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         idempotency-key: k1\r\ncontent-length: 10\r\n\r\nhel",
        host.server.token("ana", "acme")
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::pause();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!((host.runs(), host.server.count("receipt").await), (0, 0));
}
