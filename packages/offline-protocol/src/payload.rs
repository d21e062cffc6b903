use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{Json, ToJson, parse_json, scan};

/// A command's payload on its way from the application to the server: its JSON as text, which nobody has to understand who only keeps it, counts it
/// or passes it on. A copy is cheap.
///
/// It is valid JSON but for how large its numbers are, and without line breaks. Two are equal when their texts are.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<str>);

impl Payload {
    /// The payload of this text, which has to be JSON that was checked.
    pub(crate) fn of_json(text: &str) -> Self {
        // In a string they are escaped, so these are space.
        if text.bytes().any(|byte| byte < b' ') {
            return Self::from(&parse_json(text).unwrap_or_default());
        }
        Self(text.into())
    }

    /// The payload of a text; nothing when that is not one JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        scan::value(text).map(Self::of_json)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a value; null when it holds a number beyond what a `f64` can.
    pub fn value(&self) -> Value {
        parse_json(&self.0).unwrap_or_default()
    }
}

/// Null.
impl Default for Payload {
    fn default() -> Self {
        Self("null".into())
    }
}

impl From<&Value> for Payload {
    fn from(value: &Value) -> Self {
        Self(value.to_text().into())
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

/// Never shows its content: it is user data.
impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

impl ToJson for Payload {
    fn write(&self, json: &mut Json) {
        json.word(&self.0);
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_application_wrote_stays_as_it_is_but_for_line_breaks() {
        let spaced = "{ \"b\": 1.50, \"a\":\"\\n\" }";
        assert_eq!(Payload::of_json(spaced).as_str(), spaced);
        assert_eq!(Payload::of_json("{\n\t\"b\": 1.50,\r\n\"a\": []}").as_str(), "{\"a\":[],\"b\":1.5}");
        assert_eq!(Payload::parse(" {\"a\": 1} ").unwrap().as_str(), "{\"a\": 1}");
        for nonsense in ["", "{", "{}{}", "nonsense", "{\"a\":\"\n\"}"] {
            assert!(Payload::parse(nonsense).is_none(), "{nonsense:?}");
        }
    }

    #[test]
    fn a_payload_is_the_value_that_it_was_made_of() {
        let value = json!({ "a": [1, -2, 0.1, -0.0, null, true, "\u{0}é😀\""], "": {} });
        let payload = Payload::from(&value);
        assert_eq!(payload.value().to_string(), value.to_string());
        assert_eq!(payload.to_text(), payload.as_str());
        assert_eq!(
            serde_json::from_str::<Payload>(&serde_json::to_string(&payload).unwrap()).unwrap(),
            payload
        );
        assert_eq!(Payload::of_json("[1e400]").value(), Value::Null);
    }

    #[test]
    fn its_content_is_not_shown() {
        let shown = format!("{:?}", Payload::from(json!({ "salary": 5000 })));
        assert_eq!(shown, "Payload(15 bytes)");
    }
}
