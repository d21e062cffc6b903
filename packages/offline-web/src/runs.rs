//! Sets of numbers as runs without gaps, because a range is one request and a number is one too.

use serde::Serialize;

/// From the first to the last number, both included.
pub(crate) type Run = (u64, u64);

/// A set of numbers, in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Runs(Vec<Run>);

impl Runs {
    /// From runs as they were stored, in ascending order.
    #[cfg_attr(
        not(target_arch = "wasm32"),
        allow(dead_code, reason = "the stores that use it are of the browser")
    )]
    pub(crate) fn stored(runs: Vec<Run>) -> Self {
        Self(runs)
    }

    /// Adds a number; at no cost when it comes after all others. (To sort them first would bring a sort into what the browser loads.)
    fn add(&mut self, number: u64) {
        if self.contains(number) {
            return;
        }
        let place = self.0.partition_point(|(first, _)| *first < number);
        let joins_before = place > 0 && self.0[place - 1].1 + 1 == number;
        let joins_behind = self.0.get(place).is_some_and(|(first, _)| number + 1 == *first);
        match (joins_before, joins_behind) {
            (true, true) => self.0[place - 1].1 = self.0.remove(place).1,
            (true, false) => self.0[place - 1].1 = number,
            (false, true) => self.0[place].0 = number,
            (false, false) => self.0.insert(place, (number, number)),
        }
    }

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
        let mut runs = Self::default();
        numbers.into_iter().for_each(|number| runs.add(number));
        runs
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
