//! JSON as the protocol wants it: no key twice in an object, no deep nesting. serde_json takes the last of two equal keys, which lets two readers
//! of one body see two different commands.

use std::fmt;

use serde::{
    Serialize,
    de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// The deepest nesting of a command. The item itself is the first level.
const MAX_DEPTH: usize = 64;

/// The largest whole number that every reader of JSON holds exactly, 2^53 - 1.
const LARGEST_EXACT: f64 = 9_007_199_254_740_991.0;

/// Stands in the message of an error that condemns the whole body; no text of a request can get in there.
const STRUCTURE: &str = "the JSON has a key twice or is nested too deeply";

/// The text of a value as a row holds it. `Value::to_string` is slower by half.
pub(crate) fn json_text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("BUG: values with text keys alone always serialize")
}

/// As [`json_text`], for an answer.
pub(crate) fn json_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("BUG: values with text keys alone always serialize")
}

/// Why an item is not JSON as the protocol wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// A key twice, or too deep: the body as a whole is refused.
    Structure,
    /// A number that no program can hold, or a text with half of a surrogate pair.
    Value,
}

/// Reads one item strictly. The text is known to be well-formed JSON.
pub(crate) fn read_item(text: &str) -> Result<Value, JsonError> {
    serde_json::from_str::<Strict>(text).map(|strict| strict.0).map_err(|error| {
        // The one error of `StrictSeed` and of serde_json's own recursion limit; every other one is about a value.
        let text = error.to_string();
        let structure = text.starts_with(STRUCTURE) || text.starts_with("recursion limit exceeded");
        if structure { JsonError::Structure } else { JsonError::Value }
    })
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StrictSeed { depth: 0 }.deserialize(deserializer).map(Self)
    }
}

/// A field of an item, as strict as the item.
pub(crate) struct StrictField(pub(crate) Value);

impl<'de> Deserialize<'de> for StrictField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StrictSeed { depth: 1 }.deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Copy)]
struct StrictSeed {
    depth: usize,
}

impl StrictSeed {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth < MAX_DEPTH { Ok(Self { depth: self.depth + 1 }) } else { Err(E::custom(STRUCTURE)) }
    }
}

impl<'de> DeserializeSeed<'de> for StrictSeed {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictSeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // JSON knows one kind of number: `4990.0`, as some libraries write a whole one, and `4.99e3` are 4990.
        if value.fract() == 0.0 && value.abs() <= LARGEST_EXACT {
            return Ok((value as i64).into());
        }
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(inner)? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(inner)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom(STRUCTURE));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use offline_protocol::{CommandType, Fingerprint};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_twice_is_refused_wherever_it_stands() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"a":2}}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert_eq!(read_item(text), Err(JsonError::Structure), "{text}");
        }
        assert!(read_item(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read_item(&nested(64)).is_ok());
        assert_eq!(read_item(&nested(65)), Err(JsonError::Structure));
        assert_eq!(read_item(&nested(100_000)), Err(JsonError::Structure));
    }

    #[test]
    fn a_value_that_cannot_be_held_is_not_a_matter_of_structure() {
        assert_eq!(read_item(r#"{"a":1e999}"#), Err(JsonError::Value));
        assert_eq!(read_item(r#"{"a":"\ud800"}"#), Err(JsonError::Value));
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (text, number) in [
            ("4990.0", "4990"),
            ("4.99e3", "4990"),
            ("-0", "0"),
            ("-7.00", "-7"),
            ("9007199254740991.0", "9007199254740991"),
            ("4990.5", "4990.5"),
            ("9007199254740992.0", "9007199254740992.0"),
            ("1e30", "1e+30"),
        ] {
            assert_eq!(read_item(text).unwrap().to_string(), number, "{text}");
        }
    }

    /// Equal for values that are the same by RFC 8785.
    fn canonical(value: &Value) -> Fingerprint {
        Fingerprint::of(&CommandType::new("A_V1").unwrap(), value, None)
    }

    proptest! {
        #[test]
        fn everything_else_reads_as_serde_json_reads_it(text in "[\\[\\]{}:,\"a0-9eE.tn -]{0,40}") {
            if let Ok(value) = read_item(&text) {
                let by_serde: Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(canonical(&value), canonical(&by_serde));
            }
        }
    }
}
