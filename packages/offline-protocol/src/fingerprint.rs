use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{CommandType, Expected, text::MAX_SAFE_INTEGER};

/// What a command says, in 32 bytes: SHA-256 over the canonical JSON (RFC 8785) of its type, payload and expected version.
///
/// Ids, times and trace ids are not in it: a retry that differs only in these is the same request. Nor is what it touches, which a later
/// release derives from the same payload in its own way: a retry after a deploy is the same request too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// In the order of the canonical form.
#[derive(Serialize)]
struct Content<'a> {
    expected: Option<&'a Expected>,
    payload: &'a Value,
    #[serde(rename = "type")]
    command_type: &'a CommandType,
}

impl Fingerprint {
    /// The fingerprint of a command.
    pub fn of(command_type: &CommandType, payload: &Value, expected: Option<&Expected>) -> Self {
        let content = Content { expected, payload, command_type };
        let canonical = if is_canonical(payload) {
            serde_json::to_vec(&content)
        } else {
            serde_json_canonicalizer::to_vec(&content)
        };
        let canonical = canonical.expect("BUG: JSON values and texts always have a canonical form");
        Self(Sha256::digest(&canonical).into())
    }
}

/// Whether serde_json writes the canonical form by itself, in a tenth of the time: without fractions and numbers that JavaScript cannot hold,
/// and with the names in an order about which nobody is of two minds. Most payloads are like that.
fn is_canonical(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => {
            number.as_i64().is_some_and(|number| number.unsigned_abs() <= MAX_SAFE_INTEGER)
        }
        Value::Array(items) => items.iter().all(is_canonical),
        Value::Object(fields) => {
            fields.keys().all(|name| name.is_ascii())
                && fields.keys().is_sorted()
                && fields.values().all(is_canonical)
        }
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
