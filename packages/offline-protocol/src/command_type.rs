use crate::text::text_type;

text_type!(
    /// The name and version of what a command means: `EXPENSE_CREATE_V1`.
    CommandType,
    "a command type",
    "upper-case words joined by _ that end in _V and a version from 1, like EXPENSE_CREATE_V1, 64 characters at most",
    is_command_type
);

impl CommandType {
    /// The version after `_V`.
    pub fn version(&self) -> u32 {
        split(self.as_str()).map_or(0, |(_, version)| version)
    }

    /// The name without its version: `EXPENSE_CREATE`.
    pub fn family(&self) -> &str {
        split(self.as_str()).map_or("", |(family, _)| family)
    }
}

fn split(text: &str) -> Option<(&str, u32)> {
    // By bytes: the search for a text in a text is several times what all of this compiles to.
    let end = text.as_bytes().windows(2).rposition(|pair| pair == b"_V")?;
    let (family, version) = (text.get(..end)?, text.as_bytes().get(end + 2..)?);
    let digit = |sum: Option<u32>, byte: &u8| sum?.checked_mul(10)?.checked_add(u32::from(*byte - b'0'));
    if version.is_empty() || version[0] == b'0' || !version.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((family, version.iter().fold(Some(0), digit)?))
}

fn is_command_type(text: &str) -> bool {
    let word = |word: &[u8]| {
        !word.is_empty() && word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    text.len() <= 64
        && split(text).is_some_and(|(family, _)| {
            let family = family.as_bytes();
            family.first().is_some_and(u8::is_ascii_uppercase) && family.split(|byte| *byte == b'_').all(word)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_name_ends_in_its_version() {
        let command_type = CommandType::new("INVOICE_DRAFT_CREATE_V12").unwrap();
        assert_eq!((command_type.family(), command_type.version()), ("INVOICE_DRAFT_CREATE", 12));
    }

    #[test]
    fn malformed_names_are_refused() {
        let long = format!("{}_V1", "A".repeat(62));
        for text in [
            "",
            "_V1",
            "V1",
            "EXPENSE_CREATE",
            "EXPENSE_CREATE_V",
            "EXPENSE_CREATE_V0",
            "EXPENSE_CREATE_V01",
            "EXPENSE_CREATE_V1 ",
            "expense_create_v1",
            "EXPENSE__CREATE_V1",
            "1_V1",
            "EXPENSE_V-1",
            "EXPENSE_V1x",
            "EXPENSE_V99999999999",
            "Ä_V1",
            &long,
        ] {
            assert!(CommandType::new(text).is_err(), "{text:?} was accepted");
        }
    }
}
