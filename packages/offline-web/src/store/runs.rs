//! Sets of keys as runs without gaps, because a range is one request and a key is one too.

use offline_protocol::{Part, joined, whole_number};

use crate::words::{cut, parts};

/// From the first to the last key, both included.
type Run = (i64, i64);

/// A set of keys, in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runs(Vec<Run>);

impl Runs {
    /// From its text; nothing when that cannot be read, or is in no order: what is counted and deleted follows from it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut runs: Vec<Run> = Vec::new();
        for run in parts(text, b',').filter(|run| !run.is_empty()) {
            let (first, last) = cut(run, b'-')?;
            let (first, last) = (key(first)?, key(last)?);
            let before = runs.last().map_or(-1, |run| run.1);
            if first <= before || last < first || last == i64::MAX {
                return None;
            }
            runs.push((first, last));
        }
        Some(Self(runs))
    }

    /// Adds a key; at no cost when it comes after all others. (To sort them first would bring a sort into what the browser loads.)
    pub(super) fn add(&mut self, key: i64) {
        if self.contains(key) {
            return;
        }
        let place = self.0.partition_point(|(first, _)| *first < key);
        let joins_before = place > 0 && self.0[place - 1].1 + 1 == key;
        let joins_behind = self.0.get(place).is_some_and(|(first, _)| key + 1 == *first);
        match (joins_before, joins_behind) {
            (true, true) => self.0[place - 1].1 = self.0.remove(place).1,
            (true, false) => self.0[place - 1].1 = key,
            (false, true) => self.0[place].0 = key,
            (false, false) => self.0.insert(place, (key, key)),
        }
    }

    /// Takes keys out.
    pub(super) fn remove(&mut self, (first, last): Run) {
        let runs = std::mem::take(&mut self.0);
        let before = |run: &Run| (run.0, run.1.min(first - 1));
        let behind = |run: &Run| (run.0.max(last + 1), run.1);
        let rest = runs.iter().flat_map(|run| [before(run), behind(run)]);
        self.0.extend(rest.filter(|(first, last)| first <= last));
    }

    /// The first key from this one on that is not contained.
    pub(super) fn end_from(&self, key: i64) -> i64 {
        let after = self.0.partition_point(|(first, _)| *first <= key);
        after.checked_sub(1).map_or(key, |at| key.max(self.0[at].1 + 1))
    }

    /// The runs, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Run> + '_ {
        self.0.iter().copied()
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| (last - first + 1) as u64).sum()
    }

    /// Whether a key is one of them.
    pub(super) fn contains(&self, key: i64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= key);
        after.checked_sub(1).is_some_and(|at| key <= self.0[at].1)
    }
}

fn key(text: &str) -> Option<i64> {
    i64::try_from(whole_number(text)?).ok()
}

/// `1-64,70-70`.
impl Part for Runs {
    fn add_to(&self, text: &mut String) {
        for (place, (first, last)) in self.0.iter().enumerate() {
            *text += &joined![if place == 0 { "" } else { "," }, first, "-", last];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(keys: &[i64]) -> Runs {
        let mut runs = Runs::default();
        keys.iter().for_each(|key| runs.add(*key));
        runs
    }

    #[test]
    fn neighbours_join_and_gaps_separate() {
        let runs = runs(&[7, 3, 1, 2, 9, 8, 3]);
        assert_eq!(runs.iter().collect::<Vec<_>>(), [(1, 3), (7, 9)]);
        assert_eq!(runs.len(), 6);
    }

    #[test]
    fn exactly_the_collected_keys_are_contained() {
        let keys = [2, 3, 5, 9];
        let runs = runs(&keys);
        for key in 0..12 {
            assert_eq!(runs.contains(key), keys.contains(&key), "{key}");
        }
        assert!(!Runs::default().contains(0));
    }

    #[test]
    fn keys_are_taken_out_wherever_they_stand() {
        let all = [1, 2, 3, 4, 7, 8, 9];
        for first in 0..11 {
            for last in first..11 {
                let mut taken = runs(&all);
                taken.remove((first, last));
                let rest: Vec<i64> = all.into_iter().filter(|key| *key < first || *key > last).collect();
                assert_eq!(taken, runs(&rest), "{first} to {last}");
            }
        }
    }

    #[test]
    fn the_end_of_a_run_is_the_first_key_that_is_missing() {
        let runs = runs(&[2, 3, 5]);
        assert_eq!([1, 2, 3, 4, 5, 6].map(|key| runs.end_from(key)), [1, 4, 4, 4, 6, 6]);
    }

    #[test]
    fn runs_come_back_from_their_text_and_nonsense_does_not() {
        for keys in [&[][..], &[1, 2, 4], &[64, 128]] {
            assert_eq!(Runs::parse(&joined![runs(keys)]), Some(runs(keys)));
        }
        assert_eq!(joined![runs(&[1, 2, 4])], "1-2,4-4");
        for text in [
            "1",
            "1-",
            "a-b",
            "1-2;3-4",
            "[[1,2]]",
            "2-1",
            "1-4,3-6",
            "4-6,1-2",
            "0-9223372036854775807",
            "1--2",
        ] {
            assert_eq!(Runs::parse(text), None, "{text}");
        }
    }
}
