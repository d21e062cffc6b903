use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64},
    },
    time::Duration,
};

use offline_protocol::Verdict;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Bounds of times, in seconds.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Bounds of the number of commands in a batch.
const COMMANDS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1000.0];

/// What a server counts, for Prometheus. No label names a workspace, a user or anything that a client can make up.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    commands: Family<CommandLabels, Counter>,
    replayed: Counter,
    batch: Histogram,
    queue: Histogram,
    transaction: Histogram,
    store_failures: Counter,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    running: Gauge<i64, AtomicI64>,
    streams: Gauge<i64, AtomicI64>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CommandLabels {
    r#type: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("offline");
        let inner = Inner {
            commands: Family::default(),
            replayed: Counter::default(),
            batch: Histogram::new(COMMANDS),
            queue: Histogram::new(SECONDS),
            transaction: Histogram::new(SECONDS),
            store_failures: Counter::<u64, AtomicU64>::default(),
            requests: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            running: Gauge::default(),
            streams: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("commands", "Commands by type and outcome", inner.commands.clone());
        registry.register(
            "receipts_replayed",
            "Commands that were answered from a receipt",
            inner.replayed.clone(),
        );
        registry.register("batch_commands", "Commands in a batch", inner.batch.clone());
        registry.register(
            "queue_wait_seconds",
            "From a batch\'s arrival at the store until what it touches was loaded in a transaction",
            inner.queue.clone(),
        );
        registry.register(
            "transaction_seconds",
            "From there until the transaction was on the disk, with all that shared it",
            inner.transaction.clone(),
        );
        registry.register(
            "store_failures",
            "Batches that the store did not take",
            inner.store_failures.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Requests by route and status, until the answer begins",
            inner.requests.clone(),
        );
        registry.register("http_requests_running", "Requests without an answer yet", inner.running.clone());
        registry.register("event_streams", "Open streams of events", inner.streams.clone());
        Self(Arc::new(Inner { registry, ..inner }))
    }
}

impl Metrics {
    /// Everything in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.registry).expect("BUG: writing to a String does not fail");
        text
    }

    /// A verdict on a command; `command_type` is one of the registry, or "unknown".
    pub(crate) fn command(&self, command_type: &str, verdict: &Verdict) {
        let labels = CommandLabels { r#type: command_type.to_owned(), outcome: verdict.status() };
        self.0.commands.get_or_create(&labels).inc();
        let replayed = match verdict {
            Verdict::Applied { replayed, .. } | Verdict::Rejected { replayed, .. } => *replayed,
            Verdict::Conflict(conflict) => conflict.replayed,
            Verdict::Held { .. } | Verdict::Retry { .. } => false,
        };
        if replayed {
            self.0.replayed.inc();
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a batch has a thousand commands at most")]
    pub(crate) fn batch(&self, commands: usize) {
        self.0.batch.observe(commands as f64);
    }

    /// How long a batch waited, and how long its transaction took.
    pub(crate) fn stored(&self, waited: Duration, whole: Duration) {
        self.0.queue.observe(waited.as_secs_f64());
        self.0.transaction.observe(whole.saturating_sub(waited).as_secs_f64());
    }

    pub(crate) fn store_failed(&self) {
        self.0.store_failures.inc();
    }

    pub(crate) fn request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let labels = RequestLabels { method, route: route.to_owned(), status };
        self.0.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts a request as running until the answer is dropped.
    pub(crate) fn running(&self) -> Counted {
        Counted::new(&self.0.running)
    }

    /// Counts a stream of events as open until the answer is dropped.
    pub(crate) fn event_stream(&self) -> Counted {
        Counted::new(&self.0.streams)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Something that is counted as long as it lives.
pub(crate) struct Counted(Gauge<i64, AtomicI64>);

impl Counted {
    fn new(gauge: &Gauge<i64, AtomicI64>) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
