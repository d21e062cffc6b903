//! What a payload's fields must look like, whatever the records say.

use offline_domain::{Form, MAX_ERRORS, Records, Rejection, read_form};
use offline_protocol::{FieldError, RecordId, RecordKey, RecordKind, joined};
use serde::{Deserialize, Deserializer};

/// The most characters of a [`Checks::code`].
const MAX_CODE: usize = 32;

/// What a record id of 128 characters leaves beside a code and a colon.
const MAX_PART_OF_ID: usize = 128 - MAX_CODE - 1;

/// The largest amount that JavaScript holds exactly, in minor units, in both directions.
pub(crate) const MAX_AMOUNT: i64 = 9_007_199_254_740_991;

/// Collects what is wrong with a payload.
#[derive(Default)]
pub(crate) struct Checks(Vec<FieldError>);

impl Checks {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The first errors, in the order in which they were found.
    pub(crate) fn finish(self) -> Vec<FieldError> {
        self.0
    }

    /// One line of text with something to read in it, of at most `max` characters, which looks like what it is.
    pub(crate) fn text(&mut self, pointer: &str, text: &str, max: usize) {
        let (mut length, mut says_something, mut is_one_line) = (0, false, true);
        for character in text.chars() {
            length += 1;
            says_something |= !character.is_whitespace();
            // What turns the letters behind it about makes a name look like another one. The marks that Hebrew and Arabic need stay.
            is_one_line &= !character.is_control()
                && !matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        }
        if !says_something {
            self.fail(pointer, "empty", "must not be empty");
        } else if length > max {
            self.fail(pointer, "too-long", joined!["must have at most ", max, " characters"]);
        } else if !is_one_line {
            self.fail(pointer, "control-character", "must be one line without control characters");
        }
    }

    /// An ISO 4217 code in capitals.
    pub(crate) fn currency(&mut self, pointer: &str, code: &str) {
        if !is_currency(code) {
            self.fail(pointer, "unknown-currency", "must be a currency code of ISO 4217, like EUR");
        }
    }

    /// A day of the calendar, `YYYY-MM-DD`, from the year 1900.
    pub(crate) fn date(&mut self, pointer: &str, text: &str) {
        if !is_date(text) {
            self.fail(pointer, "invalid-date", "must be a day of the calendar, like 2026-11-22");
        }
    }

    /// An amount that JavaScript holds exactly.
    pub(crate) fn amount(&mut self, pointer: &str, amount: i64) {
        if !(-MAX_AMOUNT..=MAX_AMOUNT).contains(&amount) {
            self.fail(pointer, "out-of-range", "must be between -9007199254740991 and 9007199254740991");
        }
    }

    /// A number within `min..=max`.
    pub(crate) fn range(&mut self, pointer: &str, number: i64, min: i64, max: i64) {
        if !(min..=max).contains(&number) {
            self.fail(pointer, "out-of-range", joined!["must be between ", min, " and ", max]);
        }
    }

    /// A field that may be null, but not absent.
    pub(crate) fn missing(&mut self, pointer: &str) {
        self.fail(pointer, "required", "must be given; null is a value of its own");
    }

    /// A short name that becomes part of a record's id: 1 to 32 of `a-z`, `0-9`, `-` and `_`, the first a letter or digit.
    pub(crate) fn code(&mut self, pointer: &str, text: &str) {
        if text.len() > MAX_CODE || RecordKind::of(text).is_none() {
            let message = "must be 1 to 32 characters of a-z, 0-9, - and _, the first a letter or digit";
            self.fail(pointer, "invalid-code", message);
        }
    }

    /// An id that becomes part of a longer one, behind a code.
    pub(crate) fn part_of_id(&mut self, pointer: &str, id: &RecordId) {
        if id.as_str().len() > MAX_PART_OF_ID {
            self.fail(pointer, "too-long", format!("must have at most {MAX_PART_OF_ID} characters"));
        }
    }

    /// At most `max` entries.
    pub(crate) fn count(&mut self, pointer: &str, count: usize, max: usize) {
        if count > max {
            self.fail(pointer, "too-many", joined!["must have at most ", max, " entries"]);
        }
    }

    pub(crate) fn fail(&mut self, pointer: &str, code: &str, message: impl Into<String>) {
        if self.0.len() < MAX_ERRORS {
            self.0.push(field_error(pointer, code, message));
        }
    }
}

/// What is wrong with one field.
pub(crate) fn field_error(pointer: &str, code: &str, message: impl Into<String>) -> FieldError {
    FieldError { pointer: pointer.into(), code: code.into(), message: message.into() }
}

/// The refusal of one field by a rule.
pub(crate) fn refusal(title: &str, pointer: &str, code: &str, message: impl Into<String>) -> Rejection {
    Rejection { title: title.into(), errors: vec![field_error(pointer, code, message)] }
}

/// Refuses an amount that is zero or less.
pub(crate) fn more_than_zero(title: &str, pointer: &str, amount: i64) -> Result<(), Rejection> {
    match amount {
        1.. => Ok(()),
        0 => Err(refusal(title, pointer, "zero", "must be more than zero")),
        _ => Err(refusal(title, pointer, "negative", "must be more than zero")),
    }
}

/// A sum within what JavaScript holds exactly.
pub(crate) fn sum(left: i64, right: i64) -> Option<i64> {
    left.checked_add(right).filter(|sum| (-MAX_AMOUNT..=MAX_AMOUNT).contains(sum))
}

/// The content of a record that the command cannot do without.
pub(crate) fn stored<T: Form>(records: &Records, key: &RecordKey) -> Result<T, Rejection> {
    records.data(key).and_then(|data| read_form(data).ok()).ok_or_else(|| {
        Rejection::new(format!(
            "The stored {} cannot be read by this version",
            key.kind.as_str().replace('-', " ")
        ))
    })
}

/// Tells a field that is null from one that is absent.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// The key of a record whose id is a code and another id. A code has no colon, so that no two pairs come to the same.
pub(crate) fn pair_key(kind: &str, code: &str, id: &RecordId) -> RecordKey {
    let pair = RecordId::of(&joined![code, ":", id]).expect("BUG: both parts have been checked");
    key(kind, &pair)
}

/// The key of a record whose id is a code.
pub(crate) fn code_key(kind: &str, code: &str) -> RecordKey {
    key(kind, &RecordId::of(code).expect("BUG: a code that has been checked is an id"))
}

/// The key of the record `id` of a kind that this crate names.
pub(crate) fn key(kind: &str, id: &RecordId) -> RecordKey {
    RecordKey::new(RecordKind::of(kind).expect("BUG: this crate's kinds are valid"), id.clone())
}

/// The codes of ISO 4217, one behind the other. A library's lookup would be five times this in what a browser loads; the tests hold the two
/// against each other.
const CURRENCIES: &[u8] = b"\
    AEDAFNALLAMDAOAARSAUDAWGAZNBAMBBDBDTBGNBHDBIFBMDBNDBOBBOVBRLBSDBTNBWPBYNBZDCADCDFCHECHFCHWCLFCLP\
    CNYCOPCOUCRCCUCCUPCVECZKDJFDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMDGNFGTQGYDHKDHNLHRKHTGHUFIDR\
    ILSINRIQDIRRISKJMDJODJPYKESKGSKHRKMFKPWKRWKWDKYDKZTLAKLBPLKRLRDLSLLYDMADMDLMGAMKDMMKMNTMOPMRUMUR\
    MVRMWKMXNMXVMYRMZNNADNGNNIONOKNPRNZDOMRPABPENPGKPHPPKRPLNPYGQARRONRSDRUBRWFSARSBDSCRSDGSEKSGDSHP\
    SLESLLSOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTNDTOPTRYTTDTWDTZSUAHUGXUSDUSNUYIUYUUYWUZSVEDVESVNDVUVWSTXAD\
    XAFXAGXAUXBAXBBXBCXBDXCDXCGXDRXOFXPDXPFXPTXSUXTSXUAXXXYERZARZMWZWGZWL";

fn is_currency(code: &str) -> bool {
    CURRENCIES.chunks(3).any(|known| known == code.as_bytes())
}

fn is_date(text: &str) -> bool {
    // As texts, dates have the order of the calendar.
    offline_protocol::is_date(text) && text >= "1900"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_of_the_calendar_are_dates() {
        assert!(is_date("2026-11-22") && is_date("2028-02-29") && is_date("1900-01-01"));
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-1",
            "20261122",
            "2026-11-22T00:00:00Z",
            "1899-12-31",
            "+026-11-22",
            "2026-11-22-",
            "heute",
        ] {
            assert!(!is_date(text), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_library_knows_the_same_currencies() {
        let letters = || (b'A'..=b'Z').map(char::from);
        for (first, second) in letters().flat_map(|first| letters().map(move |second| (first, second))) {
            for code in letters().map(|third| String::from_iter([first, second, third])) {
                assert_eq!(is_currency(&code), iso_currency::Currency::from_code(&code).is_some(), "{code}");
            }
        }
    }

    #[test]
    fn only_currencies_of_iso_4217_are_known() {
        let errors = |code: &str| {
            let mut checks = Checks::new();
            checks.currency("/currency", code);
            checks.finish().len()
        };
        assert_eq!((errors("EUR"), errors("JPY"), errors("CHF")), (0, 0, 0));
        for code in ["eur", "EURO", "ZZZ", "", "EU", "EURUSD", "URE"] {
            assert_eq!(errors(code), 1, "{code}");
        }
    }
}
