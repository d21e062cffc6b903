mod json;

use std::{
    io::{self, BufWriter, Stderr, Write},
    thread,
    time::Duration,
};

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer, Registry,
    filter::{FilterExt as _, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::cli::LogFormat;

use self::json::{JsonFields, JsonLines};

/// Something beside the log that hears of spans.
pub(crate) type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// How many lines may wait to be written before those who log wait as well.
const WAITING_LINES: usize = 4096;

/// How long lines are gathered, so that a busy server wakes the thread that writes them 200 times a second and not with each one.
const GATHERING: Duration = Duration::from_millis(5);

/// Starts logging to stderr, by a thread that writes many lines at once; what is left is written when the guard is dropped. A panic is logged
/// with its place and without its message, which may quote user data.
pub(crate) fn start(format: LogFormat, level: LevelFilter, spans: Option<SpanLayer>) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .buffered_lines_limit(WAITING_LINES)
        .thread_name("log-writer")
        .finish(Gathered(BufWriter::new(io::stderr())));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Json => lines.event_format(JsonLines).fmt_fields(JsonFields).boxed(),
        LogFormat::Pretty => lines.boxed(),
    };
    // A command is one line already: its span is for others.
    let said = level.and(filter_fn(|metadata| !(metadata.is_span() && metadata.name() == "command")));
    tracing_subscriber::registry().with(spans).with(lines.with_filter(said)).init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    guard
}

/// Writes what has been gathered when there is nothing more, and then gathers again.
struct Gathered(BufWriter<Stderr>);

impl Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    #[allow(clippy::disallowed_methods, reason = "the thread has nothing else to do, and no runtime")]
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(GATHERING);
        Ok(())
    }
}
