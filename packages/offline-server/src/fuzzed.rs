//! What the fuzzer feeds: bodies, headers and parameters of requests, and the rows of receipts. They may be refused; nothing may panic, a handler
//! included, and what is taken as something is that.

use std::sync::Arc;

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use offline_domain::Registry;
use offline_protocol::{
    Command, CommandType, Fingerprint, Limits, RecordId, Retention, Timestamp, UserId, Verdict, Version,
    WorkspaceId,
};
use serde_json::Value;

use crate::{
    CursorKey, Fold as _, Loaded, Membership, SqlHandlers, Step, StoredVerdict, batch::Batch,
    envelope::read_batch, fold::BatchFold, http::fuzzed as http,
};

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

/// The name of a corpus, and what reads it.
pub type Target = (&'static str, fn(&str));

/// Each target; [`commands`] is one more.
pub const TARGETS: [Target; 4] =
    [("headers", headers), ("parameters", parameters), ("payload", payload), ("receipt", receipt)];

fn acme() -> WorkspaceId {
    WorkspaceId::new("acme").expect("BUG: an id")
}

/// The body of `POST /sync/commands`, up to what the handlers make of it in an empty workspace.
pub fn commands(registry: &Registry, body: &str) {
    let Ok(items) = read_batch(body.as_bytes(), &Limits::default(), registry, Some(&acme())) else { return };
    for command in items.iter().filter_map(|item| item.command()) {
        let written = serde_json::to_string(command).expect("what was read can be written");
        assert_eq!(serde_json::from_str::<Command>(&written).ok().as_ref(), Some(command));
    }
    let batch = Arc::new(Batch {
        membership: Membership::for_test(acme(), UserId::new("ana").expect("BUG: an id")),
        now: Timestamp::from_millis(1_795_000_000_000),
        retention: Retention::default(),
        sql: SqlHandlers::new(),
        items,
    });
    let Step::Done(folded) = BatchFold(Arc::clone(&batch)).begin(Loaded::default()) else {
        panic!("no command of the corpus has SQL of its own")
    };
    assert_eq!(folded.verdicts.len(), batch.items.len());
    // A handler that panics, or writes what it did not name, is answered so.
    let broken = |verdict: &Verdict| matches!(verdict, Verdict::Retry { .. });
    assert!(!folded.verdicts.iter().any(broken), "a handler is broken");
}

/// Lines of a name and a value.
fn headers(text: &str) {
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value.trim()).ok()?))
    };
    let mut headers = HeaderMap::new();
    text.lines().filter_map(header).for_each(|(name, value)| _ = headers.append(name, value));
    if let Ok(key) = http::idempotency_key(&headers) {
        let quoted = format!("\"{}\"", key.as_str().replace('\\', "\\\\").replace('"', "\\\""));
        let value = HeaderValue::try_from(quoted).expect("a key is visible ASCII");
        let again = HeaderMap::from_iter([(HeaderName::from_static("idempotency-key"), value)]);
        assert_eq!(http::idempotency_key(&again).ok(), Some(key));
    }
    if let Ok(Some(versions)) = http::if_match(&headers) {
        let sent: Vec<_> = headers.get_all("if-match").iter().map(HeaderValue::as_bytes).collect();
        let sent = String::from_utf8_lossy(&sent.join(&b',')).into_owned();
        let tags: Vec<_> = versions.iter().map(|version| format!("\"{version}\"")).collect();
        let none_yet = versions == [Version::FIRST] && headers.contains_key("if-none-match");
        assert!(none_yet || tags.iter().all(|tag| sent.contains(tag)));
    }
    let now = Timestamp::from_millis(7);
    assert!(
        http::created_at(&headers, now).is_ok_and(|at| at == now)
            || headers.contains_key("command-created-at")
    );
}

/// `kinds` and `since` of `GET /sync/changes`, separated by a space.
fn parameters(text: &str) {
    let (kinds, since) = text.split_once(' ').unwrap_or((text, ""));
    let Ok(kinds) = http::read_kinds(Some(kinds)) else { return };
    assert!(kinds.is_sorted());
    let key = CursorKey([7; 32]);
    if let Some(place) = key.read(&acme(), &kinds, since) {
        assert_eq!(key.sign(&acme(), &kinds, place).as_str(), since);
    }
}

/// The body of a write that comes alone.
fn payload(text: &str) {
    let body = Bytes::copy_from_slice(text.as_bytes());
    let Ok(mut payload) = http::payload(&body, &Limits::default()) else { return };
    // The same by RFC 8785: a whole number may have been written as a fraction.
    let write = CommandType::new("A_V1").expect("BUG: a type");
    let canonical = |value: &Value| Fingerprint::of(&write, value, None);
    let same = |value: Value| canonical(&value) == canonical(&payload);
    assert!(text.is_empty() || serde_json::from_str(text).is_ok_and(same));
    let id = RecordId::new("a").expect("BUG: an id");
    if http::put_id(&mut payload, "id", &id).is_ok() {
        assert!(!payload.is_object() || payload["id"] == "a");
    }
}

fn receipt(text: &str) {
    let Ok(verdict) = serde_json::from_str::<StoredVerdict>(text) else { return };
    let written = serde_json::to_string(&verdict).expect("what was read can be written");
    assert_eq!(serde_json::from_str::<StoredVerdict>(&written).ok(), Some(verdict));
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_of_commands_is_read_without_a_panic() {
        let registry = erp::registry();
        super::replay::corpus("commands").iter().for_each(|text| super::commands(&registry, text));
    }
}
