//! The readers against serde's derived code, which defines the types: both read the same, and refuse the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;

use offline_conformance::samples::{
    at, chained, command, conflict, failure, id, nasty_payload, seq, thing, version,
};
use offline_core::{
    Applied, Connectivity, Counts, Durability, EnqueueRequest, JournalEntry, NetworkVerdict, OutboxCommand,
    OutboxEntry, PauseReason, Phase, Progress, Status, SyncStatus, Terms,
};
use offline_protocol::{
    ChangeSeq, Expected, FieldError, FromJson, Outcomes, Problem, ProblemCode, RecordSnapshot, RecordVersion,
    TraceId, UserId, from_json,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// What a field may hold in place of what it should.
fn misfits() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(70_000),
        json!(5_000_000_000_u64),
        json!(9_007_199_254_740_992_u64),
        json!(""),
        json!("x"),
        json!("X_V1"),
        json!("2026-11-22T18:00:00+01:00"),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "version": 1 }),
        json!({ "version": 1, "after": id(1) }),
        json!({ "kind": "thing", "id": "a", "more": 1 }),
    ]
}

fn agree<T: FromJson + DeserializeOwned + Serialize>(value: &Value, what: &str) {
    let text = value.to_string();
    let ours = from_json::<T>(&text).map(|read| serde_json::to_value(read).unwrap());
    let serdes = serde_json::from_str::<T>(&text).ok().map(|read| serde_json::to_value(read).unwrap());
    assert!(ours == serdes, "{what}: ours {}, serde's {}", ours.is_some(), serdes.is_some());
}

/// Every way to spoil one field, also in lists and objects within; content that belongs to the application is left alone.
fn spoil<T: FromJson + DeserializeOwned + Serialize>(whole: &Value, pointer: &str) {
    let part = whole.pointer(pointer).unwrap().clone();
    let children: Vec<String> = match &part {
        Value::Object(fields) => fields.keys().cloned().collect(),
        Value::Array(items) => (0..items.len()).map(|index| index.to_string()).collect(),
        _ => Vec::new(),
    };
    if let Value::Object(fields) = &part {
        for name in fields.keys() {
            let mut lacking = whole.clone();
            lacking.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(name);
            agree::<T>(&lacking, &format!("{pointer} without {name}"));
        }
        let mut unknown = whole.clone();
        unknown.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert("unheardOf".into(), json!(1));
        agree::<T>(&unknown, &format!("{pointer} with an unknown field"));
    }
    for child in children {
        let place = format!("{pointer}/{child}");
        for misfit in misfits() {
            let mut spoilt = whole.clone();
            *spoilt.pointer_mut(&place).unwrap() = misfit.clone();
            agree::<T>(&spoilt, &format!("{misfit} at {place}"));
        }
        if !["payload", "serverSnapshot", "data", "result"].contains(&child.as_str()) {
            spoil::<T>(whole, &place);
        }
    }
}

fn hold_against_serde<T: FromJson + DeserializeOwned + Serialize>(sample: &impl Serialize) {
    let value = serde_json::to_value(sample).unwrap();
    assert!(from_json::<T>(&value.to_string()).is_some(), "a sample is read");
    agree::<T>(&value, "the sample");
    spoil::<T>(&value, "");
}

fn pending() -> OutboxCommand {
    let mut command = chained(1, &["a", "b"], Some(Expected::Version(version(4)))).command;
    command.payload = json!({ "name": "Grüße" }).into();
    command.seq = seq(17);
    command
}

fn parked() -> OutboxCommand {
    let mut command = pending();
    command.status = Status::Conflict;
    command.expected = Some(Expected::After(id(2)));
    command.depends_on = vec![id(2), id(3)];
    command.next_attempt_at = Some(at(60));
    let field = FieldError { pointer: "/a".into(), code: "negative".into(), message: "is negative".into() };
    let problem =
        Problem::new(ProblemCode::RuleViolated, 422, "No").with_detail("why").with_errors(vec![field]);
    command.last_error = Some(failure("rule-violated"));
    command.last_error.as_mut().unwrap().problem = Some(problem);
    let mut conflict = conflict("a");
    conflict.server_snapshot = Some(json!({ "name": "theirs" }));
    command.conflict = Some(conflict);
    command
}

#[test]
fn commands_are_read_as_serde_reads_them() {
    hold_against_serde::<OutboxCommand>(&pending());
    hold_against_serde::<OutboxCommand>(&parked());
    hold_against_serde::<OutboxEntry>(&OutboxEntry { command: pending(), held_by: Some(id(9)) });
}

#[test]
fn journal_entries_are_read_as_serde_reads_them() {
    let key = thing("a");
    let versions = vec![RecordVersion { kind: key.kind, id: key.id, version: version(5) }];
    let applied = Applied { versions, change_seq: ChangeSeq::new(88).unwrap(), replayed: true, attempts: 2 };
    hold_against_serde::<JournalEntry>(&JournalEntry::applied(pending(), applied, at(20)));
    hold_against_serde::<JournalEntry>(&JournalEntry::discarded(parked(), at(30)));
}

#[test]
fn what_the_server_answers_is_read_as_serde_reads_it() {
    for golden in [
        include_str!("../../offline-protocol/golden/outcomes.json"),
        include_str!("../../offline-protocol/golden/outcomes-replayed.json"),
    ] {
        hold_against_serde::<Outcomes>(&serde_json::from_str::<Value>(golden).unwrap());
    }
    let hello = include_str!("../../offline-protocol/golden/hello.json");
    hold_against_serde::<Terms>(&serde_json::from_str::<Value>(hello).unwrap());
}

#[test]
fn what_the_page_and_other_tabs_say_is_read_as_serde_reads_it() {
    let request = EnqueueRequest {
        command_type: "THING_UPDATE_V1".into(),
        payload: json!({ "a": 1 }).into(),
        expected: Some(Expected::Version(version(3))),
        depends_on: vec![id(4)],
        durability: Durability::Relaxed,
        client_trace_id: Some(TraceId::new("trace").unwrap()),
    };
    hold_against_serde::<EnqueueRequest>(&request);
    let status = SyncStatus {
        phase: Phase::Waiting,
        paused_by: Some(PauseReason::Login),
        counts: Counts { pending: 1, in_flight: 2, failed: 3, conflict: 4 },
        progress: Some(Progress { settled: 1, total: 2 }),
        next_attempt_at: Some(at(1)),
        last_synced_at: None,
        leader: true,
    };
    hold_against_serde::<SyncStatus>(&status);
    hold_against_serde::<Connectivity>(&Connectivity {
        verdict: NetworkVerdict::CaptivePortal,
        since: at(1),
    });
    let snapshot = RecordSnapshot {
        id: thing("a").id,
        version: version(2),
        data: json!({ "name": "a" }),
        updated_at: at(3),
        updated_by: UserId::new("ben").unwrap(),
    };
    hold_against_serde::<RecordSnapshot>(&snapshot);
}

#[test]
fn every_name_of_a_choice_is_read() {
    fn each<T: Copy + Serialize>(all: &[T], whole: impl Fn(T) -> (Value, Value)) {
        for one in all {
            let (read, written) = whole(*one);
            assert_eq!(read, written);
        }
    }
    use {NetworkVerdict as V, PauseReason as R, Phase as P, Status as S};
    fn same<T: FromJson + Serialize + Debug>(value: &T) -> (Value, Value) {
        let written = serde_json::to_value(value).unwrap();
        let read: T = from_json(&written.to_string()).unwrap();
        (serde_json::to_value(read).unwrap(), written)
    }
    each(&[V::Unknown, V::Online, V::Offline, V::CaptivePortal, V::ServerUnavailable], |verdict| {
        same(&Connectivity { verdict, since: at(0) })
    });
    each(&[S::Pending, S::InFlight, S::Succeeded, S::Failed, S::Conflict], |status| {
        same(&OutboxCommand { status, ..pending() })
    });
    let status = |phase, paused_by| SyncStatus {
        phase,
        paused_by,
        counts: Counts::default(),
        progress: None,
        next_attempt_at: None,
        last_synced_at: None,
        leader: false,
    };
    each(&[P::Starting, P::Idle, P::Syncing, P::Waiting, P::Paused], |phase| same(&status(phase, None)));
    each(&[R::Login, R::Incompatible, R::Storage], |reason| same(&status(P::Paused, Some(reason))));
}

#[test]
fn content_of_the_application_comes_back_exactly() {
    let mut command = command(1).command;
    command.payload = nasty_payload().into();
    let text = serde_json::to_string(&command).unwrap();
    assert!(from_json::<OutboxCommand>(&text).unwrap() == command);
}

#[test]
fn text_that_is_no_object_is_none() {
    for text in ["", "{", "nonsense", "[]", "5", "null"] {
        assert!(from_json::<OutboxCommand>(text).is_none(), "{text:?} was read");
    }
}
