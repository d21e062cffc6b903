//! A map in a list, for which no hashing and no tree needs to be loaded.

use offline_protocol::CommandId;

/// Values by key, in the order of the keys. Cheap to fill when the keys come in their order, as ids and seqs mostly do.
pub(super) struct Sorted<K, V>(Vec<(K, V)>);

impl<K: Ord, V> Sorted<K, V> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Puts a value in, unless the key has one.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Err(place) = self.find(&key) {
            self.0.insert(place, (key, value));
        }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).ok().map(|place| &mut self.0[place].1)
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.find(key).ok().map(|place| &self.0[place].1)
    }

    pub(super) fn take(&mut self, key: &K) -> Option<V> {
        self.find(key).ok().map(|place| self.0.remove(place).1)
    }

    /// Where a key is, or is to be. Called, so that it is compiled once for each kind of map.
    #[inline(never)]
    fn find(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    /// The keys, in their order.
    pub(super) fn into_keys(self) -> Vec<K> {
        self.0.into_iter().map(|(key, _)| key).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut (K, V)> {
        self.0.iter_mut()
    }
}

impl Sorted<CommandId, ()> {
    /// The set of these.
    pub(super) fn of_ids(ids: &[CommandId]) -> Self {
        ids.iter().map(|id| (*id, ())).collect()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let mut sorted = Self::new();
        items.into_iter().for_each(|(key, value)| sorted.insert(key, value));
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_keys_in_whatever_order_they_came() {
        let mut sorted: Sorted<u32, &str> =
            [(3, "c"), (1, "a"), (2, "b"), (1, "again")].into_iter().collect();
        assert_eq!(
            [0, 1, 2, 3, 4].map(|key| sorted.get(&key).copied()),
            [None, Some("a"), Some("b"), Some("c"), None]
        );
        *sorted.get_mut(&2).unwrap() = "changed";
        assert_eq!((sorted.get(&2), sorted.len()), (Some(&"changed"), 3));
        assert_eq!(sorted.iter_mut().map(|(key, _)| *key).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
