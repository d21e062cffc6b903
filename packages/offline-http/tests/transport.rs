//! The transport against servers that do what servers do, on real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::Read,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use offline_conformance::samples;
use offline_core::{OutgoingBatch, Transport, TransportError};
use offline_http::{HttpError, HttpOptions, HttpTransport};
use offline_protocol::{Hello, Limits, Outcome, Outcomes, Retention, Verdict};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const TRANSIENT: TransportError = TransportError::Transient { retry_after: None };

/// A request as it came over the wire.
#[derive(Debug, Clone)]
struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What a server does with a request.
#[derive(Clone)]
enum Behaviour {
    /// Sends these bytes and closes the connection.
    Answer(Vec<u8>),
    /// Closes the connection without a word.
    HangUp,
    /// Sends these bytes and nothing more.
    Stall(Vec<u8>),
}

#[derive(Clone)]
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), requests: Arc::default() };
        let requests = Arc::clone(&server.requests);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (behaviour, requests) = (behaviour.clone(), Arc::clone(&requests));
                tokio::spawn(async move {
                    let Some(request) = read(&mut socket).await else { return };
                    requests.lock().unwrap().push(request);
                    match behaviour {
                        Behaviour::Answer(bytes) => {
                            let _ = socket.write_all(&bytes).await;
                            let _ = socket.shutdown().await;
                        }
                        Behaviour::HangUp => {}
                        Behaviour::Stall(bytes) => {
                            let _ = socket.write_all(&bytes).await;
                            std::future::pending::<()>().await;
                        }
                    }
                });
            }
        });
        server
    }

    fn transport(&self) -> HttpTransport {
        self.transport_with(|| Some("the-token".to_owned()))
    }

    fn transport_with(&self, token: impl Fn() -> Option<String> + Send + Sync + 'static) -> HttpTransport {
        HttpTransport::new(&format!("http://{}", self.address), token, HttpOptions::default()).unwrap()
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads one request; `None` when the client goes away, or speaks no HTTP.
async fn read(socket: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
            let mut request = Request { head, body: bytes[end + 4..].to_vec() };
            let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
            while request.body.len() < length {
                match socket.read(&mut buffer).await.ok()? {
                    0 => return None,
                    read => request.body.extend_from_slice(&buffer[..read]),
                }
            }
            return Some(request);
        }
        if bytes.first().is_some_and(|first| !first.is_ascii_uppercase()) {
            // A TLS handshake: answer as a plain server does.
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
            return None;
        }
        match socket.read(&mut buffer).await.ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

/// An answer with these header lines.
fn answer(status: &str, headers: &str, body: &[u8]) -> Behaviour {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    Behaviour::Answer([head.as_bytes(), body].concat())
}

fn ours(status: &str, headers: &str, body: &[u8]) -> Behaviour {
    answer(status, &format!("Sync-Protocol: 1\r\n{headers}"), body)
}

fn batch(numbers: &[u64]) -> OutgoingBatch {
    let commands: Vec<_> = numbers.iter().map(|number| samples::command(*number).command).collect();
    OutgoingBatch::of(&commands)
}

fn outcomes(numbers: &[u64]) -> Vec<Outcome> {
    let held = |number: &u64| Outcome {
        command_id: Some(samples::id(*number)),
        verdict: Verdict::Held { by: samples::id(99) },
    };
    numbers.iter().map(held).collect()
}

fn body(numbers: &[u64]) -> Vec<u8> {
    serde_json::to_vec(&Outcomes { outcomes: outcomes(numbers) }).unwrap()
}

async fn sent(behaviour: Behaviour) -> Result<Vec<Outcome>, TransportError> {
    let server = Server::start(behaviour).await;
    let answer = server.transport().send(batch(&[1, 2])).await;
    assert_eq!(server.requests().len(), 1, "a request must be sent once");
    answer
}

#[tokio::test]
async fn a_batch_is_answered_with_its_outcomes() {
    let server = Server::start(ours("200 OK", "", &body(&[1, 2]))).await;
    assert_eq!(server.transport().send(batch(&[1, 2])).await, Ok(outcomes(&[1, 2])));
    let request = server.requests().remove(0);
    assert!(request.head.starts_with("POST /sync/commands HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("authorization"), Some("Bearer the-token"));
    assert_eq!(request.header("sync-protocol"), Some("1"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(request.header("accept-encoding").is_some_and(|accepted| accepted.contains("gzip")));
}

#[tokio::test]
async fn a_hello_needs_no_token() {
    let hello = Hello {
        server_time: samples::at(0),
        protocol: 1,
        minimum_client: 1,
        limits: Limits::default(),
        retention: Retention::default(),
        accepted_types: Vec::new(),
        paused_types: Vec::new(),
        changes: None,
    };
    let server = Server::start(ours("200 OK", "", &serde_json::to_vec(&hello).unwrap())).await;
    assert_eq!(server.transport_with(|| None).hello().await, Ok(hello.into()));
    let request = server.requests().remove(0);
    assert!(request.head.starts_with("GET /sync/hello HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn a_large_batch_goes_out_compressed_and_a_small_one_as_it_is() {
    let numbers: Vec<u64> = (1..=100).collect();
    let server = Server::start(ours("200 OK", "", &body(&numbers))).await;
    server.transport().send(batch(&numbers)).await.unwrap();
    let _ = server.transport().send(batch(&[1])).await;
    let [large, small] = server.requests().try_into().unwrap();
    assert_eq!(large.header("content-encoding"), Some("gzip"));
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(large.body.as_slice()).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, batch(&numbers).body);
    assert!(large.body.len() * 4 < unpacked.len());
    assert_eq!(small.header("content-encoding"), None);
    assert_eq!(small.body, batch(&[1]).body.as_bytes());
}

#[tokio::test]
async fn a_compressed_answer_is_read() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &body(&[1, 2])).unwrap();
    let behaviour = ours("200 OK", "Content-Encoding: gzip\r\n", &packed.finish().unwrap());
    assert_eq!(sent(behaviour).await, Ok(outcomes(&[1, 2])));
}

#[tokio::test]
async fn whoever_answers_without_our_header_is_not_our_server() {
    let page = b"<html>Accept the terms of the hotel</html>";
    let html = "Content-Type: text/html\r\n";
    let answers = [
        answer("200 OK", html, page),
        answer("200 OK", "Content-Type: application/json\r\n", &body(&[1, 2])),
        answer("302 Found", "Location: http://portal.example/\r\n", b""),
        answer("401 Unauthorized", html, page),
        answer("407 Proxy Authentication Required", html, page),
        answer("413 Payload Too Large", html, page),
        answer("426 Upgrade Required", "Upgrade: h2c\r\n", b""),
        answer("502 Bad Gateway", html, page),
        answer("503 Service Unavailable", "Retry-After: 5\r\n", page),
        answer("511 Network Authentication Required", html, page),
    ];
    for behaviour in answers {
        assert_eq!(sent(behaviour).await, Err(TransportError::NotOurServer));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start(ours("200 OK", "", &body(&[1, 2]))).await;
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: http://{}/sync/commands\r\n", other.address);
        assert_eq!(sent(answer(status, &location, b"")).await, Err(TransportError::NotOurServer));
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn the_classes_of_our_servers_refusals() {
    let after = |seconds| TransportError::Transient { retry_after: Some(Duration::from_secs(seconds)) };
    let dated = "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\nRetry-After: Sun, 22 Nov 2026 12:00:30 GMT\r\n";
    let refusals = [
        (ours("401 Unauthorized", "", b"{}"), TransportError::Unauthorized),
        (ours("413 Payload Too Large", "", b"{}"), TransportError::TooLarge),
        (ours("426 Upgrade Required", "", b"{}"), TransportError::Incompatible),
        (ours("503 Service Unavailable", "Retry-After: 7\r\n", b"{}"), after(7)),
        (ours("503 Service Unavailable", dated, b"{}"), after(30)),
        (ours("429 Too Many Requests", "Retry-After: 60\r\n", b"{}"), after(60)),
        (ours("503 Service Unavailable", "", b"{}"), TRANSIENT),
        (ours("500 Internal Server Error", "", b""), TRANSIENT),
        (ours("400 Bad Request", "", b"{}"), TRANSIENT),
        (ours("403 Forbidden", "", b"{}"), TRANSIENT),
        (ours("404 Not Found", "", b"{}"), TRANSIENT),
        (ours("201 Created", "", &body(&[1, 2])), TRANSIENT),
        (ours("204 No Content", "", b""), TRANSIENT),
        (ours("302 Found", "Location: /login\r\n", b""), TRANSIENT),
    ];
    for (behaviour, expected) in refusals {
        assert_eq!(sent(behaviour).await, Err(expected));
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_its_batch_is_transient() {
    let unnamed = serde_json::json!({ "outcomes": [
        { "commandId": null, "status": "held", "by": samples::id(9) },
        { "commandId": samples::id(2), "status": "held", "by": samples::id(9) },
    ] });
    let bodies = [
        body(&[1]),
        body(&[1, 2, 3]),
        body(&[]),
        body(&[2, 1]),
        body(&[1, 3]),
        serde_json::to_vec(&unnamed).unwrap(),
        b"<html></html>".to_vec(),
        b"{}".to_vec(),
        b"".to_vec(),
        br#"{"outcomes":[{"commandId":"01970000-0000-7000-8000-000000000001","status":"perhaps"}]}"#.to_vec(),
    ];
    for body in bodies {
        assert_eq!(sent(ours("200 OK", "", &body)).await, Err(TRANSIENT));
    }
}

#[tokio::test]
async fn a_cut_answer_is_transient_and_the_request_is_not_repeated() {
    let full = body(&[1, 2]);
    let promised = format!("HTTP/1.1 200 OK\r\nSync-Protocol: 1\r\nContent-Length: {}\r\n\r\n", full.len());
    let cut = [promised.as_bytes(), &full[..full.len() / 2]].concat();
    assert_eq!(sent(Behaviour::Answer(cut)).await, Err(TRANSIENT));
    assert_eq!(sent(Behaviour::Answer(b"HTTP/1.1 200 OK\r\nSync-Pro".to_vec())).await, Err(TRANSIENT));
    assert_eq!(sent(Behaviour::HangUp).await, Err(TRANSIENT));
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_second_sending() {
    let full = body(&[1]);
    let head = format!("HTTP/1.1 200 OK\r\nSync-Protocol: 1\r\nContent-Length: {}\r\n\r\n", full.len());
    let server = Server::start(Behaviour::Answer([head.as_bytes(), &full].concat())).await;
    let transport = server.transport();
    for round in 1..=20 {
        let before = server.requests().len();
        let answer = transport.send(batch(&[1])).await;
        let sent = server.requests().len() - before;
        assert!(sent <= 1, "round {round} was sent {sent} times");
        assert!(answer == Ok(outcomes(&[1])) || answer == Err(TRANSIENT), "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let head = b"HTTP/1.1 200 OK\r\nSync-Protocol: 1\r\nContent-Length: 500\r\n\r\n{".to_vec();
    for stalled in [Vec::new(), head] {
        let server = Server::start(Behaviour::Stall(stalled)).await;
        let options = HttpOptions { total_timeout: Duration::from_millis(400), ..HttpOptions::default() };
        let token = || Some("the-token".to_owned());
        let transport = HttpTransport::new(&format!("http://{}", server.address), token, options).unwrap();
        assert_eq!(transport.send(batch(&[1])).await, Err(TRANSIENT));
    }
}

#[tokio::test]
async fn nobody_there_is_offline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for address in [format!("http://{address}"), "http://nowhere.invalid".to_owned()] {
        let token = || Some("the-token".to_owned());
        // Some machines look for a name that does not exist for as long as they may.
        let options = HttpOptions { connect_timeout: Duration::from_millis(300), ..HttpOptions::default() };
        let transport = HttpTransport::new(&address, token, options).unwrap();
        assert_eq!(transport.send(batch(&[1])).await, Err(TransportError::Offline), "{address}");
        assert_eq!(transport.hello().await, Err(TransportError::Offline), "{address}");
    }
}

#[tokio::test]
async fn somebody_who_cannot_prove_who_he_is_is_not_our_server() {
    let server = Server::start(Behaviour::HangUp).await;
    let token = || Some("the-token".to_owned());
    let address = format!("https://{}", server.address);
    let transport = HttpTransport::new(&address, token, HttpOptions::default()).unwrap();
    assert_eq!(transport.send(batch(&[1])).await, Err(TransportError::NotOurServer));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_each_request_asks_anew() {
    let server = Server::start(ours("200 OK", "", &body(&[1]))).await;
    let tokens = Arc::new(Mutex::new(vec![Some("second"), Some("not a\nheader"), Some("first"), None]));
    let transport = server.transport_with(move || tokens.lock().unwrap().pop().flatten().map(str::to_owned));
    assert_eq!(transport.send(batch(&[1])).await, Err(TransportError::Unauthorized));
    assert!(server.requests().is_empty());
    assert_eq!(transport.send(batch(&[1])).await, Ok(outcomes(&[1])));
    assert_eq!(transport.send(batch(&[1])).await, Err(TransportError::Unauthorized));
    assert_eq!(transport.send(batch(&[1])).await, Ok(outcomes(&[1])));
    let seen = server.requests();
    let seen: Vec<_> = seen.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(seen, [Some("Bearer first"), Some("Bearer second")]);
}

#[tokio::test]
async fn an_address_is_a_plain_url_and_may_have_a_path() {
    let token = || None::<String>;
    for bad in [
        "",
        "erp.example.com",
        "ftp://erp",
        "http://",
        "https://erp?a=b",
        "https://erp#x",
        "https://me@erp",
        "https://me:secret@erp",
        "https://:secret@erp",
    ] {
        let made = HttpTransport::new(bad, token, HttpOptions::default());
        assert!(matches!(made, Err(HttpError::Address)), "{bad:?} was accepted");
    }
    let server = Server::start(answer("404 Not Found", "", b"")).await;
    for path in ["/base", "/base/"] {
        let address = format!("http://{}{path}", server.address);
        let transport = HttpTransport::new(&address, token, HttpOptions::default()).unwrap();
        let _ = transport.hello().await;
    }
    for request in server.requests() {
        assert!(request.head.starts_with("GET /base/sync/hello HTTP/1.1\r\n"), "{}", request.head);
    }
}
