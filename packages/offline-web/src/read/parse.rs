//! JSON text as a value.
//!
//! serde_json's own parser brings along how to read decimal fractions exactly: a twelfth of what a browser would load, for what every browser
//! can do. This one asks the browser; all else is as in serde_json, against which the tests hold it.

use serde_json::{Map, Number, Value};

use super::words::number;

/// How deep a text may be nested, as in serde_json.
const DEEPEST: usize = 127;

/// JSON text as a value; nothing when it is not JSON, is nested deeper than 127 levels, or holds a number beyond what a `f64` can.
pub(crate) fn parse(text: &str) -> Option<Value> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0 };
    let value = parser.value(DEEPEST)?;
    parser.skip_space();
    (parser.at == text.len()).then_some(value)
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> u8 {
        // Zero is no part of JSON, so the end of the text fits nowhere.
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// The next byte that is not space, passed.
    fn token(&mut self) -> u8 {
        self.skip_space();
        self.next()
    }

    fn value(&mut self, levels: usize) -> Option<Value> {
        match self.token() {
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'"' => self.string().map(Value::String),
            b'[' => self.array(levels.checked_sub(1)?),
            b'{' => self.object(levels.checked_sub(1)?),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        let start = self.at - 1;
        self.at = start + word.len();
        (self.bytes.get(start..self.at)? == word.as_bytes()).then_some(value)
    }

    fn array(&mut self, levels: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == b']' {
            self.at += 1;
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(levels)?);
            match self.token() {
                b',' => {}
                b']' => return Some(Value::Array(items)),
                _ => return None,
            }
        }
    }

    fn object(&mut self, levels: usize) -> Option<Value> {
        let mut fields = Map::new();
        self.skip_space();
        if self.peek() == b'}' {
            self.at += 1;
            return Some(Value::Object(fields));
        }
        loop {
            if self.token() != b'"' {
                return None;
            }
            let name = self.string()?;
            if self.token() != b':' {
                return None;
            }
            fields.insert(name, self.value(levels)?);
            match self.token() {
                b',' => {}
                b'}' => return Some(Value::Object(fields)),
                _ => return None,
            }
        }
    }

    /// What stands behind the opening quote, with the closing one.
    fn string(&mut self) -> Option<String> {
        let mut read = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), b'"' | b'\\' | 0..0x20) {
                self.at += 1;
            }
            // Both ends stand beside ASCII, so no character is cut.
            read.push_str(self.text.get(start..self.at)?);
            match self.next() {
                b'"' => return Some(read),
                b'\\' => read.push(self.escaped()?),
                _ => return None,
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.next() {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return None,
        })
    }

    /// Half a surrogate pair is no character.
    fn unicode(&mut self) -> Option<char> {
        let unit = self.hex()?;
        if !(0xd800..0xdc00).contains(&unit) {
            return char::from_u32(unit);
        }
        if self.next() != b'\\' || self.next() != b'u' {
            return None;
        }
        let low = self.hex().filter(|low| (0xdc00..0xe000).contains(low))?;
        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
    }

    fn hex(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + char::from(self.next()).to_digit(16)?;
        }
        Some(unit)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - start
    }

    /// A whole number as it is, when it fits and is not minus zero; any other as a fraction.
    fn number(&mut self) -> Option<Value> {
        self.at -= 1;
        let start = self.at;
        let negative = self.peek() == b'-';
        self.at += usize::from(negative);
        let leading_zero = self.peek() == b'0';
        let digits = self.digits();
        if digits == 0 || leading_zero && digits > 1 {
            return None;
        }
        let whole = self.text.get(start..self.at)?;
        let mut is_whole = true;
        if self.peek() == b'.' {
            self.at += 1;
            is_whole = false;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            is_whole = false;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            if self.digits() == 0 {
                return None;
            }
        }
        let number = match (is_whole, negative) {
            (true, true) => number(&whole[1..])
                .and_then(|number| 0_i64.checked_sub_unsigned(number))
                .filter(|number| *number != 0)
                .map(Number::from),
            (true, false) => number(whole).map(Number::from),
            (false, _) => None,
        };
        let number = number.or_else(|| Number::from_f64(fraction(self.text.get(start..self.at)?)));
        number.map(Value::Number)
    }
}

/// The `f64` that is nearest to a JSON number; infinite when it is beyond all of them.
#[cfg(target_arch = "wasm32")]
fn fraction(text: &str) -> f64 {
    crate::browser::parse_float(text)
}

#[cfg(not(target_arch = "wasm32"))]
fn fraction(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn like_serde_json(text: &str) -> Result<(), TestCaseError> {
        let by_serde: Option<Value> = serde_json::from_str(text).ok();
        // Written out, because minus zero and zero are equal as values.
        let written = |value: Option<Value>| value.map(|value| value.to_string());
        prop_assert_eq!(written(parse(text)), written(by_serde));
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
            assert!(like_serde_json(text).is_ok(), "{text:?}: {:?}", parse(text));
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
            prop_assert_eq!(parse(&value.to_string()), Some(value.clone()));
            prop_assert_eq!(parse(&serde_json::to_string_pretty(&value).unwrap()), Some(value));
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
