//! All chance of a run, from its seed.

use std::time::Duration;

use offline_conformance::fakes::SeededIds;
use offline_core::Ids as _;

pub(crate) struct Dice(SeededIds);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(SeededIds::new(seed))
    }

    /// From 0 up to `bound`, without it; 0 when there is no choice.
    pub(crate) fn below(&self, bound: usize) -> usize {
        (self.0.random() * bound as f64) as usize
    }

    /// From `least` up to `most`, both included.
    pub(crate) fn between(&self, least: usize, most: usize) -> usize {
        least + self.below(most + 1 - least)
    }

    pub(crate) fn percent(&self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn millis(&self, least: usize, most: usize) -> Duration {
        Duration::from_millis(self.between(least, most) as u64)
    }

    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}
