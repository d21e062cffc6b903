use crate::{Part, joined};

/// Why a text is not a valid value of one of this crate's types.
///
/// Names the type and the rule, never the offending text: it may be user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not a UUID in its hyphenated form.
    Uuid {
        /// The name of the type.
        what: &'static str,
    },
    /// Too short, too long or with a character outside the alphabet.
    Text {
        /// The name of the type.
        what: &'static str,
        /// What a valid text looks like.
        rule: &'static str,
    },
    /// Not a whole number between 0 and 2^53 - 1, the largest that JavaScript holds exactly.
    Number {
        /// The name of the type.
        what: &'static str,
        /// The smallest valid value.
        min: u64,
    },
    /// Not RFC 3339 in UTC, or outside the years 1970 to 9999.
    Timestamp,
}

impl Part for ValueError {
    fn add_to(&self, text: &mut String) {
        *text += &match self {
            Self::Uuid { what } => joined![what, " must be a UUID"],
            Self::Text { what, rule } => joined![what, " must be ", rule],
            Self::Number { what, min } => {
                joined![what, " must be a whole number from ", min, " to 9007199254740991"]
            }
            Self::Timestamp => joined!["a time must be RFC 3339 in UTC, like 2026-11-22T18:00:00.000Z"],
        };
    }
}

impl std::fmt::Display for ValueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&joined![self])
    }
}
