//! What stores keep, byte for byte: a device that was offline for a year must be able to read what it wrote.
//!
//! The files may grow in number, never change. `UPDATE_GENERATED=1` writes missing ones only.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Debug, fs, path::Path};

use offline_conformance::samples::{at, chained, command, conflict, failure, id, seq, thing, version};
use offline_core::{Applied, JournalEntry, OutboxCommand, Status};
use offline_protocol::{ChangeSeq, Expected, FieldError, Problem, ProblemCode, RecordVersion};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

fn is_golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    let text = serde_json::to_string_pretty(value).unwrap() + "\n";
    if !file.exists() && std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        fs::write(&file, &text).unwrap();
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    assert!(golden == text, "{name} is not what is stored now:\n{text}");
    assert!(serde_json::from_str::<T>(&golden).unwrap() == *value, "{name} is read as something else");
}

fn pending() -> OutboxCommand {
    let mut command = chained(1, &["a", "b"], Some(Expected::Version(version(4)))).command;
    command.payload =
        json!({ "amount": 9_007_199_254_740_991_u64, "name": "Grüße \u{0} 🧾", "thingId": "a" }).into();
    command.seq = seq(17);
    command
}

fn failed() -> OutboxCommand {
    let mut command = pending();
    command.status = Status::Failed;
    command.attempts = 3;
    command.expected = Some(Expected::After(id(2)));
    command.depends_on = vec![id(2), id(3)];
    let field =
        FieldError { pointer: "/amount".into(), code: "negative".into(), message: "is negative".into() };
    let problem =
        Problem::new(ProblemCode::RuleViolated, 422, "No").with_detail("why").with_errors(vec![field]);
    let mut error = failure("rule-violated");
    error.problem = Some(problem);
    command.last_error = Some(error);
    command
}

fn conflicted() -> OutboxCommand {
    let mut command = pending();
    command.status = Status::Conflict;
    command.attempts = 1;
    command.last_error = Some(failure("version-conflict"));
    let mut conflict = conflict("a");
    conflict.server_snapshot = Some(json!({ "name": "theirs" }));
    command.conflict = Some(conflict);
    command
}

#[test]
fn commands_are_stored_as_ever() {
    is_golden("outbox-command-pending.json", &pending());
    is_golden("outbox-command-failed.json", &failed());
    is_golden("outbox-command-conflict.json", &conflicted());
    let mut waiting = command(5).command;
    waiting.attempts = 2;
    waiting.next_attempt_at = Some(at(60));
    waiting.last_error = Some(failure("transient"));
    is_golden("outbox-command-waiting.json", &waiting);
}

#[test]
fn the_journal_is_stored_as_ever() {
    let key = thing("a");
    let versions = vec![RecordVersion { kind: key.kind, id: key.id, version: version(5) }];
    let change_seq = ChangeSeq::new(88).unwrap();
    let applied = Applied { versions, change_seq, replayed: true, attempts: 2 };
    is_golden("journal-entry-applied.json", &JournalEntry::applied(pending(), applied, at(20)));
    is_golden("journal-entry-discarded.json", &JournalEntry::discarded(failed(), at(30)));
}

#[test]
fn a_command_of_before_depends_on_is_read() {
    let mut old = serde_json::to_value(pending()).unwrap();
    old.as_object_mut().unwrap().remove("dependsOn");
    assert!(serde_json::from_value::<OutboxCommand>(old).unwrap() == pending());
}
