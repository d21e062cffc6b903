//! The registry refuses programs that contradict themselves and commands that are not in order; `execute` keeps the rules of versions.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use offline_domain::{
    Access, CommandError, CommandHandler, ConflictPolicy, Context, Effect, Execution, MAX_PAYLOAD_DEPTH,
    Prepared, Record, Records, Registry, RegistryError, Rejection, Touch, Write, execute,
};
use offline_protocol::{
    CommandId, ConflictReason, FieldError, ProblemCode, RecordId, RecordKey, RecordKind, Timestamp, UserId,
    Version, WorkspaceId,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    note: RecordId,
    #[serde(default)]
    lines: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    amount_minor: i64,
}

#[test]
fn no_command_makes_a_record_that_no_path_can_name() {
    fn prepared<const ACCESS: u8>(id: &str) -> Result<Prepared, CommandError> {
        let registry = Registry::new().with(Handler::<1, ACCESS>).unwrap();
        registry.prepare(&"NOTE_PUT_V2".parse().unwrap(), &json!({ "note": id }))
    }
    for id in [".", ".."] {
        for refused in [prepared::<0>(id), prepared::<2>(id)] {
            let Err(CommandError::InvalidPayload { errors, .. }) = refused else { panic!("{id} was made") };
            assert_eq!((errors[0].pointer.as_str(), errors[0].code.as_str()), ("/note", "no-path"));
        }
        // One that is there since before the rule can be changed and read.
        assert!(prepared::<1>(id).is_ok() && prepared::<3>(id).is_ok() && prepared::<4>(id).is_ok());
    }
    assert!(prepared::<0>("...").is_ok() && prepared::<0>(".a").is_ok());
}

/// A handler whose policy and access are what the test says.
struct Handler<const POLICY: u8, const ACCESS: u8>;

const POLICIES: [ConflictPolicy; 5] = [
    ConflictPolicy::CreateOnly,
    ConflictPolicy::Guarded,
    ConflictPolicy::CheckedWhenGiven,
    ConflictPolicy::Commutes,
    ConflictPolicy::LastWriteWins,
];
const ACCESSES: [Access; 6] =
    [Access::Create, Access::Update, Access::Upsert, Access::Read, Access::Require, Access::Advance];

impl<const POLICY: u8, const ACCESS: u8> CommandHandler for Handler<POLICY, ACCESS> {
    type Payload = Payload;
    const TYPE: &'static str = "NOTE_PUT_V2";
    const POLICY: ConflictPolicy = POLICIES[POLICY as usize];

    fn check(&self, payload: &Payload) -> Vec<FieldError> {
        let negative = |(index, line): (usize, &Line)| {
            (line.amount_minor < 0).then(|| FieldError {
                pointer: format!("/lines/{index}/amountMinor"),
                code: "negative".into(),
                message: "must not be negative".into(),
            })
        };
        payload.lines.iter().enumerate().filter_map(negative).collect()
    }

    fn touches(&self, payload: &Payload) -> Vec<Touch> {
        vec![Touch { key: key(payload.note.as_str()), access: ACCESSES[ACCESS as usize] }]
    }

    fn handle(&self, context: &Context, _: &Records, payload: Payload) -> Result<Effect, Rejection> {
        match payload.note.as_str() {
            "refused" => Err(Rejection::new("No")),
            "stray" => Ok(Effect::write(key("another"), json!({}))),
            "twice" => {
                let write = || Write { key: key("twice"), data: None };
                Ok(Effect { writes: vec![write(), write()], result: Value::Null })
            }
            _ => Ok(Effect::write(key(payload.note.as_str()), json!({ "by": context.user_id }))),
        }
    }
}

fn key(id: &str) -> RecordKey {
    RecordKey::new(RecordKind::new("note").unwrap(), RecordId::new(id).unwrap())
}

fn prepare(registry: &Registry, note: &str) -> Prepared {
    registry.prepare_named("NOTE_PUT_V2", &json!({ "note": note })).unwrap().1
}

fn context() -> Context {
    Context {
        workspace_id: WorkspaceId::new("acme").unwrap(),
        user_id: UserId::new("ana").unwrap(),
        command_id: CommandId::new("01930000-0000-7000-8000-000000000001").unwrap(),
        created_at: Timestamp::EPOCH,
    }
}

/// A workspace whose note `n` has this state: absent, live or deleted, at version 3.
fn records(state: Option<bool>) -> Records {
    let record = |live: bool| Record {
        version: Version::new(3).unwrap(),
        data: live.then(|| json!({})),
        updated_by: UserId::new("ben").unwrap(),
        updated_at: Timestamp::EPOCH,
    };
    state.map(|live| (key("n"), record(live))).into_iter().collect()
}

fn outcome<const POLICY: u8, const ACCESS: u8>(state: Option<bool>, expected: Option<u64>) -> &'static str {
    let registry = Registry::new().with(Handler::<POLICY, ACCESS>).unwrap();
    let expected = expected.map(|version| Version::new(version).unwrap());
    match execute(&prepare(&registry, "n"), &context(), &records(state), expected) {
        Execution::Applied(_) => "applied",
        Execution::Conflict { reason: ConflictReason::VersionConflict, .. } => "version-conflict",
        Execution::Conflict { reason: ConflictReason::AlreadyExists, .. } => "already-exists",
        Execution::Conflict { reason: ConflictReason::Deleted, .. } => "deleted",
        Execution::Rejected(problem) => problem.code.as_str(),
    }
}

#[test]
fn the_rules_of_existence_and_versions() {
    const ABSENT: Option<bool> = None;
    const LIVE: Option<bool> = Some(true);
    const DELETED: Option<bool> = Some(false);
    // Creation.
    assert_eq!(outcome::<0, 0>(ABSENT, None), "applied");
    assert_eq!(outcome::<0, 0>(LIVE, None), "already-exists");
    assert_eq!(outcome::<0, 0>(DELETED, None), "already-exists");
    assert_eq!(outcome::<0, 0>(LIVE, Some(3)), "already-exists");
    assert_eq!(outcome::<0, 0>(ABSENT, Some(0)), "applied");
    assert_eq!(outcome::<0, 0>(ABSENT, Some(7)), "version-conflict");
    // A guarded update.
    assert_eq!(outcome::<1, 1>(LIVE, Some(3)), "applied");
    assert_eq!(outcome::<1, 1>(LIVE, Some(2)), "version-conflict");
    assert_eq!(outcome::<1, 1>(LIVE, None), "version-required");
    assert_eq!(outcome::<1, 1>(DELETED, Some(3)), "deleted");
    assert_eq!(outcome::<1, 1>(ABSENT, Some(0)), "record-not-found");
    // Checked when given.
    assert_eq!(outcome::<2, 1>(LIVE, None), "applied");
    assert_eq!(outcome::<2, 1>(LIVE, Some(3)), "applied");
    assert_eq!(outcome::<2, 1>(LIVE, Some(4)), "version-conflict");
    // Never checked.
    assert_eq!(outcome::<3, 1>(LIVE, Some(4)), "applied");
    assert_eq!(outcome::<4, 1>(LIVE, Some(4)), "applied");
    assert_eq!(outcome::<3, 1>(DELETED, None), "deleted");
    // Made or changed.
    for state in [ABSENT, LIVE, DELETED] {
        assert_eq!(outcome::<3, 2>(state, None), "applied");
    }
    // Moved on.
    assert_eq!(outcome::<3, 5>(LIVE, None), "applied");
    assert_eq!(outcome::<3, 5>(ABSENT, None), "record-not-found");
    assert_eq!(outcome::<3, 5>(DELETED, None), "deleted");
    // A record that is only read or referred to cannot be written.
    assert_eq!(outcome::<3, 3>(LIVE, None), "internal");
    assert_eq!(outcome::<3, 4>(LIVE, None), "internal");
    // One that is referred to must be there.
    for state in [ABSENT, DELETED] {
        assert_eq!(outcome::<3, 3>(state, None), "internal");
        assert_eq!(outcome::<3, 4>(state, None), "record-not-found");
    }
}

#[test]
fn what_is_missing_is_named_by_its_kind_alone() {
    let registry = Registry::new().with(Handler::<3, 4>).unwrap();
    let Execution::Rejected(problem) = execute(&prepare(&registry, "n"), &context(), &Records::new(), None)
    else {
        panic!("a missing record was found")
    };
    assert_eq!((problem.status, problem.detail.as_deref()), (404, Some("note")));
}

#[test]
fn what_is_only_read_or_moved_on_forms_no_lane() {
    fn lanes<const ACCESS: u8>() -> Vec<RecordKey> {
        prepare(&Registry::new().with(Handler::<3, ACCESS>).unwrap(), "n").keys()
    }
    let own = vec![key("n")];
    assert_eq!((lanes::<0>(), lanes::<1>(), lanes::<2>()), (own.clone(), own.clone(), own));
    assert_eq!((lanes::<3>(), lanes::<4>(), lanes::<5>()), (Vec::new(), Vec::new(), Vec::new()));
}

#[test]
fn a_handler_that_writes_what_it_does_not_touch_takes_no_effect() {
    let registry = Registry::new().with(Handler::<3, 2>).unwrap();
    for (note, code) in [
        ("stray", ProblemCode::Internal),
        ("twice", ProblemCode::Internal),
        ("refused", ProblemCode::RuleViolated),
    ] {
        let Execution::Rejected(problem) =
            execute(&prepare(&registry, note), &context(), &Records::new(), None)
        else {
            panic!("{note} was not rejected")
        };
        assert_eq!(problem.code, code, "{note}");
    }
}

/// Turns the payload of version 1, `{"id"}`, into that of version 2.
fn upcast(mut payload: Value) -> Result<Value, Vec<FieldError>> {
    let refused =
        || vec![FieldError { pointer: "/id".into(), code: "required".into(), message: "is missing".into() }];
    let object = payload.as_object_mut().ok_or_else(refused)?;
    let id = object.remove("id").ok_or_else(refused)?;
    Ok(json!({ "note": id }))
}

#[test]
fn an_old_version_stays_accepted_by_its_upcaster() {
    let registry = Registry::new()
        .with(Handler::<3, 2>)
        .unwrap()
        .with_upcaster("NOTE_PUT_V1", "NOTE_PUT_V2", upcast)
        .unwrap();
    let accepted: Vec<_> = registry.accepted().iter().map(ToString::to_string).collect();
    assert_eq!(accepted, ["NOTE_PUT_V1", "NOTE_PUT_V2"]);
    assert_eq!(registry.types().len(), 1);
    let (command_type, prepared) = registry.prepare_named("NOTE_PUT_V1", &json!({ "id": "n" })).unwrap();
    assert_eq!((command_type.version(), prepared.keys()), (1, vec![key("n")]));
    let refused = registry.prepare_named("NOTE_PUT_V1", &json!({})).unwrap_err().into_problem();
    assert_eq!((refused.code, refused.errors[0].pointer.as_str()), (ProblemCode::InvalidPayload, "/id"));
}

struct Misnamed;

impl CommandHandler for Misnamed {
    type Payload = Payload;
    const TYPE: &'static str = "NOTE_PUT";
    const POLICY: ConflictPolicy = ConflictPolicy::Commutes;
    fn touches(&self, _: &Payload) -> Vec<Touch> {
        Vec::new()
    }
    fn handle(&self, _: &Context, _: &Records, _: Payload) -> Result<Effect, Rejection> {
        Ok(Effect::default())
    }
}

#[test]
fn a_program_that_contradicts_itself_does_not_start() {
    assert!(matches!(
        Registry::new().with(Misnamed),
        Err(RegistryError::InvalidType { name: "NOTE_PUT", .. })
    ));
    let one = || Registry::new().with(Handler::<3, 2>).unwrap();
    assert!(matches!(one().with(Handler::<0, 0>), Err(RegistryError::Duplicate(_))));
    for (from, to) in [
        ("NOTE_PUT_V2", "NOTE_PUT_V2"),
        ("NOTE_PUT_V3", "NOTE_PUT_V2"),
        ("NOTE_PUT_V1", "NOTE_PUT_V9"),
        ("OTHER_PUT_V1", "NOTE_PUT_V2"),
        ("note_put_v1", "NOTE_PUT_V2"),
    ] {
        assert!(one().with_upcaster(from, to, upcast).is_err(), "{from} -> {to}");
    }
    let twice = one().with_upcaster("NOTE_PUT_V1", "NOTE_PUT_V2", upcast).unwrap();
    assert!(matches!(
        twice.with_upcaster("NOTE_PUT_V1", "NOTE_PUT_V2", upcast),
        Err(RegistryError::Duplicate(_))
    ));
}

#[test]
fn a_command_that_is_not_in_order_is_refused_with_a_stable_code() {
    let registry = Registry::new().with(Handler::<3, 2>).unwrap();
    let refuse = |name: &str, payload: Value| registry.prepare_named(name, &payload).unwrap_err();
    assert!(matches!(refuse("NOTE_PUT", json!({})), CommandError::InvalidType(_)));
    assert!(matches!(refuse("NOTE_PUT_V3", json!({})), CommandError::UnknownType(_)));
    for (payload, pointer, code) in [
        (json!(null), "", "object-required"),
        (json!([]), "", "object-required"),
        (json!("secret"), "", "object-required"),
        (json!({}), "", "required"),
        (json!({ "note": 5 }), "/note", "invalid-type"),
        (json!({ "note": "a secret/name" }), "/note", "invalid"),
        (json!({ "note": "n", "lines": {} }), "/lines", "invalid-type"),
        (
            json!({ "note": "n", "lines": [{ "amountMinor": 1 }, { "amountMinor": 1.5 }] }),
            "/lines/1/amountMinor",
            "invalid-type",
        ),
        (
            json!({ "note": "n", "lines": [{ "amountMinor": "secret, expected secret" }] }),
            "/lines/0/amountMinor",
            "invalid-type",
        ),
        (json!({ "note": "n", "lines": [{}] }), "/lines/0", "required"),
        (json!({ "note": "n", "lines": [{ "amountMinor": -1 }] }), "/lines/0/amountMinor", "negative"),
    ] {
        let error = refuse("NOTE_PUT_V2", payload.clone());
        assert_eq!(error.code(), ProblemCode::InvalidPayload);
        let said = error.to_string();
        let problem = error.into_problem();
        assert_eq!(
            (problem.errors[0].pointer.as_str(), problem.errors[0].code.as_str()),
            (pointer, code),
            "{payload}"
        );
        let written = serde_json::to_string(&problem).unwrap() + &said;
        assert!(!written.contains("secret"), "repeats the value: {written}");
    }
    let deep = (0..MAX_PAYLOAD_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    let error = refuse("NOTE_PUT_V2", json!({ "note": "n", "lines": deep })).into_problem();
    assert_eq!(error.errors[0].code, "too-deep");
    let unknown = refuse("NOTE_PUT_V2", json!({ "note": "n", "total": 1 })).into_problem();
    assert_eq!(unknown.errors[0].code, "unknown-field");
}

#[test]
fn debug_shows_no_content() {
    let shown = format!(
        "{:?} {:?}",
        records(Some(true)),
        prepare(&Registry::new().with(Handler::<3, 2>).unwrap(), "n")
    );
    assert!(!shown.contains("ben") && shown.contains("version 3"), "{shown}");
}

proptest! {
    #[test]
    fn no_payload_brings_the_registry_down(text in "[\\[\\]{}:,\"a-z0-9eE.tn~/ -]{0,60}", name in ".{0,20}") {
        let registry = Registry::new().with(Handler::<3, 2>).unwrap();
        let payload: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let _ = registry.prepare_named("NOTE_PUT_V2", &payload);
        prop_assert!(registry.prepare_named(&name, &payload).is_err());
    }
}
