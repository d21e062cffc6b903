//! One item of a batch, read by itself: what is wrong with it is said with a pointer, and the other items are not concerned.

use offline_protocol::{
    Command, CommandId, CommandType, DeviceId, Expected, FieldError, IdempotencyKey,
    MAX_INHERITED_DEPENDS_ON, Problem, ProblemCode, Seq, Timestamp, TraceId, ValueError, Version,
    WorkspaceId,
};
use serde_json::{Map, Value};

use crate::json::StrictField;

/// Why an item is not a command.
#[derive(Debug)]
pub(crate) struct InvalidItem {
    /// Its id, when that much could be read.
    pub(crate) command_id: Option<CommandId>,
    /// What is wrong.
    pub(crate) problem: Problem,
}

const FIELDS: [&str; 11] = [
    "commandId",
    "workspaceId",
    "deviceId",
    "seq",
    "type",
    "payload",
    "idempotencyKey",
    "createdAt",
    "clientTraceId",
    "expected",
    "dependsOn",
];

/// A command as almost all are. Has the fields of [`Command`].
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Plain {
    command_id: CommandId,
    workspace_id: WorkspaceId,
    device_id: DeviceId,
    seq: Seq,
    #[serde(rename = "type")]
    command_type: CommandType,
    payload: StrictField,
    idempotency_key: IdempotencyKey,
    created_at: Timestamp,
    client_trace_id: TraceId,
    expected: Option<Expected>,
    #[serde(default)]
    depends_on: Vec<CommandId>,
}

/// Reads a command in one go, in half of the time of [`read_command`], which has to say what is wrong with one for which this has no answer.
pub(crate) fn read_plain(text: &str) -> Option<Command> {
    let plain: Plain = serde_json::from_str(text).ok()?;
    let id = plain.command_id;
    let circular = plain.expected == Some(Expected::After(id)) || plain.depends_on.contains(&id);
    if circular || plain.depends_on.len() > MAX_INHERITED_DEPENDS_ON {
        return None;
    }
    Some(Command {
        command_id: id,
        workspace_id: plain.workspace_id,
        device_id: plain.device_id,
        seq: plain.seq,
        command_type: plain.command_type,
        payload: plain.payload.0,
        idempotency_key: plain.idempotency_key,
        created_at: plain.created_at,
        client_trace_id: plain.client_trace_id,
        expected: plain.expected,
        depends_on: plain.depends_on,
    })
}

/// Reads a command; names every field that is at fault, by a pointer into the item, and never repeats a value.
pub(crate) fn read_command(item: Value) -> Result<Command, Box<InvalidItem>> {
    let Value::Object(fields) = item else {
        let error = FieldError {
            pointer: String::new(),
            code: "object-required".into(),
            message: "must be a JSON object".into(),
        };
        return Err(Box::new(InvalidItem { command_id: None, problem: problem(vec![error]) }));
    };
    let mut reader = Reader { fields, errors: Vec::new() };
    let unknown = reader.fields.keys().any(|field| !FIELDS.contains(&field.as_str()));
    if unknown {
        reader.fail("", "unknown-field", "has a field that is not part of a command");
    }
    let command_id = reader.text("commandId", str::parse::<CommandId>);
    let workspace_id = reader.text("workspaceId", str::parse::<WorkspaceId>);
    let device_id = reader.text("deviceId", str::parse::<DeviceId>);
    let seq = reader.seq();
    let command_type = reader.text("type", str::parse::<CommandType>);
    let payload = reader.take("payload");
    let idempotency_key = reader.text("idempotencyKey", str::parse::<IdempotencyKey>);
    let created_at = reader.text("createdAt", Timestamp::parse);
    let client_trace_id = reader.text("clientTraceId", str::parse::<TraceId>);
    let expected = reader.expected();
    let depends_on = reader.depends_on();
    if let Some(id) = command_id {
        if expected == Some(Expected::After(id)) {
            reader.fail("/expected/after", "circular", "must not be the command itself");
        }
        if depends_on.contains(&id) {
            reader.fail("/dependsOn", "circular", "must not hold the command itself");
        }
    }
    let errors = reader.errors;
    let command = || {
        Some(Command {
            command_id: command_id?,
            workspace_id: workspace_id?,
            device_id: device_id?,
            seq: seq?,
            command_type: command_type?,
            payload: payload?,
            idempotency_key: idempotency_key?,
            created_at: created_at?,
            client_trace_id: client_trace_id?,
            expected,
            depends_on,
        })
    };
    match command() {
        Some(command) if errors.is_empty() => Ok(command),
        _ => Err(Box::new(InvalidItem { command_id, problem: problem(errors) })),
    }
}

/// The item's id, read from text that may be wrong in every other respect.
pub(crate) fn peek_id(text: &str) -> Option<CommandId> {
    #[derive(serde::Deserialize)]
    struct Peek {
        #[serde(rename = "commandId")]
        command_id: CommandId,
    }
    serde_json::from_str::<Peek>(text).ok().map(|peek| peek.command_id)
}

/// The problem of an item whose fields are at fault: an error in the type or key alone has a code of its own.
fn problem(errors: Vec<FieldError>) -> Problem {
    let only = |pointer: &str| errors.iter().all(|error| error.pointer == pointer);
    let problem = if only("/type") {
        Problem::new(ProblemCode::InvalidCommandType, 422, "The command type is not a valid name")
    } else if only("/idempotencyKey") {
        Problem::new(ProblemCode::IdempotencyKeyInvalid, 400, "The idempotency key is missing or not valid")
    } else {
        Problem::new(ProblemCode::InvalidCommand, 422, "The item is not a command")
    };
    problem.with_errors(errors)
}

struct Reader {
    fields: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Reader {
    fn fail(&mut self, pointer: &str, code: &str, message: impl Into<String>) {
        self.errors.push(FieldError { pointer: pointer.into(), code: code.into(), message: message.into() });
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let value = self.fields.remove(name);
        if value.is_none() {
            self.fail(&format!("/{name}"), "required", "is missing");
        }
        value
    }

    fn text<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, ValueError>) -> Option<T> {
        let value = self.take(name)?;
        let Some(text) = value.as_str() else {
            self.fail(&format!("/{name}"), "invalid-type", "must be a text");
            return None;
        };
        match read(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fail(&format!("/{name}"), "invalid", error.to_string());
                None
            }
        }
    }

    fn seq(&mut self) -> Option<Seq> {
        let value = self.take("seq")?;
        let seq = value.as_u64().and_then(|value| Seq::new(value).ok());
        if seq.is_none() {
            self.fail("/seq", "invalid", "must be a whole number from 1 to 9007199254740991");
        }
        seq
    }

    fn expected(&mut self) -> Option<Expected> {
        let expected = self.fields.remove("expected").filter(|expected| !expected.is_null())?;
        let read = |expected: &Value| {
            let object = expected.as_object().filter(|object| object.len() == 1)?;
            let version = |value: &Value| Version::new(value.as_u64()?).ok().map(Expected::Version);
            let after = |value: &Value| CommandId::new(value.as_str()?).ok().map(Expected::After);
            object.get("version").and_then(version).or_else(|| object.get("after").and_then(after))
        };
        let read = read(&expected);
        if read.is_none() {
            self.fail("/expected", "invalid", "must be {\"version\": number} or {\"after\": command id}");
        }
        read
    }

    fn depends_on(&mut self) -> Vec<CommandId> {
        let Some(value) = self.fields.remove("dependsOn") else { return Vec::new() };
        if value.as_array().is_some_and(|ids| ids.len() > MAX_INHERITED_DEPENDS_ON) {
            let message = format!("must not name more than {MAX_INHERITED_DEPENDS_ON} commands");
            self.fail("/dependsOn", "too-many", message);
            return Vec::new();
        }
        let read = |value: &Value| {
            let ids = value.as_array()?.iter();
            ids.map(|id| CommandId::new(id.as_str()?).ok()).collect::<Option<Vec<_>>>()
        };
        read(&value).unwrap_or_else(|| {
            self.fail("/dependsOn", "invalid", "must be a list of command ids");
            Vec::new()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::json::read_item;

    fn item() -> Value {
        json!({
            "commandId": "01890a5d-ac96-774b-bcce-b302099a8057", "workspaceId": "acme", "deviceId": "d1", "seq": 1,
            "type": "EXPENSE_CREATE_V1", "payload": {}, "idempotencyKey": "k1",
            "createdAt": "2026-11-22T18:00:00.000Z", "clientTraceId": "t1",
            "expected": { "version": 4 }, "dependsOn": ["01890a5d-ac96-774b-bcce-b302099a8058"],
        })
    }

    #[test]
    fn a_command_is_read_as_serde_reads_it() {
        let read = read_command(item()).unwrap();
        assert_eq!(read, serde_json::from_value(item()).unwrap());
    }

    #[test]
    fn every_field_at_fault_is_named() {
        let cases = [
            ("commandId", json!("x"), ProblemCode::InvalidCommand),
            ("commandId", Value::Null, ProblemCode::InvalidCommand),
            ("workspaceId", json!("ACME!"), ProblemCode::InvalidCommand),
            ("deviceId", json!(""), ProblemCode::InvalidCommand),
            ("seq", json!(0), ProblemCode::InvalidCommand),
            ("seq", json!(1.5), ProblemCode::InvalidCommand),
            ("seq", json!(9_007_199_254_740_992_u64), ProblemCode::InvalidCommand),
            ("type", json!("EXPENSE_CREATE"), ProblemCode::InvalidCommandType),
            ("type", json!(7), ProblemCode::InvalidCommandType),
            ("idempotencyKey", json!(""), ProblemCode::IdempotencyKeyInvalid),
            ("idempotencyKey", json!("a b"), ProblemCode::IdempotencyKeyInvalid),
            ("createdAt", json!("yesterday"), ProblemCode::InvalidCommand),
            ("clientTraceId", json!("ü"), ProblemCode::InvalidCommand),
            ("expected", json!({ "version": 1, "after": "x" }), ProblemCode::InvalidCommand),
            ("expected", json!({ "version": -1 }), ProblemCode::InvalidCommand),
            ("expected", json!({}), ProblemCode::InvalidCommand),
            ("dependsOn", json!(["x"]), ProblemCode::InvalidCommand),
        ];
        for (field, value, code) in cases {
            let mut item = item();
            item[field] = value;
            let refused = read_command(item).unwrap_err();
            assert_eq!(refused.problem.code, code, "{field}");
            assert_eq!(refused.problem.errors[0].pointer, format!("/{field}"));
            assert_eq!(refused.command_id.is_some(), field != "commandId");
        }
    }

    #[test]
    fn a_command_names_a_thousand_others_at_most() {
        let naming = |many: u64| {
            let mut item = item();
            let id = |number| json!(format!("01890a5d-ac96-774b-bcce-{number:012x}"));
            item["dependsOn"] = (1..=many).map(id).collect();
            read_command(item)
        };
        assert_eq!(naming(1000).unwrap().depends_on.len(), 1000);
        let refused = naming(1001).unwrap_err().problem;
        assert_eq!(
            (refused.code, refused.errors[0].code.as_str()),
            (ProblemCode::InvalidCommand, "too-many")
        );
        assert_eq!(refused.errors[0].pointer, "/dependsOn");
    }

    #[test]
    fn missing_and_unknown_fields_are_refused() {
        for field in FIELDS.iter().filter(|field| !["expected", "dependsOn"].contains(field)) {
            let mut item = item();
            item.as_object_mut().unwrap().remove(*field);
            assert_eq!(read_command(item).unwrap_err().problem.errors[0].code, "required", "{field}");
        }
        for field in ["touches", "userId", "version", "role"] {
            let mut item = item();
            item[field] = json!(1);
            assert_eq!(read_command(item).unwrap_err().problem.errors[0].code, "unknown-field", "{field}");
        }
        for nonsense in [json!(null), json!([]), json!("x"), json!(1)] {
            assert_eq!(read_command(nonsense).unwrap_err().problem.errors[0].code, "object-required");
        }
    }

    /// What a field may hold that is meant to be something else.
    fn odd() -> impl Strategy<Value = String> {
        let texts = [
            "null",
            "true",
            "0",
            "1",
            "-0",
            "1.0",
            "1e2",
            "9007199254740991",
            "9007199254740992",
            "1e999",
            "\"\"",
            "\"x\"",
            "\"a b\"",
            "\"\\ud800\"",
            "[]",
            "{}",
            "[1]",
            "{\"a\":1,\"a\":2}",
            "{\"version\":4}",
            "{\"version\":4,\"after\":\"x\"}",
            "{\"version\":4,\"version\":4}",
            "{\"version\":null}",
            "{\"after\":\"01890a5d-ac96-774b-bcce-b302099a8057\"}",
            "{\"after\":\"01890a5d-ac96-774b-bcce-b302099a8059\"}",
            "\"01890A5D-AC96-774B-BCCE-B302099A8059\"",
            "\"01890a5dac96774bbcceb302099a8059\"",
            "[\"01890a5d-ac96-774b-bcce-b302099a8057\"]",
            "[\"01890a5d-ac96-774b-bcce-b302099a8059\",null]",
            "\"2026-11-22T18:00:00Z\"",
            "\"2026-11-22T18:00:00.000+01:00\"",
            "\"NOTE_V1\"",
            "\"note\"",
        ];
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let deep = (60..70_usize).prop_map(nested);
        prop_oneof![8 => prop::sample::select(texts.map(String::from).to_vec()), 1 => deep]
    }

    proptest! {
        /// A whole number that is written as a fraction is left to the other way, which takes it for what it is.
        #[test]
        fn a_command_is_read_in_one_go_if_and_only_if_nothing_is_wrong_with_it(
            changes in prop::collection::vec((0..FIELDS.len() + 2, prop::option::of(odd())), 0..3),
            again in prop::option::of(0..FIELDS.len()),
        ) {
            let mut fields: Vec<(String, String)> =
                item().as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
            for (field, value) in changes {
                let name = ["another", "touches"].iter().chain(&FIELDS).nth(field).unwrap();
                fields.retain(|(known, _)| known != name);
                fields.extend(value.map(|value| ((*name).to_owned(), value)));
            }
            fields.extend(again.and_then(|field| fields.get(field).cloned()));
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            let text = format!("{{{}}}", fields.join(","));
            let read = read_item(&text).ok().and_then(|value| read_command(value).ok());
            if let Some(plain) = read_plain(&text) {
                prop_assert_eq!(Some(plain), read.clone(), "{}", text);
            }
            let whole = text.replace(":1.0", ":1").replace(":1e2", ":100");
            prop_assert_eq!(read_plain(&whole), read, "{}", text);
        }
    }
}
