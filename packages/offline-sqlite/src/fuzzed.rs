//! What the fuzzer feeds: the JSON of stored rows. What is read is written, and is the same when it is read again.

use offline_protocol::ToJson;

use crate::tables::{journal::Line, outbox};

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

/// The name of a corpus, and what reads it.
pub type Target = (&'static str, fn(&str));

/// Each target.
pub const TARGETS: [Target; 1] = [("sqlite", rows)];

fn rows(text: &str) {
    if let Ok(command) = outbox::read(text) {
        assert!(outbox::read(&command.to_text()).is_ok_and(|again| again == command));
    }
    if let Ok(line) = Line::read(text) {
        assert!(Line::read(&line.to_text()).is_ok_and(|again| again == line));
    }
}
