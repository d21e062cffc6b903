//! What a server in operation has to bear: too much of one user (row 30), its own end (row 32), and clients that are slow or malformed.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use offline_protocol::{Limits, RecordKey, RecordSnapshot, Timestamp, Verdict};
use offline_server::{Membership, Page, PageQuery, RateLimit, Rates, Store, StoreError, Work};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
};

use crate::support::{TestServer, assert_problem, statuses};

async fn limited(per_second: u32, burst: u32) -> TestServer {
    TestServer::adapted(async |server| {
        server.rates = Rates::new(RateLimit { per_second, burst }, Arc::clone(&server.clock));
    })
    .await
}

fn batch(commands: &[Value]) -> String {
    json!({ "commands": commands }).to_string()
}

fn creates(server: &TestServer, from: u32, count: u32) -> Vec<Value> {
    (from..from + count).map(|number| server.create(&format!("e{number}"))).collect()
}

#[tokio::test]
async fn row_30_too_many_commands_are_refused_as_a_whole_with_the_time_to_wait() {
    let server = limited(2, 10).await;
    let token = server.token("ana", "acme");
    assert_eq!(statuses(&server.send(&creates(&server, 0, 6)).await), ["applied"; 6]);
    let more = batch(&creates(&server, 6, 6));
    let refused = server.post(&token).body(more.clone()).send().await.unwrap();
    // The request has cost 1 of the 4 that were left; 5 more would be needed, 2 are missing.
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_problem(refused, 429, "rate-limited").await;
    assert_eq!((server.count("receipt").await, server.count("record").await), (6, 6));

    // His other requests count as well, those of others do not.
    let read = || server.get(&token, "/workspaces/acme/records/expense");
    for _ in 0..3 {
        assert_eq!(read().await.status(), 200);
    }
    let refused = read().await;
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_problem(refused, 429, "rate-limited").await;
    let single = server.post_expense("e7", "k7").send().await.unwrap();
    assert_problem(single, 429, "rate-limited").await;
    assert_eq!(
        statuses(&server.send_as(&server.token("ben", "acme"), &creates(&server, 20, 9)).await).len(),
        9
    );
    assert_eq!(server.client.get(format!("{}/sync/hello", server.url)).send().await.unwrap().status(), 200);

    server.advance(Duration::from_secs(3));
    let accepted = server.post(&token).body(more).send().await.unwrap();
    assert_eq!(accepted.status(), 200);
    assert_eq!(server.count("receipt").await, 6 + 9 + 6);
}

#[tokio::test]
async fn row_30_a_batch_beyond_the_whole_allowance_passes_after_a_quiet_time() {
    let server = limited(1, 5).await;
    assert_eq!(statuses(&server.send(&creates(&server, 0, 4)).await), ["applied"; 4]);
    let token = server.token("ana", "acme");
    let large = batch(&creates(&server, 4, 5));
    let refused = server.post(&token).body(large.clone()).send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "4");
    server.advance(Duration::from_secs(5));
    assert_eq!(server.post(&token).body(large).send().await.unwrap().status(), 200);
}

/// A store that does nothing until it is let.
struct Gated {
    store: Arc<dyn Store>,
    gate: Arc<Semaphore>,
    /// Gets a permit for each that waits.
    arrived: Arc<Semaphore>,
}

impl Gated {
    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
    }
}

impl Store for Gated {
    fn run(&self, work: Work) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        Box::pin(async move {
            self.pass().await;
            self.store.run(work).await
        })
    }

    fn record<'a>(
        &'a self,
        membership: &'a Membership,
        key: &'a RecordKey,
    ) -> BoxFuture<'a, Result<Option<RecordSnapshot>, StoreError>> {
        self.store.record(membership, key)
    }

    fn page<'a>(
        &'a self,
        membership: &'a Membership,
        query: &'a PageQuery,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            self.pass().await;
            self.store.page(membership, query).await
        })
    }

    fn prune(&self, results: Timestamp, receipts: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.prune(results, receipts)
    }
}

/// A server whose store waits; what lets one pass, and what says that one waits.
async fn gated() -> (TestServer, Arc<Semaphore>, Arc<Semaphore>) {
    let (gate, arrived) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (of_gate, of_arrived) = (Arc::clone(&gate), Arc::clone(&arrived));
    let wrap = |store| Arc::new(Gated { store, gate: of_gate, arrived: of_arrived }) as Arc<dyn Store>;
    (TestServer::start_with(wrap, Limits::default()).await, gate, arrived)
}

#[tokio::test]
async fn row_32_what_runs_is_finished_and_what_comes_is_told_to_come_back() {
    let (server, gate, arrived) = gated().await;
    let token = server.token("ana", "acme");
    let running = tokio::spawn(server.post(&token).body(batch(&creates(&server, 0, 1))).send());
    arrived.acquire().await.unwrap().forget();
    server.shutdown.begin();
    for _ in 0..2 {
        let late = server.post(&token).body(batch(&creates(&server, 1, 1))).send().await.unwrap();
        assert_eq!(
            (&late.headers()["retry-after"], &late.headers()["connection"]),
            (&"1".parse().unwrap(), &"close".parse().unwrap())
        );
        assert_problem(late, 503, "shutting-down").await;
    }
    assert!(!server.served.is_finished());
    gate.add_permits(1);
    let finished = running.await.unwrap().unwrap();
    let body: Value = crate::support::body(finished).await;
    assert_eq!(body["outcomes"][0]["status"], "applied");
    server.served.await.unwrap();
    assert_eq!(server.place.count("record").await, 1);
    let gone = server.client.get(format!("{}/sync/hello", server.url)).send().await;
    assert!(gone.unwrap_err().is_connect());
}

#[tokio::test]
async fn row_32_who_is_at_the_door_when_it_closes_is_told_to_come_back() {
    let server = TestServer::start().await;
    // In the queue of the system when the server hears of its end; nothing runs that it would have to wait for.
    let mut at_the_door = Vec::new();
    server.shutdown.begin();
    for _ in 0..20 {
        let address = server.url.trim_start_matches("http://").parse().unwrap();
        let stream = std::net::TcpStream::connect::<std::net::SocketAddr>(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        at_the_door.push(TcpStream::from_std(stream).unwrap());
    }
    let request = head(&server, "content-length: 0");
    for stream in &mut at_the_door {
        stream.write_all(request.as_bytes()).await.unwrap();
    }
    for stream in &mut at_the_door {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"), "{answer}");
    }
    server.served.await.unwrap();
}

#[tokio::test]
async fn row_32_what_runs_longer_than_ten_seconds_is_told_that_nobody_knows() {
    let (server, _gate, arrived) = gated().await;
    let token = server.token("ana", "acme");
    let write = tokio::spawn(server.post(&token).body(batch(&creates(&server, 0, 1))).send());
    let get = server.client.get(format!("{}/workspaces/acme/records/expense", server.url));
    let read = tokio::spawn(get.bearer_auth(&token).send());
    arrived.acquire_many(2).await.unwrap().forget();
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    server.shutdown.begin();
    let write = write.await.unwrap().unwrap();
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert_eq!(write.headers()["retry-after"], "1");
    assert_problem(write, 503, "outcome-unknown").await;
    assert_problem(read.await.unwrap().unwrap(), 503, "shutting-down").await;
    server.served.await.unwrap();
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_given_up() {
    let (server, _gate, arrived) = gated().await;
    let get = server.client.get(format!("{}/workspaces/acme/records/expense", server.url));
    let read = tokio::spawn(get.bearer_auth(server.token("ana", "acme")).send());
    arrived.acquire().await.unwrap().forget();
    tokio::time::pause();
    let response = read.await.unwrap().unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    assert_problem(response, 503, "storage-unavailable").await;
}

/// Opens a connection and writes; everything that comes back until it is closed.
async fn raw(server: &TestServer, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    // The server may have closed it before it has read all of that.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(server: &TestServer, more: &str) -> String {
    format!(
        "POST /sync/commands HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\n{more}\r\n\r\n",
        server.token("ana", "acme")
    )
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"POST /sync/commands HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    // It has been read when the next request on another connection is answered.
    server.client.get(format!("{}/sync/hello", server.url)).send().await.unwrap();
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let waited = begun.elapsed().as_secs();
    assert!((25..=30).contains(&waited), "{waited} s");
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_does_not_end_is_cut_off() {
    let server = TestServer::start().await;
    let bytes = head(&server, "content-length: 1000") + "{\"commands\":[";
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let answer = raw(&server, bytes.as_bytes()).await;
    assert!((55..=60).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("invalid-request"), "{answer}");
    assert_eq!(server.count("receipt").await, 0);
}

#[tokio::test]
async fn a_request_with_two_lengths_is_refused_and_nothing_of_it_is_executed() {
    let server = TestServer::start().await;
    let body = batch(&creates(&server, 0, 1));
    let length = body.len();
    let smuggled = "GET /sync/hello HTTP/1.1\r\nhost: x\r\n\r\n";
    for lengths in [
        format!("content-length: {length}\r\ncontent-length: 0"),
        format!("content-length: 0\r\ncontent-length: {length}"),
        format!("content-length: {length}, 0"),
        format!("content-length: +{length}"),
        format!("content-length: -{length}"),
        format!("content-length: {length}x"),
        "content-length: 99999999999999999999".to_owned(),
        format!("content-length: {length}\r\ntransfer-encoding: chunked, identity"),
        "transfer-encoding: xchunked".to_owned(),
    ] {
        let answer = raw(&server, (head(&server, &lengths) + &body + smuggled).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{lengths:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{lengths:?}: what follows is not a request");
    }
    assert_eq!(server.count("receipt").await, 0);
    let good = raw(&server, (head(&server, &format!("content-length: {length}")) + &body).as_bytes()).await;
    assert!(good.starts_with("HTTP/1.1 200 "), "{good}");
}

#[tokio::test]
async fn a_body_may_come_in_chunks_and_in_no_other_coding() {
    let server = TestServer::start().await;
    let body = batch(&creates(&server, 0, 1));
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for codings in ["gzip, chunked", "chunked, chunked", "gzip\r\ntransfer-encoding: chunked"] {
        let request = head(&server, &format!("transfer-encoding: {codings}")) + &chunks;
        let answer = raw(&server, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{codings}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{codings}: {answer}");
    }
    assert_eq!(server.count("receipt").await, 0);
    let good = raw(&server, (head(&server, "transfer-encoding: Chunked") + &chunks).as_bytes()).await;
    assert!(good.starts_with("HTTP/1.1 200 "), "{good}");
}

#[tokio::test]
async fn a_request_names_one_host() {
    let server = TestServer::start().await;
    let ask = async |version: &str, hosts: &str| {
        let request = format!("GET /sync/hello HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
        raw(&server, request.as_bytes()).await
    };
    for (version, hosts) in
        [("1.1", ""), ("1.1", "host: x\r\nhost: x\r\n"), ("1.0", "host: x\r\nhost: y\r\n")]
    {
        let answer = ask(version, hosts).await;
        assert!(answer.starts_with(&format!("HTTP/{version} 400 ")), "{version} {hosts:?}: {answer}");
        assert!(answer.contains("invalid-request") && answer.contains("sync-protocol: 1"), "{answer}");
    }
    for (version, hosts) in [("1.1", "host: x\r\n"), ("1.1", "Host: \r\n"), ("1.0", "")] {
        let answer = ask(version, hosts).await;
        assert!(answer.starts_with(&format!("HTTP/{version} 200 ")), "{version} {hosts:?}: {answer}");
    }
}

/// A connection whose reader has room for a few kilobytes, over which something has been asked for that is larger by far.
async fn asks_and_reads_nothing(server: &TestServer, token: &str, path: &str) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.url.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // The answer has begun.
    let mut first = [0; 12];
    stream.peek(&mut first).await.unwrap();
    stream
}

/// Sixteen megabytes of records: no buffer of the system holds a page of them.
async fn with_large_records() -> TestServer {
    let server = TestServer::adapted(async |server| {
        let live = server.live.as_mut().unwrap();
        live.terms.max_bytes = 64 * 1024 * 1024;
    })
    .await;
    let ana = super::store::member(&server.opened(), "acme").await;
    for number in 0..16 {
        let data = json!("x".repeat(1024 * 1024));
        let put = super::store::put(&ana, number + 1, &format!("n{number}"), Some(data));
        server.store.run(put).await.unwrap();
    }
    server
}

#[tokio::test]
async fn who_takes_nothing_of_a_page_loses_the_connection_after_a_minute() {
    let server = with_large_records().await;
    let token = server.token("ana", "acme");
    let mut stream = asks_and_reads_nothing(&server, &token, "/sync/changes").await;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(61)).await;
    tokio::time::resume();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.len() < 15_000_000, "{}", answer.len());
    // Who reads gets it all.
    let page = server.get(&token, "/sync/changes").await.bytes().await.unwrap();
    assert!(page.len() > 16_000_000);
}

#[tokio::test]
async fn a_user_has_sixteen_pages_on_their_way_at_once_and_no_more() {
    let server = with_large_records().await;
    let (ana, ben) = (server.token("ana", "acme"), server.token("ben", "acme"));
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(asks_and_reads_nothing(&server, &ana, "/sync/changes").await);
    }
    for path in ["/sync/changes", "/workspaces/acme/records/note", "/workspaces/acme/expenses"] {
        let refused = server.get(&ana, path).await;
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_problem(refused, 429, "rate-limited").await;
        assert_eq!(server.get(&ben, path).await.status(), 200);
    }
    assert_eq!(server.get(&ana, "/workspaces/acme/records/note/none").await.status(), 404);
    drop(streams.pop());
    // The server notices when it has seen the connection end.
    while server.get(&ana, "/workspaces/acme/expenses").await.status() != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_user_has_sixteen_large_bodies_on_their_way_at_once_and_small_ones_pass() {
    let server = TestServer::start().await;
    let mut streams = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        let large = head(&server, "content-length: 1000000");
        stream.write_all((large + &" ".repeat(100_000)).as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let large = || {
        let spaces = " ".repeat(100_000);
        server.post(&server.token("ana", "acme")).body(format!("{spaces}{{\"commands\":[]}}")).send()
    };
    // Until the server has seen them all.
    let refused = loop {
        let response = large().await.unwrap();
        if response.status() != 200 {
            break response;
        }
    };
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_problem(refused, 429, "rate-limited").await;
    assert_eq!(server.send_one(&server.create("e1")).await["status"], "applied");
    let ben = server.post(&server.token("ben", "acme")).body(" ".repeat(100_000) + "{\"commands\":[]}");
    assert_eq!(ben.send().await.unwrap().status(), 200);
    drop(streams);
    while large().await.unwrap().status() != 200 {}
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = TestServer::start().await;
    let pad = "x".repeat(300_000);
    let answer = raw(&server, head(&server, &format!("x-pad: {pad}")).as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(server.client.get(format!("{}/sync/hello", server.url)).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_body_that_unpacks_without_end_is_refused_at_the_limit() {
    use std::io::Write as _;
    let server = TestServer::start().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1024 * 1024];
    for _ in 0..64 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 128 * 1024, "64 MiB in {} bytes", bomb.len());
    let post = server.post(&server.token("ana", "acme")).header("content-encoding", "gzip").body(bomb);
    assert_problem(post.send().await.unwrap(), 413, "request-too-large").await;
}

#[tokio::test]
async fn a_write_with_two_keys_has_none() {
    let server = TestServer::start().await;
    for second in ["k1", "k2"] {
        let twice = server.post_expense("e1", "k1").header("idempotency-key", second);
        assert_problem(twice.send().await.unwrap(), 400, "idempotency-key-invalid").await;
    }
    assert_eq!(server.count("receipt").await, 0);
}
