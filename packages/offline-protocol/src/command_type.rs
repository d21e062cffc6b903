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
    let (family, version) = text.rsplit_once("_V")?;
    if version.starts_with('0') || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((family, version.parse().ok()?))
}

fn is_command_type(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    text.len() <= 64
        && split(text).is_some_and(|(family, _)| {
            family.starts_with(|first: char| first.is_ascii_uppercase()) && family.split('_').all(word)
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
