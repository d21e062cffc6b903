use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry,
    filter::{FilterExt as _, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::cli::LogFormat;

/// Something beside the log that hears of spans.
pub(crate) type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging to stderr. A panic is logged with its place and without its message, which may quote user data.
pub(crate) fn start(format: LogFormat, level: LevelFilter, spans: Option<SpanLayer>) {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_target(false).with_span_list(false).boxed(),
        LogFormat::Pretty => lines.boxed(),
    };
    // A command is one line already: its span is for others.
    let said = level.and(filter_fn(|metadata| !(metadata.is_span() && metadata.name() == "command")));
    tracing_subscriber::registry().with(spans).with(lines.with_filter(said)).init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}
