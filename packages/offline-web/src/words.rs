//! Parts of texts, as rows have them. The standard library knows every kind of separator, and is several times as large for it.

/// What is before the first `separator`, an ASCII character, and what is behind it.
pub(crate) fn cut(text: &str, separator: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == separator)?;
    Some((&text[..place], &text[place + 1..]))
}

/// The parts of a text between separators, each an ASCII character; at least one.
pub(crate) fn parts(text: &str, separator: u8) -> Parts<'_> {
    Parts { rest: Some(text), separator }
}

/// See [`parts`].
pub(crate) struct Parts<'t> {
    rest: Option<&'t str>,
    separator: u8,
}

impl<'t> Parts<'t> {
    /// All that is left, with its separators.
    pub(crate) fn rest(&mut self) -> Option<&'t str> {
        self.rest.take()
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = &'t str;

    #[inline(never)]
    fn next(&mut self) -> Option<&'t str> {
        let text = self.rest()?;
        let (part, rest) = cut(text, self.separator).map_or((text, None), |(part, rest)| (part, Some(rest)));
        self.rest = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_fall_into_the_parts_that_the_standard_library_gives(text in "[a-c ,é\n]{0,12}") {
            for separator in [' ', ',', '\n'] {
                let byte = separator as u8;
                prop_assert_eq!(cut(&text, byte), text.split_once(separator));
                let wanted: Vec<&str> = text.split(separator).collect();
                prop_assert_eq!(parts(&text, byte).collect::<Vec<_>>(), wanted);
            }
        }
    }

    #[test]
    fn what_is_left_has_its_separators() {
        let mut parts = parts("1 2 a b", b' ');
        assert_eq!(
            (parts.next(), parts.next(), parts.rest(), parts.next()),
            (Some("1"), Some("2"), Some("a b"), None)
        );
    }
}
