//! Finds things one after another that mostly stand in the order in which they are asked for.

/// Things that are taken out by a test, cheaply when each stands behind the one that was taken before.
pub(crate) struct Pick<T> {
    items: Vec<Option<T>>,
    next: usize,
}

impl<T> Pick<T> {
    pub(crate) fn new(items: Vec<T>) -> Self {
        Self { items: items.into_iter().map(Some).collect(), next: 0 }
    }

    /// Takes the first one that passes and was not taken yet, looking from the last one taken on and then from the start.
    pub(crate) fn take(&mut self, passes: impl Fn(&T) -> bool) -> Option<T> {
        let count = self.items.len();
        let place = (self.next..count)
            .chain(0..self.next)
            .find(|place| self.items[*place].as_ref().is_some_and(&passes))?;
        self.next = place + 1;
        self.items[place].take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_found_in_any_order_and_once() {
        let mut pick = Pick::new(vec![1, 2, 3, 4]);
        let taken: Vec<_> =
            [2, 3, 1, 4, 3, 7].iter().map(|wanted| pick.take(|item| item == wanted)).collect();
        assert_eq!(taken, [Some(2), Some(3), Some(1), Some(4), None, None]);
    }
}
