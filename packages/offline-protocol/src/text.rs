//! How the checked newtypes over text and numbers are written, once.

/// The largest integer that a JavaScript number holds exactly.
pub(crate) const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;

/// Defines a newtype over a checked `String`: `new`, `as_str`, `Display`, serde, and the TypeScript alias.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
        #[serde(try_from = "String")]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// What is said of a field that holds no such text.
            pub const MUST_BE: &str = concat!("must be ", $rule);

            #[doc = concat!("Checks `text`: ", $rule, ".")]
            pub fn new(text: impl AsRef<str>) -> Result<Self, $crate::ValueError> {
                Self::of(text.as_ref()).ok_or($crate::ValueError::Text { what: $what, rule: $rule })
            }

            /// The same where nobody asks what is wrong.
            pub fn of(text: &str) -> Option<Self> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Some(Self(text.into())) } else { None }
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::ValueError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $crate::ToJson for $name {
            fn write(&self, json: &mut $crate::Json) {
                json.text(&self.0);
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ValueError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }
    };
}

/// Defines a newtype over a `u64` that JavaScript can hold: `new`, `get`, serde, and the TypeScript alias.
macro_rules! number_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $min:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "u64", into = "u64")]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "number"))]
        pub struct $name(u64);

        impl $name {
            #[doc = concat!("Checks the range: from ", stringify!($min), " to 2^53 - 1.")]
            pub const fn new(value: u64) -> Result<Self, $crate::ValueError> {
                match Self::of(value) {
                    Some(number) => Ok(number),
                    None => Err($crate::ValueError::Number { what: $what, min: $min }),
                }
            }

            /// The same where nobody asks what is wrong.
            pub const fn of(value: u64) -> Option<Self> {
                match value {
                    $min..=$crate::text::MAX_SAFE_INTEGER => Some(Self(value)),
                    _ => None,
                }
            }

            /// The largest value: what a JavaScript number holds exactly.
            #[cfg(feature = "openapi")]
            const MAX: u64 = $crate::text::MAX_SAFE_INTEGER;

            /// The smallest value.
            pub const FIRST: Self = Self($min);

            /// The number itself.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The value after this one; stays at the largest.
            #[must_use]
            pub const fn next(self) -> Self {
                if self.0 < $crate::text::MAX_SAFE_INTEGER { Self(self.0 + 1) } else { self }
            }
        }

        #[cfg(feature = "openapi")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "integer", "minimum": $min, "maximum": Self::MAX })
            }
        }

        impl TryFrom<u64> for $name {
            type Error = $crate::ValueError;
            fn try_from(value: u64) -> Result<Self, Self::Error> {
                Self::new(value)
            }
        }

        impl From<$name> for u64 {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl $crate::ToJson for $name {
            fn write(&self, json: &mut $crate::Json) {
                json.number(self.0);
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

pub(crate) use {number_type, text_type};

/// Whether every byte is visible ASCII and the length is within `1..=max`.
pub(crate) fn visible_ascii(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether the text is a slug: `a-z`, `0-9`, `-`, `_`, starting with a letter or digit, within `1..=max` bytes.
pub(crate) fn slug(text: &str, max: usize) -> bool {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=max).contains(&text.len()) && text.bytes().all(valid) && !matches!(text.as_bytes()[0], b'-' | b'_')
}
