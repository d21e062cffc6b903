//! The log as JSON. What tracing-subscriber has for it reads a span's fields anew for each line in the span, and was a seventh of what a command
//! cost the server.

use std::fmt::{self, Debug};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    registry::LookupSpan,
};

/// Writes each event as an object on a line of its own: time, level, the event's fields, and under `span` those of the span around it.
pub(crate) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        line.write_str(r#"{"timestamp":""#)?;
        SystemTime.format_time(&mut line)?;
        write!(line, r#"","level":"{}""#, event.metadata().level())?;
        Fields::write(&mut line, |fields| event.record(fields))?;
        let span = event.parent().and_then(|id| context.span(id)).or_else(|| context.lookup_current());
        if let Some(span) = span {
            write!(line, r#","span":{{"name":"{}""#, span.name())?;
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                line.write_str(fields)?;
            }
            line.write_char('}')?;
        }
        line.write_str("}\n")
    }
}

/// Keeps a span's fields as they stand in the line: each behind a comma. None may be recorded twice.
pub(crate) struct JsonFields;

impl<'a> FormatFields<'a> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'a>, fields: R) -> fmt::Result {
        Fields::write(&mut writer, |visitor| fields.record(visitor))
    }

    fn add_fields(&self, current: &'a mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// Writes fields as members of an object, without the braces.
struct Fields<'a, 'b> {
    to: &'a mut Writer<'b>,
    written: fmt::Result,
}

impl<'a, 'b> Fields<'a, 'b> {
    fn write(to: &'a mut Writer<'b>, record: impl FnOnce(&mut Self)) -> fmt::Result {
        let mut fields = Self { to, written: Ok(()) };
        record(&mut fields);
        fields.written
    }

    fn put(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'b>) -> fmt::Result) {
        if self.written.is_ok() {
            self.written = write!(self.to, r#","{}":"#, field.name()).and_then(|()| value(self.to));
        }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, |to| text(to, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, |to| write!(to, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, |to| write!(to, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, |to| write!(to, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // What is no number in JSON is null.
        self.put(field, |to| write!(to, "{}", serde_json::Value::from(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let value = format!("{value:?}");
        self.record_str(field, &value);
    }
}

fn text(to: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        to.write_char('"')?;
        to.write_str(text)?;
        return to.write_char('"');
    }
    let escaped = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    to.write_str(&escaped)
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};
    use tracing_subscriber::{Registry, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines, the time taken out of them.
    fn logged(log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt::layer()
            .event_format(JsonLines)
            .fmt_fields(JsonFields)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(Registry::default().with(lines), log);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &mut lines {
            let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert_eq!(time.as_str().unwrap().len(), "2026-11-28T15:52:59.123456Z".len());
        }
        lines
    }

    #[test]
    fn a_line_holds_its_fields_of_every_kind_whatever_is_in_them() {
        let lines = logged(|| {
            let nothing: Option<&str> = None;
            tracing::info!(
                text = "a \"b\" \\ \n \u{1} ü",
                shown = %"c\td",
                seen = ?Some("e"),
                whole = -4,
                large = u64::MAX,
                part = 1.5,
                none = f64::NAN,
                flag = true,
                nothing,
                "said {}",
                "\"so\""
            );
        });
        let expected = json!({ "level": "INFO", "message": "said \"so\"", "text": "a \"b\" \\ \n \u{1} ü",
            "shown": "c\td", "seen": "Some(\"e\")", "whole": -4, "large": u64::MAX, "part": 1.5, "none": null,
            "flag": true });
        assert_eq!(lines, [expected]);
    }

    #[test]
    fn a_line_names_the_span_around_it_with_what_was_recorded_later() {
        let lines = logged(|| {
            let outer = tracing::info_span!("request", route = "/a", status = tracing::field::Empty);
            outer.record("status", 200);
            outer.in_scope(|| tracing::warn!("inside"));
            let bare = tracing::info_span!("bare", later = tracing::field::Empty);
            bare.record("later", "x\"y");
            tracing::error!(parent: &bare, at = 1);
        });
        assert_eq!(
            lines,
            [
                json!({ "level": "WARN", "message": "inside", "span": { "name": "request", "route": "/a", "status": 200 } }),
                json!({ "level": "ERROR", "at": 1, "span": { "name": "bare", "later": "x\"y" } }),
            ]
        );
    }
}
