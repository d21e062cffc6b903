//! How many tests ran: read from the closing lines of the runners, never counted by ourselves.

use std::fmt;
use std::ops::AddAssign;

/// Tests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Ran, and held.
    pub(crate) passed: u64,
    /// Ran, and did not hold; also those that held only at a second attempt.
    pub(crate) failed: u64,
    /// Did not run.
    pub(crate) skipped: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(out, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Whose closing lines are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// `test result: ok. 12 passed; 0 failed; 1 ignored; ...`, one line a test binary.
    Cargo,
    /// `Tests  1 failed | 12 passed (13)`, one line a workspace.
    Vitest,
    /// `12 passed (3.4s)`, `1 failed`, `1 flaky`, `2 did not run`: one line each.
    Playwright,
    /// `2345 generated, 2345 passed, 10 skipped`, or `2345 generated, 3 found 2 unique failures, 1 errored`.
    Schemathesis,
}

impl Runner {
    /// What a line of output adds to the tally; nothing for lines that are not closing lines.
    pub(crate) fn read(self, line: &str) -> Tally {
        let line = without_colours(line);
        let line = line.trim();
        match self {
            Self::Cargo => line
                .strip_prefix("test result: ")
                .and_then(|rest| rest.split_once(". "))
                .map(|(_, counts)| sum(counts.split(';')))
                .unwrap_or_default(),
            Self::Vitest => match line.strip_prefix("Tests ") {
                Some(counts) => sum(counts.split('|')),
                None => Tally::default(),
            },
            Self::Playwright => playwright(line),
            Self::Schemathesis => schemathesis(line).unwrap_or_default(),
        }
    }
}

/// Adds up parts like `3 passed`; what comes after the word does not matter.
fn sum<'a>(parts: impl Iterator<Item = &'a str>) -> Tally {
    let mut tally = Tally::default();
    for part in parts {
        let mut words = part.split_whitespace();
        let (Some(Ok(count)), Some(word)) = (words.next().map(str::parse), words.next()) else { continue };
        tally += in_words(count, word);
    }
    tally
}

fn playwright(line: &str) -> Tally {
    let Some((count, words)) = line.split_once(' ') else { return Tally::default() };
    let Ok(count) = count.parse() else { return Tally::default() };
    // `12 passed (3.4s)`: the bracket is the whole run's time, on the last line only.
    match words.split_once(" (").map_or(words, |(words, _)| words) {
        "did not run" => in_words(count, "skipped"),
        word @ ("passed" | "failed" | "flaky" | "skipped" | "interrupted") => in_words(count, word),
        _ => Tally::default(),
    }
}

/// What it calls passed are all cases, those included that no check applied to.
fn schemathesis(line: &str) -> Option<Tally> {
    let (generated, rest) = line.split_once(" generated")?;
    let generated: u64 = generated.parse().ok()?;
    let mut tally = Tally::default();
    for part in rest.split(", ").skip(1) {
        let (count, word) = part.split_once(' ')?;
        let count: u64 = count.parse().ok()?;
        match word.split(' ').next()? {
            "found" | "errored" => tally.failed += count,
            "skipped" => tally.skipped += count,
            _ => {}
        }
    }
    tally.passed = generated.saturating_sub(tally.failed + tally.skipped);
    Some(tally)
}

fn in_words(count: u64, word: &str) -> Tally {
    match word {
        "passed" => Tally { passed: count, ..Tally::default() },
        "failed" | "flaky" | "interrupted" => Tally { failed: count, ..Tally::default() },
        "ignored" | "skipped" | "todo" => Tally { skipped: count, ..Tally::default() },
        _ => Tally::default(),
    }
}

/// The line without the escape sequences that colour it.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // Up to and including the letter that ends the sequence.
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally { passed, failed, skipped }
    }

    #[test]
    fn cargo_closing_lines_count_and_other_lines_do_not() {
        let line =
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s";
        assert_eq!(Runner::Cargo.read(line), tally(12, 0, 1));
        let line =
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9s";
        assert_eq!(Runner::Cargo.read(line), tally(2, 1, 0));
        assert_eq!(Runner::Cargo.read("test a::b ... ok"), Tally::default());
        assert_eq!(Runner::Cargo.read("running 12 tests"), Tally::default());
    }

    #[test]
    fn vitest_closing_lines_count_tests_and_not_files() {
        assert_eq!(Runner::Vitest.read("      Tests  9 passed (9)"), tally(9, 0, 0));
        let mixed = "      Tests  1 failed | 12 passed | 2 skipped (15)";
        assert_eq!(Runner::Vitest.read(mixed), tally(12, 1, 2));
        assert_eq!(Runner::Vitest.read(" Test Files  2 passed (2)"), Tally::default());
        assert_eq!(Runner::Vitest.read("      Tests  no tests"), Tally::default());
    }

    #[test]
    fn schemathesis_closing_lines_count_cases_and_not_unique_failures() {
        let read = |line| Runner::Schemathesis.read(line);
        assert_eq!(read("  2345 generated, 2345 passed, 10 skipped"), tally(2335, 0, 10));
        assert_eq!(read("  2345 generated, 2345 passed"), tally(2345, 0, 0));
        assert_eq!(read("  100 generated, 3 found 2 unique failures, 1 errored"), tally(96, 4, 0));
        assert_eq!(read("  No test cases were generated"), Tally::default());
        assert_eq!(read("data generated by examples"), Tally::default());
    }

    #[test]
    fn playwright_closing_lines_count_flaky_as_failed() {
        assert_eq!(Runner::Playwright.read("  5 passed (3.2s)"), tally(5, 0, 0));
        assert_eq!(Runner::Playwright.read("  1 failed"), tally(0, 1, 0));
        assert_eq!(Runner::Playwright.read("  2 flaky"), tally(0, 2, 0));
        assert_eq!(Runner::Playwright.read("  3 did not run"), tally(0, 0, 3));
        assert_eq!(Runner::Playwright.read("Running 5 tests using 1 worker"), Tally::default());
        assert_eq!(Runner::Playwright.read("  3 passed through the proxy"), Tally::default());
    }

    #[test]
    fn colours_do_not_hide_a_closing_line() {
        let line = "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m9 passed\u{1b}[39m\u{1b}[22m (9)";
        assert_eq!(Runner::Vitest.read(line), tally(9, 0, 0));
    }
}
