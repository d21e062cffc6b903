//! JSON text as a value.
//!
//! serde_json's own parser brings along how to read decimal fractions exactly: a twelfth of what a browser would load, for what every browser
//! can do. This one asks the browser; all else is as in serde_json, against which the tests hold it.

use serde_json::{Number, Value};

use crate::{joined::whole_number, scan};

/// JSON text as a value; nothing when it is not JSON, is nested deeper than 127 levels, or holds a number beyond what a `f64` can.
pub fn parse_json(text: &str) -> Option<Value> {
    value(scan::value(text)?)
}

/// The same for text that is known to be JSON, without space around it.
fn value(text: &str) -> Option<Value> {
    Some(match text.as_bytes().first()? {
        b'n' => Value::Null,
        b't' => Value::Bool(true),
        b'f' => Value::Bool(false),
        b'"' => Value::String(scan::string(text)?.into_owned()),
        b'[' => {
            let mut items = Vec::new();
            for item in scan::items(text)? {
                items.push(value(item)?);
            }
            Value::Array(items)
        }
        b'{' => {
            let mut fields = serde_json::Map::new();
            for (name, field) in scan::fields(text)? {
                fields.insert(name.into_owned(), value(field)?);
            }
            Value::Object(fields)
        }
        _ => Value::Number(number(text)?),
    })
}

/// A whole number as it is, when it fits and is not minus zero; any other as a fraction.
fn number(text: &str) -> Option<Number> {
    let whole = match text.strip_prefix('-') {
        None => whole_number(text).map(Number::from),
        Some(digits) => whole_number(digits)
            .and_then(|number| 0_i64.checked_sub_unsigned(number))
            .filter(|number| *number != 0)
            .map(Number::from),
    };
    whole.or_else(|| Number::from_f64(fraction(text)))
}

/// The `f64` that is nearest to a JSON number; infinite when it is beyond all of them.
#[cfg(not(target_arch = "wasm32"))]
fn fraction(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

#[cfg(target_arch = "wasm32")]
fn fraction(text: &str) -> f64 {
    (crate::write::fractions().read)(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn like_serde_json(text: &str) -> Result<(), TestCaseError> {
        let by_serde: Option<Value> = serde_json::from_str(text).ok();
        // Written out, because minus zero and zero are equal as values.
        let written = |value: Option<Value>| value.map(|value| value.to_string());
        prop_assert_eq!(written(parse_json(text)), written(by_serde));
        Ok(())
    }

    #[test]
    fn the_corners_of_json_are_read_as_serde_json_reads_them() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let objects = |levels: usize| "{\"a\":".repeat(levels) + "1" + &"}".repeat(levels);
        for text in [
            "",
            " ",
            "null",
            " nul",
            "nulll",
            "true false",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "{\"a\":1,\"a\":2}",
            "0",
            "-0",
            "-0.0",
            "-",
            "+1",
            "01",
            "-01",
            "1.",
            ".5",
            "1.5e",
            "1e5",
            "1E-5",
            "1e+05",
            "1e400",
            "-1e400",
            "1e-400",
            "0e9",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "9007199254740993.0",
            "0.1",
            "2.2250738585072011e-308",
            "5e-324",
            "1.7976931348623157e308",
            "123456789012345678901234567890",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\ud83d\\u0041\"",
            "\"\\ud83dx\"",
            "\"\\u12\"",
            "\"\\x\"",
            "\"\n\"",
            "\"\u{7f}\u{e9}\u{1f600}\"",
            "\"\\u0000\"",
            "\"a",
            "\"\\",
            "[",
            "{",
            "{\"a\":",
            "\u{feff}1",
            "1\u{0}",
            "\u{0}",
            &nested(127),
            &nested(128),
            &objects(127),
            &objects(128),
        ] {
            assert!(like_serde_json(text).is_ok(), "{text:?}: {:?}", parse_json(text));
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_serde_json_writes_is_read_back(value in any_value()) {
            prop_assert_eq!(parse_json(&value.to_string()), Some(value.clone()));
            prop_assert_eq!(parse_json(&serde_json::to_string_pretty(&value).unwrap()), Some(value));
        }

        #[test]
        fn any_text_is_read_as_serde_json_reads_it(
            soup in "[\\[\\]{}:,\"\\\\u0-9a-fE.+ \n-]{0,24}", number in "-?[0-9]{1,22}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", text in ".{0,20}",
            value in any_value(), cut: prop::sample::Index,
        ) {
            like_serde_json(&soup)?;
            like_serde_json(&number)?;
            like_serde_json(&text)?;
            let whole = value.to_string();
            let part: String = whole.chars().take(cut.index(whole.len() + 1)).collect();
            like_serde_json(&part)?;
        }
    }
}
