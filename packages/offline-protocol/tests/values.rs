//! Values survive the wire, and nonsense is refused, whatever it is.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use offline_protocol::{
    Command, CommandBatch, CommandId, CommandType, DeviceId, Expected, Fingerprint, IdempotencyKey, Outcome,
    Outcomes, RecordId, RecordKind, Seq, Timestamp, TraceId, UserId, Version, WorkspaceId,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((prop_oneof![any::<String>(), "[!-~]{0,4}"], inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn id() -> impl Strategy<Value = CommandId> {
    any::<u128>().prop_map(|bits| CommandId::from_uuid(uuid::Uuid::from_u128(bits)))
}

fn expected() -> impl Strategy<Value = Option<Expected>> {
    prop::option::of(prop_oneof![
        (0..=9_007_199_254_740_991_u64).prop_map(|version| Expected::Version(Version::new(version).unwrap())),
        id().prop_map(Expected::After),
    ])
}

fn command() -> impl Strategy<Value = Command> {
    let ids = (id(), "[a-z0-9][a-z0-9_-]{0,63}", "[!-~]{1,64}", 1..=9_007_199_254_740_991_u64);
    let content = ("[A-Z][A-Z0-9]{0,9}(_[A-Z0-9]{1,9}){0,3}_V[1-9][0-9]{0,3}", json_value());
    let rest = ("[!-~]{1,128}", 0..=253_402_300_799_999_i64, "[!-~]{1,128}", expected());
    (ids, content, rest, prop::collection::vec(id(), 0..4)).prop_map(
        |(
            (command_id, workspace, device, seq),
            (name, payload),
            (key, created, trace, expected),
            depends_on,
        )| Command {
            command_id,
            workspace_id: WorkspaceId::new(workspace).unwrap(),
            device_id: DeviceId::new(device).unwrap(),
            seq: Seq::new(seq).unwrap(),
            command_type: CommandType::new(name).unwrap(),
            payload,
            idempotency_key: IdempotencyKey::new(key).unwrap(),
            created_at: Timestamp::from_millis(created),
            client_trace_id: TraceId::new(trace).unwrap(),
            expected,
            depends_on,
        },
    )
}

/// The same JSON with the keys of its objects added in the opposite order.
fn turned(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(turned).collect(),
        Value::Object(object) => {
            let turned: Map<_, _> =
                object.iter().rev().map(|(key, value)| (key.clone(), turned(value))).collect();
            Value::Object(turned)
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn a_batch_survives_the_wire(commands in prop::collection::vec(command(), 0..4)) {
        let batch = CommandBatch { commands };
        let text = serde_json::to_string(&batch).unwrap();
        let read: CommandBatch = serde_json::from_str(&text).unwrap();
        // Text, not values: a payload's float may lose its last bit in serde_json's default reading.
        prop_assert_eq!(serde_json::from_str::<CommandBatch>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
    }

    #[test]
    fn any_payload_has_a_fingerprint_that_does_not_depend_on_the_order_of_keys(payload in json_value(), expected in expected()) {
        let command_type = CommandType::new("NOTE_PUT_V1").unwrap();
        let of = |payload: &Value| Fingerprint::of(&command_type, payload, expected.as_ref());
        prop_assert_eq!(of(&payload), of(&turned(&payload)));
    }

    #[test]
    fn every_fingerprint_is_over_the_canonical_form(payload in json_value(), expected in expected()) {
        let command_type = CommandType::new("NOTE_PUT_V1").unwrap();
        let content = json!({ "type": command_type, "payload": payload, "expected": expected });
        let canonical = serde_json_canonicalizer::to_vec(&content).unwrap();
        let digest: [u8; 32] = Sha256::digest(&canonical).into();
        prop_assert_eq!(Fingerprint::of(&command_type, &payload, expected.as_ref()).0, digest);
    }

    #[test]
    fn what_a_text_type_accepts_it_writes_unchanged(text in any::<String>()) {
        let written = |json: Result<Value, serde_json::Error>| json.unwrap();
        if let Ok(value) = WorkspaceId::new(&text) { prop_assert_eq!(written(serde_json::to_value(value)), text.clone()); }
        if let Ok(value) = UserId::new(&text) { prop_assert_eq!(written(serde_json::to_value(value)), text.clone()); }
        if let Ok(value) = RecordId::new(&text) { prop_assert_eq!(written(serde_json::to_value(value)), text.clone()); }
        if let Ok(value) = CommandType::new(&text) { prop_assert_eq!(written(serde_json::to_value(value)), text); }
    }

    #[test]
    fn nonsense_is_refused_without_a_panic(value in json_value()) {
        let _ = serde_json::from_value::<Command>(value.clone());
        let _ = serde_json::from_value::<Outcome>(value.clone());
        let _ = serde_json::from_value::<Outcomes>(value.clone());
        let _ = serde_json::from_value::<Expected>(value.clone());
        prop_assert!(serde_json::from_value::<Command>(value).is_err());
    }
}

#[test]
fn lengths_and_alphabets_are_checked() {
    let long = |length: usize| "a".repeat(length);
    assert!(WorkspaceId::new(long(64)).is_ok() && WorkspaceId::new(long(65)).is_err());
    assert!(UserId::new(long(128)).is_ok() && UserId::new(long(129)).is_err());
    assert!(DeviceId::new(long(64)).is_ok() && DeviceId::new(long(65)).is_err());
    assert!(IdempotencyKey::new(long(128)).is_ok() && IdempotencyKey::new(long(129)).is_err());
    assert!(RecordId::new(long(128)).is_ok() && RecordId::new(long(129)).is_err());
    for text in
        ["", "Acme", "acme corp", "acme/globex", "../acme", "-acme", "_acme", "acmé", "acme\0", "acme\n"]
    {
        assert!(WorkspaceId::new(text).is_err() && RecordKind::new(text).is_err(), "{text:?}");
    }
    for text in ["", "a b", "a/b", "a?b", "a#b", "ä", "a\t", "\u{7f}"] {
        assert!(RecordId::new(text).is_err(), "{text:?}");
    }
    for text in ["", " ", "a b", "ä", "a\n", "\u{7f}"] {
        assert!(IdempotencyKey::new(text).is_err() && UserId::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn numbers_are_those_that_javascript_holds_exactly() {
    let max = 9_007_199_254_740_991_u64;
    assert!(
        Seq::new(0).is_err() && Seq::new(1).is_ok() && Seq::new(max).is_ok() && Seq::new(max + 1).is_err()
    );
    assert!(Version::new(0).is_ok() && Version::new(max + 1).is_err());
    for nonsense in [json!(-1), json!(1.5), json!("1"), json!(null), json!(max + 1), json!(1e300)] {
        assert!(serde_json::from_value::<Version>(nonsense.clone()).is_err(), "{nonsense}");
    }
    assert_eq!(Version::new(max).unwrap().next().get(), max);
}

#[test]
fn a_command_id_is_a_hyphenated_uuid() {
    let good = "01930000-0000-7000-8000-0000000000aF";
    assert_eq!(CommandId::new(good).unwrap().to_string(), good.to_lowercase());
    for text in [
        "",
        "0193000000007000800000000000aaaa",
        "{01930000-0000-7000-8000-0000000000af}",
        "urn:uuid:01930000-0000-7000-8000-0000000000af",
        "01930000-0000-7000-8000-0000000000ag",
        "01930000-0000-7000-8000-0000000000af ",
    ] {
        assert!(CommandId::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn debug_shows_ids_and_no_content() {
    let text = include_str!("../golden/command-batch.json");
    let batch: CommandBatch = serde_json::from_str(text).unwrap();
    let shown = format!("{batch:?}");
    assert!(shown.contains("01930000-0000-7000-8000-000000000001") && !shown.contains("Basel"));
    let outcomes: Outcomes = serde_json::from_str(include_str!("../golden/outcomes.json")).unwrap();
    assert!(!format!("{outcomes:?}").contains("Basel"));
}
