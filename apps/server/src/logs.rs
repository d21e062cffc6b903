use tracing::level_filters::LevelFilter;

use crate::cli::LogFormat;

/// Starts logging to stderr. A panic is logged with its place and without its message, which may quote user data.
pub(crate) fn start(format: LogFormat, level: LevelFilter) {
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).with_target(false).with_span_list(false).init(),
        LogFormat::Pretty => builder.init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}
