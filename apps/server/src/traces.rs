//! Traces for a collector, by OTLP over HTTP: the spans `request` and `command`, with their ids and nothing of what is in them.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry::{
    SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt as _, TraceState, TracerProvider as _},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use reqwest::Url;
use tokio::runtime::Handle;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer as _, filter::filter_fn};

use offline_server::TraceParent;

use crate::{error::StartError, logs::SpanLayer};

/// How long the collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the last spans may take to leave at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Sends until it is dropped, and what is left then.
pub(crate) struct Export(SdkTracerProvider);

impl Drop for Export {
    fn drop(&mut self) {
        // A collector that does not answer has been said; what it did not take is lost.
        let _ = self.0.shutdown_with_timeout(FAREWELL);
    }
}

/// Begins to export when there is an address. What the collector does not take in time is dropped, and nobody waits for it.
pub(crate) fn start(
    endpoint: Option<&str>,
    runtime: &Handle,
) -> Result<Option<(Export, SpanLayer)>, StartError> {
    let Some(endpoint) = endpoint else { return Ok(None) };
    let url = Url::parse(&format!("{}/v1/traces", endpoint.trim_end_matches('/')));
    let url = url.ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(StartError::Collector)?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new(runtime.clone())?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(url)
        .with_timeout(PATIENCE)
        .build()
        .map_err(|_| StartError::Collector)?;
    let resource = Resource::builder()
        .with_service_name("erp-server")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("erp-server"))
        .with_context_activation(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    // Spans of these names alone, and no events: what libraries say is not looked through for user data.
    let ours = |name: &str| matches!(name, "request" | "command");
    let layer = layer.with_filter(filter_fn(move |said| {
        said.is_span() && said.target().starts_with("offline_server") && ours(said.name())
    }));
    Ok(Some((Export(provider), layer.boxed())))
}

/// Makes a span the child of its parent, with a link to the span that it came about in: a command's to its request.
pub(crate) fn adopt(span: &Span, parent: TraceParent) {
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace_id, span_id) = (TraceId::from_bytes(parent.trace_id), SpanId::from_bytes(parent.span_id));
    let remote = SpanContext::new(trace_id, span_id, flags, true, TraceState::default());
    let context = opentelemetry::Context::new().with_remote_span_context(remote);
    // One that is not wanted cannot have a parent.
    let _ = span.set_parent(context);
    span.add_link(Span::current().context().span().span_context().clone());
}

/// The way to the collector. It is said once when it is lost, and once when it is found again.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    lost: AtomicBool,
}

impl Collector {
    fn new(runtime: Handle) -> Result<Self, StartError> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build();
        Ok(Self { client: client.map_err(|_| StartError::Collector)?, runtime, lost: AtomicBool::new(false) })
    }

    fn note(&self, trouble: Option<&str>) {
        match (trouble, self.lost.swap(trouble.is_some(), Ordering::Relaxed)) {
            (Some(why), false) => {
                tracing::warn!(why, "the collector takes no traces: they are dropped until it does");
            }
            (None, true) => tracing::info!("the collector takes traces again"),
            _ => {}
        }
    }
}

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let client = self.client.clone();
            // The exporter's thread is none of the runtime's, which the client needs.
            let sent = self.runtime.spawn(async move {
                let mut response = client.execute(request.try_into()?).await?;
                let mut answer = Response::new(Bytes::new());
                *answer.status_mut() = response.status();
                *answer.headers_mut() = std::mem::take(response.headers_mut());
                *answer.body_mut() = response.bytes().await?;
                Ok::<_, reqwest::Error>(answer)
            });
            let sent = sent.await?.map_err(reqwest::Error::without_url);
            match &sent {
                Ok(answer) if answer.status().is_success() => self.note(None),
                Ok(answer) => self.note(Some(answer.status().as_str())),
                Err(error) => self.note(Some(&crate::error::chain(error))),
            }
            Ok(sent?)
        })
    }
}
