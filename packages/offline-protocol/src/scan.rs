//! JSON text, walked through without making anything of it.

use std::borrow::Cow;

/// How deep a text may be nested, as in serde_json.
const DEEPEST: usize = 127;

/// The fields of an object: their names, and the text of what stands under them. Nothing when the text is not one object, valid to its depths but
/// for how large its numbers are.
pub(crate) fn fields(text: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut fields = Vec::new();
    members(text, b'}', &mut |name, value| fields.push((name, value)))?;
    Some(fields)
}

/// The texts of the items of a JSON list; nothing when the text is not one list, valid to its depths but for how large its numbers are.
pub fn items(text: &str) -> Option<Vec<&str>> {
    let mut items = Vec::new();
    members(text, b']', &mut |_, item| items.push(item))?;
    Some(items)
}

fn members<'t>(text: &'t str, close: u8, found: &mut Found<'_, 't>) -> Option<()> {
    let mut scanner = Scanner { text, at: 0 };
    // In ASCII two characters apart, as the brackets are.
    if scanner.token() + 2 != close {
        return None;
    }
    scanner.members(close, DEEPEST - 1, found)?;
    scanner.is_over().then_some(())
}

/// Is told the names of an object's fields, or empty ones, and the texts of what it or a list holds.
type Found<'f, 't> = dyn FnMut(Cow<'t, str>, &'t str) + 'f;

/// The text of the one value in a text, without the space around it, likewise.
pub(crate) fn value(text: &str) -> Option<&str> {
    let mut scanner = Scanner { text, at: 0 };
    let value = scanner.value(DEEPEST)?;
    scanner.is_over().then_some(value)
}

/// What a string says; nothing when the text is no string.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    let mut scanner = Scanner { text, at: 0 };
    if scanner.next() == b'"' { scanner.string() } else { None }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn peek(&self) -> u8 {
        // Zero is no part of JSON, so the end of the text fits nowhere.
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
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

    /// Whether nothing but space is left.
    fn is_over(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    /// The text of the next value, passed.
    fn value(&mut self, levels: usize) -> Option<&'t str> {
        let first = self.token();
        let start = self.at - 1;
        match first {
            b'n' => self.word(start, "null"),
            b't' => self.word(start, "true"),
            b'f' => self.word(start, "false"),
            b'"' => self.string().map(|_| ()),
            b'[' | b'{' => self.members(first + 2, levels.checked_sub(1)?, &mut |_, _| ()),
            b'-' | b'0'..=b'9' => self.number(start),
            _ => None,
        }?;
        self.text.get(start..self.at)
    }

    fn word(&mut self, start: usize, word: &str) -> Option<()> {
        self.at = start + word.len();
        (self.text.get(start..self.at)? == word).then_some(())
    }

    /// What stands behind the opening bracket or brace, with the closing one.
    fn members(&mut self, close: u8, levels: usize, found: &mut Found<'_, 't>) -> Option<()> {
        self.skip_space();
        if self.peek() == close {
            self.at += 1;
            return Some(());
        }
        loop {
            let mut name = Cow::Borrowed("");
            if close == b'}' {
                if self.token() != b'"' {
                    return None;
                }
                name = self.string()?;
                if self.token() != b':' {
                    return None;
                }
            }
            found(name, self.value(levels)?);
            let byte = self.token();
            if byte != b',' {
                return (byte == close).then_some(());
            }
        }
    }

    /// What stands behind the opening quote, with the closing one.
    fn string(&mut self) -> Option<Cow<'t, str>> {
        let mut read = Cow::Borrowed("");
        loop {
            let rest = self.text.get(self.at..)?;
            let ends = |byte: u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            // Both ends stand beside ASCII, so no character is cut.
            let plain = rest.get(..rest.bytes().position(ends)?)?;
            self.at += plain.len();
            if read.is_empty() {
                read = Cow::Borrowed(plain);
            } else {
                read.to_mut().push_str(plain);
            }
            match self.next() {
                b'"' => return Some(read),
                b'\\' => {
                    let escaped = self.escaped()?;
                    read.to_mut().push(escaped);
                }
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

    /// A number that begins at `start`.
    fn number(&mut self, start: usize) -> Option<()> {
        self.at = start + usize::from(self.text.as_bytes()[start] == b'-');
        let leading_zero = self.peek() == b'0';
        let digits = self.digits();
        if digits == 0 || leading_zero && digits > 1 {
            return None;
        }
        if self.peek() == b'.' {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            if self.digits() == 0 {
                return None;
            }
        }
        Some(())
    }
}
