//! Sets of numbers as runs without gaps, because a range is one request and a number is one too.

use serde::{Deserialize, Serialize};

/// From the first to the last number, both included.
pub(crate) type Run = (u64, u64);

/// A set of numbers, in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Runs(Vec<Run>);

impl Runs {
    /// The runs, in order.
    #[cfg_attr(
        not(target_arch = "wasm32"),
        allow(dead_code, reason = "the stores that use it are of the browser")
    )]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.0.iter()
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether a number is one of them.
    pub(crate) fn contains(&self, number: u64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= number);
        after.checked_sub(1).is_some_and(|at| number <= self.0[at].1)
    }
}

impl FromIterator<u64> for Runs {
    /// From numbers in any order, with or without repetitions.
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut numbers: Vec<u64> = numbers.into_iter().collect();
        numbers.sort_unstable();
        let mut runs: Vec<Run> = Vec::new();
        for number in numbers {
            match runs.last_mut() {
                Some((_, last)) if number <= *last + 1 => *last = number,
                _ => runs.push((number, number)),
            }
        }
        Self(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_join_and_gaps_separate() {
        let runs: Runs = [7, 3, 1, 2, 9, 8, 3].into_iter().collect();
        assert_eq!(runs.iter().copied().collect::<Vec<_>>(), [(1, 3), (7, 9)]);
        assert_eq!(runs.len(), 6);
    }

    #[test]
    fn exactly_the_collected_numbers_are_contained() {
        let numbers = [2, 3, 5, 9];
        let runs: Runs = numbers.into_iter().collect();
        for number in 0..12 {
            assert_eq!(runs.contains(number), numbers.contains(&number), "{number}");
        }
        assert!(!Runs::default().contains(0));
    }

    #[test]
    fn runs_are_stored_as_pairs() {
        let runs: Runs = [1, 2, 4].into_iter().collect();
        assert_eq!(serde_json::to_string(&runs).unwrap(), "[[1,2],[4,4]]");
    }
}
