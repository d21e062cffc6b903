//! Texts that are put together of parts. The standard library's formatting can do more, and is as large once it is compiled for a browser as a few
//! commands with their forms.

use crate::{CommandId, CommandType, RecordId, RecordKey, RecordKind};

/// Something that a text is put together of; see [`crate::joined!`].
pub trait Part {
    /// Adds it at the end.
    fn add_to(&self, text: &mut String);
}

/// A text of parts, one behind the other: texts, whole numbers in decimal, and names.
#[macro_export]
macro_rules! joined {
    ($($part:expr),+ $(,)?) => {{
        let mut text = String::new();
        $($crate::Part::add_to(&$part, &mut text);)+
        text
    }};
}

impl<T: Part + ?Sized> Part for &T {
    fn add_to(&self, text: &mut String) {
        (**self).add_to(text);
    }
}

impl Part for str {
    // Called, for it is called often.
    #[inline(never)]
    fn add_to(&self, text: &mut String) {
        text.push_str(self);
    }
}

impl Part for String {
    fn add_to(&self, text: &mut String) {
        self.as_str().add_to(text);
    }
}

impl Part for u64 {
    #[inline(never)]
    fn add_to(&self, text: &mut String) {
        let (mut number, mut digits, mut at) = (*self, [0; 20], 20);
        while at == 20 || number > 0 {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        text.extend(digits[at..].iter().map(|digit| char::from(*digit)));
    }
}

impl Part for i64 {
    fn add_to(&self, text: &mut String) {
        if *self < 0 {
            text.push('-');
        }
        self.unsigned_abs().add_to(text);
    }
}

impl Part for u32 {
    fn add_to(&self, text: &mut String) {
        u64::from(*self).add_to(text);
    }
}

impl Part for usize {
    fn add_to(&self, text: &mut String) {
        (*self as u64).add_to(text);
    }
}

impl Part for uuid::Uuid {
    fn add_to(&self, text: &mut String) {
        for (place, byte) in self.as_bytes().iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            let digit = |digit: u8| char::from(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
            text.push(digit(byte >> 4));
            text.push(digit(byte & 15));
        }
    }
}

impl Part for CommandId {
    fn add_to(&self, text: &mut String) {
        self.as_uuid().add_to(text);
    }
}

impl Part for CommandType {
    fn add_to(&self, text: &mut String) {
        self.as_str().add_to(text);
    }
}

impl Part for RecordKind {
    fn add_to(&self, text: &mut String) {
        self.as_str().add_to(text);
    }
}

impl Part for RecordId {
    fn add_to(&self, text: &mut String) {
        self.as_str().add_to(text);
    }
}

impl Part for RecordKey {
    fn add_to(&self, text: &mut String) {
        self.kind.add_to(text);
        text.push('/');
        self.id.add_to(text);
    }
}

/// A whole number of digits alone; nothing when it is too large.
#[inline(never)]
pub fn whole_number(text: &str) -> Option<u64> {
    let digit = |number: u64, byte: u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    if text.is_empty() { None } else { text.bytes().try_fold(0, digit) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_those_of_the_standard_library(text in "[0-9]{0,21}|[-+ 0-9a]{0,3}", number in any::<u64>()) {
            let signed = text.starts_with('+');
            prop_assert_eq!(whole_number(&text), text.parse().ok().filter(|_| !signed));
            prop_assert_eq!(whole_number(&number.to_string()), Some(number));
        }

        #[test]
        fn parts_look_as_the_standard_library_formats_them(
            a in any::<u64>(), b in any::<i64>(), c in any::<u32>(), d in any::<usize>(), id in any::<u128>(), text in ".*"
        ) {
            let id = CommandId::from_uuid(uuid::Uuid::from_u128(id));
            let key = RecordKey::new(RecordKind::new("thing").unwrap(), RecordId::new("a").unwrap());
            let joined = joined![a, " ", b, "", text, c, &text, d, id, key, key.kind, key.id];
            let formatted = format!("{a} {b}{text}{c}{text}{d}{id}{key}{}{}", key.kind, key.id);
            prop_assert_eq!(joined, formatted);
        }
    }

    #[test]
    fn the_ends_of_the_ranges_are_written_too() {
        assert_eq!(joined![u64::MAX, i64::MIN, 0_u64], format!("{}{}0", u64::MAX, i64::MIN));
    }
}
