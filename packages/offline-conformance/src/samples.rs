//! Commands to test stores with.

use offline_core::{Applied, Chain, Change, Failure, NewCommand, OutboxCommand, Status};
use offline_protocol::{
    ChangeSeq, CommandId, CommandType, Conflict, ConflictReason, DeviceId, Expected, IdempotencyKey,
    RecordId, RecordKey, RecordKind, RecordVersion, Seq, Timestamp, TraceId, UserId, Version, WorkspaceId,
};
use serde_json::{Value, json};
use uuid::Uuid;

const MADE: &str = "BUG: a sample is a valid value";

/// The command id number `number`.
pub fn id(number: u64) -> CommandId {
    CommandId::from_uuid(Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0000 | u128::from(number)))
}

/// The record `thing/{name}`.
pub fn thing(name: &str) -> RecordKey {
    RecordKey::new(RecordKind::new("thing").expect(MADE), RecordId::new(name).expect(MADE))
}

/// A version.
pub fn version(number: u64) -> Version {
    Version::new(number).expect(MADE)
}

/// A place in the outbox.
pub fn seq(number: u64) -> Seq {
    Seq::new(number).expect(MADE)
}

/// `seconds` after the moment at which samples were made.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_123 + seconds * 1000)
}

/// The idempotency key of that name.
pub fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::new(name).expect(MADE)
}

/// The command number `number`: PENDING, touching a record of its own, `expected` as given.
pub fn command(number: u64) -> NewCommand {
    NewCommand {
        command: OutboxCommand {
            command_id: id(number),
            workspace_id: WorkspaceId::new("acme").expect(MADE),
            user_id: UserId::new("ana").expect(MADE),
            device_id: DeviceId::new("device-1").expect(MADE),
            seq: Seq::FIRST,
            command_type: CommandType::new("THING_UPDATE_V1").expect(MADE),
            payload: json!({ "number": number }).into(),
            touches: vec![thing(&format!("own-{number}"))],
            expected: None,
            depends_on: Vec::new(),
            status: Status::Pending,
            attempts: 0,
            next_attempt_at: None,
            idempotency_key: key(&format!("key-{number}")),
            created_at: at(0),
            client_trace_id: TraceId::new(format!("trace-{number}")).expect(MADE),
            last_error: None,
            conflict: None,
        },
        chain: Chain::AsGiven,
    }
}

/// The commands of these numbers.
pub fn commands(numbers: impl IntoIterator<Item = u64>) -> Vec<NewCommand> {
    numbers.into_iter().map(command).collect()
}

/// The command number `number` on these records, chained after its author's own.
pub fn chained(number: u64, things: &[&str], expected: Option<Expected>) -> NewCommand {
    let mut new = command(number);
    new.command.touches = things.iter().map(|name| thing(name)).collect();
    new.command.expected = expected;
    new.chain = Chain::AfterOwn;
    new
}

/// A payload of everything that JSON may hold and a careless store may spoil.
pub fn nasty_payload() -> Value {
    let mut nested = json!("bottom");
    for level in 0..60 {
        nested = if level % 2 == 0 { json!([nested]) } else { json!({ "in": nested }) };
    }
    json!({
        "": "an empty name",
        "text": "Grüße, 日本語, עברית, 🧾👩‍👩‍👧, e\u{301}, \u{202e}right to left",
        "control": "\u{0}\u{1}\u{8}\t\n\r\u{1b}\u{7f}\u{85}\u{2028}\u{2029}\u{feff}\u{fffd}\u{ffff}",
        "quotes": "' \" ` \\ / -- ; %s {} $1 ?1 \u{0}'); DROP TABLE outbox; --",
        "name\u{0}\"'": true,
        "integers": [0, -1, 9_007_199_254_740_991_u64, 9_007_199_254_740_992_u64, 9_007_199_254_740_993_u64, u64::MAX, i64::MIN],
        "floats": [0.1, -0.0, 0.1 + 0.2, 1e-7, 5e-324, 1.797_693_134_862_315_7e308, 123_456_789.123_456_79, 2.225_073_858_507_201e-308, 31.245_270_191_439_438, 121.487_919_511_619_45, 1.000_000_000_000_000_2],
        "nothing": [null, {}, [], "", false],
        "order": { "z": 1, "a": 2, "10": 3, "9": 4 },
        "nested": nested,
        "long": "ä\u{0}1".repeat(50_000),
    })
}

/// Why a sample failed.
pub fn failure(code: &str) -> Failure {
    Failure { code: code.into(), title: format!("It was {code} \u{0} é"), problem: None, at: at(7) }
}

/// A conflict on the record `thing/{name}`.
pub fn conflict(name: &str) -> Box<Conflict> {
    let key = thing(name);
    Box::new(Conflict {
        reason: ConflictReason::VersionConflict,
        kind: key.kind,
        id: key.id,
        expected_version: Some(version(3)),
        server_version: version(5),
        server_snapshot: Some(nasty_payload()),
        changed_by: UserId::new("ben").expect(MADE),
        changed_at: at(-5),
        replayed: false,
    })
}

/// The server applied it, and gave these records these versions.
pub fn applied(versions: &[(&str, u64)]) -> Change {
    let given = |(name, number): &(&str, u64)| {
        let key = thing(name);
        RecordVersion { kind: key.kind, id: key.id, version: version(*number) }
    };
    Change::Applied(Applied {
        versions: versions.iter().map(given).collect(),
        change_seq: ChangeSeq::new(40).expect(MADE),
        replayed: false,
        attempts: 1,
    })
}

/// The server refused it.
pub fn failed() -> Change {
    Change::Failed { error: failure("rule-violated"), attempts: 1 }
}

/// The server found another version of `thing/{name}`.
pub fn conflicted(name: &str) -> Change {
    Change::Conflict { error: failure("version-conflict"), conflict: conflict(name), attempts: 1 }
}

/// Sent once without an answer, to be sent again at once.
pub fn requeued() -> Change {
    Change::Requeue { attempts: 1, next_attempt_at: None, error: None }
}
