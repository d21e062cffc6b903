//! What arrives at a collector, over real HTTP.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod support;

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path};

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, any_value::Value as Any},
    trace::v1::{Span, span::SpanKind},
};
use prost::Message as _;
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

use support::{ServerProcess, binary, create, refused};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Takes what is exported, as a collector does.
struct Collector {
    address: SocketAddr,
    received: mpsc::UnboundedReceiver<Bytes>,
    task: JoinHandle<()>,
}

impl Collector {
    async fn start(address: &str) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let take = post(move |headers: HeaderMap, body: Bytes| async move {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            let _ = sender.send(body);
        });
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = axum::serve(listener, Router::new().route("/v1/traces", take));
        let task = tokio::spawn(async move { serve.await.unwrap() });
        Self { address, received, task }
    }

    /// All that has arrived so far, one after the other.
    fn bodies(&mut self) -> Vec<Bytes> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn exporting(data: &Path, endpoint: &str, log: &Path) -> ServerProcess {
    let flags = ["--dev", "--otlp-endpoint", endpoint];
    let mut command = binary(data, &flags);
    // Spans are sent at once, so that the test need not wait for the usual five seconds.
    command.env("OTEL_BSP_SCHEDULE_DELAY", "1").stderr(fs::File::create(log).unwrap());
    ServerProcess::spawn(&mut command)
}

fn spans_of(body: &Bytes) -> usize {
    let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    request.resource_spans.iter().flat_map(|of| &of.scope_spans).map(|of| of.spans.len()).sum()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(span: &Span) -> BTreeMap<&str, String> {
    let text = |value: &AnyValue| match value.value.as_ref().unwrap() {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        Any::BoolValue(yes) => yes.to_string(),
        other => panic!("{other:?}"),
    };
    span.attributes.iter().map(|pair| (&*pair.key, text(pair.value.as_ref().unwrap()))).collect()
}

#[tokio::test]
async fn spans_arrive_with_their_ids_and_nothing_of_what_is_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut collector = Collector::start("127.0.0.1:0").await;
    let endpoint = format!("http://{}/", collector.address);
    let server = exporting(&folder.path().join("data"), &endpoint, &folder.path().join("log"));
    let token = server.sign_in("ana", "acme").await;
    let mut broken = create(2);
    broken["payload"]["amountMinor"] = json!("a fortune");
    broken["clientTraceId"] = json!("0af7651916cd43dd8448eb211c80319c");
    let send = server.client.post(format!("{}/sync/commands", server.url)).bearer_auth(&token);
    let send = send.header("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    let send = send.header("content-type", "application/json");
    let sent = send.body(json!({ "commands": [create(1), broken] }).to_string()).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    assert_eq!(server.get("/private/dinner?for=two").await.status(), 404);
    // Two requests and two commands, after the sign-in.
    let mut bodies: Vec<Bytes> = Vec::new();
    while bodies.iter().map(spans_of).sum::<usize>() < 5 {
        bodies.push(collector.received.recv().await.unwrap());
    }
    assert!(server.terminate().success());
    bodies.extend(collector.bodies());
    for private in ["private", "dinner", "a fortune", "4990", &token, token.rsplit('.').next().unwrap()] {
        let seen = |body: &Bytes| body.windows(private.len()).any(|window| window == private.as_bytes());
        assert!(!bodies.iter().any(seen), "{private} was exported");
    }
    let decode = |body| ExportTraceServiceRequest::decode(body).unwrap().resource_spans;
    let resources: Vec<_> = bodies.into_iter().flat_map(decode).collect();
    for of in &resources {
        let named = of.resource.as_ref().unwrap().attributes.iter().any(|pair| pair.key == "service.name");
        assert!(named, "whose spans they are");
    }
    let scopes = resources.into_iter().flat_map(|of| of.scope_spans);
    let spans: Vec<Span> = scopes.flat_map(|of| of.spans).collect();
    assert!(spans.iter().all(|span| span.events.is_empty() && span.kind == SpanKind::Internal as i32));

    let named = |name: &'static str| spans.iter().filter(move |span| span.name == name);
    let at = |route: &'static str| named("request").find(|span| attributes(span)["route"] == route);
    let request = at("/sync/commands").unwrap();
    assert_eq!((hex(&request.trace_id).as_str(), hex(&request.parent_span_id).as_str()), (TRACE, PARENT));
    let said = attributes(request);
    let expected = [("method", "POST"), ("workspaceId", "acme"), ("userId", "ana"), ("status", "200")];
    assert!(expected.iter().all(|(name, value)| said[name] == *value), "{said:?}");
    assert!(at("other").unwrap().parent_span_id.is_empty(), "without a parent a trace of its own");

    let commands: Vec<_> = named("command").map(|span| (span, attributes(span))).collect();
    assert_eq!(commands.len(), 2);
    for (number, status, code) in [(1, "applied", ""), (2, "rejected", "invalid-payload")] {
        let id = create(number)["commandId"].as_str().unwrap().to_owned();
        let (span, said) = commands.iter().find(|(_, said)| said["commandId"] == id).unwrap();
        let ids = [&said["workspaceId"], &said["userId"], &said["commandType"], &said["idempotencyKey"]];
        assert_eq!(ids, ["acme", "ana", "EXPENSE_CREATE_V1", &format!("key-{number}")]);
        assert_eq!((&*said["status"], &*said["code"], &*said["replayed"]), (status, code, "false"));
        assert_eq!(span.links[0].span_id, request.span_id, "{id} is linked to its request");
        assert_eq!(span.links[0].trace_id, request.trace_id);
        assert!(span.end_time_unix_nano > span.start_time_unix_nano);
        let own = number == 2;
        assert_eq!(hex(&span.trace_id) == "0af7651916cd43dd8448eb211c80319c", own, "in its client's trace");
        assert!(!span.parent_span_id.is_empty());
    }
}

#[tokio::test]
async fn a_collector_that_is_down_holds_nobody_up_and_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let server = exporting(&folder.path().join("data"), &format!("http://{address}"), &log);
    let said = |words: &str| fs::read_to_string(&log).unwrap().matches(words).count();
    let token = server.sign_in("ana", "acme").await;
    let lost = "the collector takes no traces";
    let mut number = 0;
    while said(lost) == 0 || number < 100 {
        number += 1;
        assert_eq!(server.send(&token, &[create(number)]).await.unwrap()[0]["status"], "applied");
    }
    let mut collector = Collector::start(&address).await;
    while said("the collector takes traces again") == 0 {
        assert_eq!(server.get("/sync/hello").await.status(), 200);
    }
    assert!(!collector.bodies().is_empty());
    assert!(server.terminate().success());
    assert_eq!(said(lost), 1);
    assert!(!fs::read_to_string(&log).unwrap().contains(&address), "an address may hold a key");
}

#[tokio::test]
async fn a_collector_that_takes_all_and_answers_nothing_keeps_neither_requests_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let server = exporting(&folder.path().join("data"), &endpoint, &folder.path().join("log"));
    let token = server.sign_in("ana", "acme").await;
    let (_held, _) = silent.accept().await.unwrap();
    // More than the exporter's queue holds.
    for batch in 0..30 {
        let commands: Vec<_> = (1..=100).map(|number| create(batch * 100 + number)).collect();
        let outcomes = server.send(&token, &commands).await.unwrap();
        assert!(outcomes.iter().all(|outcome| outcome["status"] == "applied"));
    }
    assert!(server.terminate().success());
}

#[test]
fn an_endpoint_that_is_none_is_refused_at_the_start_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for endpoint in ["", "collector", "ftp://hunter2@collector", "http://hunter2 x/"] {
        let (status, said) = refused(folder.path(), &["--otlp-endpoint", endpoint]);
        assert!(
            status == Some(1) && said.contains("--otlp-endpoint must be an address"),
            "{endpoint}: {said}"
        );
        assert!(!said.contains("hunter2") && said.lines().count() == 1, "{said}");
    }
}
