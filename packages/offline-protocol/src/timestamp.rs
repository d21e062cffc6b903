use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Part, ValueError, joined};

/// The last millisecond of the year 9999, the end of what RFC 3339 can write.
const MAX_MILLIS: i64 = 253_402_300_799_999;

/// A moment in UTC with millisecond precision, from 1970 to 9999. On the wire RFC 3339 with three decimals.
///
/// A client's clock may be wrong: times describe, they never order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00.000Z.
    pub const EPOCH: Self = Self(0);

    /// Milliseconds since 1970; values outside the range are moved to its nearest end.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > MAX_MILLIS {
            Self(MAX_MILLIS)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This moment and `span` more; stops at the end of the range.
    #[must_use]
    pub fn plus(self, span: std::time::Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(MAX_MILLIS);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// How long from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Reads RFC 3339 in UTC; digits beyond milliseconds are cut off. A leap second counts as the last millisecond before it.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        millis(text.as_bytes()).map(Self).ok_or(ValueError::Timestamp)
    }
}

/// Whether a text is a day of the calendar as RFC 3339 writes it, `2026-11-22`, from the year 0000 to 9999.
pub fn is_date(text: &str) -> bool {
    day(text.as_bytes()).is_some()
}

/// Year, month and day.
fn day(text: &[u8]) -> Option<(i64, i64, i64)> {
    let [year @ .., b'-', m, n, b'-', d, e] = text else { return None };
    let (year, month, day) = (digits(year)?, digits(&[*m, *n])?, digits(&[*d, *e])?);
    let valid =
        text.len() == 10 && (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
    valid.then_some((year, month, day))
}

/// The fields of RFC 3339 by their places, with anything between day and hour, as the RFC has it. A library for all its forms and zones is a hundredth of what a browser loads of the engine.
fn millis(text: &[u8]) -> Option<i64> {
    let (moment, rest) = text.split_at_checked(19)?;
    let separators = [moment[13], moment[16]];
    let number = |from: usize, to: usize| digits(&moment[from..to]);
    let (year, month, day) = day(&moment[..10])?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let (fraction, zone) = match rest {
        [b'.', rest @ ..] => rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count()),
        _ => (&b"0"[..], rest),
    };
    let valid = separators == *b"::"
        && (hour < 24 && minute < 60 && !fraction.is_empty())
        && matches!(zone, b"Z" | b"z" | b"+00:00" | b"-00:00");
    let leap = second == 60 && (hour, minute) == (23, 59) && day == days_of_month(year, month);
    if !valid || second > 59 && !leap || year < 1970 {
        return None;
    }
    let mut within = 0;
    for place in 0..3 {
        within = within * 10 + fraction.get(place).map_or(0, |digit| i64::from(digit - b'0'));
    }
    let (second, within) = if leap { (59, 999) } else { (second, within) };
    let minutes = (days_until(year, month, day) * 24 + hour) * 60 + minute;
    Some((minutes * 60 + second) * 1000 + within)
}

fn digits(text: &[u8]) -> Option<i64> {
    let digit = |sum, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'));
    text.iter().try_fold(0, digit)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from the first of 1970 to this one. Years begin in March, so that a leap day is the last of its year, and the months from there have
/// 30.6 days, rounded.
fn days_until(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    // 719,469 days lie between the first of March of the year 0 and the day before 1970, and a day is counted from 1.
    year * 365 + leap_days(year) + (month * 153 + 2) / 5 + day - 719_469
}

/// How many leap days there were from March of the year 0 to that of this one.
fn leap_days(year: i64) -> i64 {
    year / 4 - year / 100 + year / 400
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&joined![self])
    }
}

impl Part for Timestamp {
    fn add_to(&self, text: &mut String) {
        let (seconds, millis) = (self.0 / 1000, self.0 % 1000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // A guess that is never too early: from March of the year 0 on, as in `days_until`.
        let days = days + 719_468;
        let mut year = days / 365;
        let mut day = days - year * 365 - leap_days(year);
        while day < 0 {
            year -= 1;
            day = days - year * 365 - leap_days(year);
        }
        let month = (day * 5 + 2) / 153;
        let day = day - (month * 153 + 2) / 5 + 1;
        let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
        number(text, 4, year, '-');
        number(text, 2, month, '-');
        number(text, 2, day, 'T');
        number(text, 2, second / 3600, ':');
        number(text, 2, second / 60 % 60, ':');
        number(text, 2, second % 60, '.');
        number(text, 3, millis, 'Z');
    }
}

/// A number with so many digits, and what stands behind it.
fn number(text: &mut String, digits: usize, number: i64, behind: char) {
    let mut power = [1, 10, 100, 1000][digits - 1];
    while power > 0 {
        text.push(char::from(b'0' + (number / power % 10) as u8));
        power /= 10;
    }
    text.push(behind);
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

    use super::*;

    /// The same by a library.
    fn by_library(text: &str) -> Option<i64> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let millis = i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok()?;
        (moment.offset() == UtcOffset::UTC && (0..=MAX_MILLIS).contains(&millis)).then_some(millis)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn a_moment_is_written_as_a_library_writes_it(millis in 0..=MAX_MILLIS) {
            let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap();
            let written = Timestamp::from_millis(millis).to_string();
            prop_assert_eq!(&written[..19], &moment.format(&Rfc3339).unwrap()[..19]);
            prop_assert_eq!(&written[19..], format!(".{:03}Z", millis % 1000));
        }

        #[test]
        fn a_text_is_read_as_a_library_reads_it(
            year in 1960..2110, month in 0..14, day in 0..33, hour in 0..26, minute in 0..62, second in 0..63,
            fraction in "(\\.[0-9]{0,10})?", zone in "Z|z|[+-]00:0[01]|[+-]0[0-9]:00||Z ", separator in "T|t| |-", cut in 0..40usize,
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}{fraction}{zone}");
            prop_assert_eq!(Timestamp::parse(&text).ok().map(|read| read.0), by_library(&text), "{}", text);
            let part: String = text.chars().take(cut).collect();
            prop_assert_eq!(Timestamp::parse(&part).ok().map(|read| read.0), by_library(&part), "{}", part);
        }

        #[test]
        fn the_end_of_a_day_is_read_as_a_library_reads_it(
            year in 1969..2110, month in 1..13, day in 27..32, second in 58..62, fraction in "(\\.[0-9]{1,4})?",
        ) {
            let text = format!("{year}-{month:02}-{day}T23:59:{second}{fraction}Z");
            prop_assert_eq!(Timestamp::parse(&text).ok().map(|read| read.0), by_library(&text), "{}", text);
        }

        #[test]
        fn no_text_brings_it_down(text in ".{0,40}", digits in "[0-9TZ:.+-]{15,30}") {
            prop_assert_eq!(Timestamp::parse(&text).ok().map(|read| read.0), by_library(&text));
            prop_assert_eq!(Timestamp::parse(&digits).ok().map(|read| read.0), by_library(&digits));
        }

        #[test]
        fn every_moment_survives_the_wire(millis in 0..=MAX_MILLIS) {
            let moment = Timestamp::from_millis(millis);
            prop_assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        }
    }

    #[test]
    fn only_utc_within_the_range_is_read() {
        assert_eq!(Timestamp::parse("1970-01-01T00:00:01.5Z"), Ok(Timestamp(1500)));
        assert_eq!(Timestamp::parse("2026-11-22T18:00:00.123999Z").map(|t| t.0 % 1000), Ok(123));
        for text in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T18:00:00",
            "2026-11-22T18:00:00+01:00",
            "1969-12-31T23:59:59Z",
            "2026-02-30T00:00:00Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
