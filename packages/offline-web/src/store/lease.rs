use std::time::Duration;

use offline_core::{Fence, Lease, StoreError, Takeover, store_rules};
use offline_protocol::{Timestamp, joined, whole_number};

use crate::{
    idb::{Answer, Plan, Seen, Step, Store},
    words::parts,
};

const LEASE: &str = "lease";

/// The partition's lease as it is stored: `<fence>`, or `<fence> <until, in milliseconds> <holder>` while it is held. The fence stays when the
/// lease is given back, for the next one must be greater.
#[derive(Default)]
pub(super) struct LeaseRow {
    fence: u64,
    held: Option<Lease>,
}

/// What somebody wants who wants the lease.
pub(super) struct Wanted {
    pub(super) holder: String,
    pub(super) now: Timestamp,
    pub(super) ttl: Duration,
    pub(super) takeover: Takeover,
}

impl LeaseRow {
    /// Asks for it.
    pub(super) fn ask(plan: &mut Plan) {
        plan.text(Store::Meta, LEASE);
    }

    /// The answer to [`LeaseRow::ask`].
    pub(super) fn of(answer: &Answer) -> Result<Self, StoreError> {
        let Some(row) = answer.first() else { return Ok(Self::default()) };
        Self::parse(&row.text).ok_or(StoreError::Corrupt { what: "lease" })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = parts(text, b' ');
        let fence = whole_number(parts.next()?)?;
        let Some(until) = parts.next() else { return Some(Self { fence, held: None }) };
        let expires_at = Timestamp::from_millis(i64::try_from(whole_number(until)?).ok()?);
        let holder = parts.rest()?.to_owned();
        Some(Self { fence, held: Some(Lease { holder, fence: Fence(fence), expires_at }) })
    }

    /// Whether this is the fence of the current lease.
    pub(super) fn check(&self, fence: Fence) -> Result<(), StoreError> {
        if self.is_current(fence) { Ok(()) } else { Err(StoreError::Fenced) }
    }

    fn is_current(&self, fence: Fence) -> bool {
        self.held.is_some() && self.fence == fence.0
    }

    fn put(&self, plan: &mut Plan) {
        let fence = self.fence;
        let text = match &self.held {
            Some(held) => joined![fence, " ", held.expires_at.as_millis(), " ", held.holder],
            None => joined![fence],
        };
        plan.put_text(Store::Meta, LEASE, text);
    }
}

/// Answers [`offline_core::LeaseStore::acquire`].
pub(super) fn acquire(
    wanted: &Wanted,
    seen: &Seen<'_>,
    plan: &mut Plan,
) -> Result<Step<Option<Lease>>, StoreError> {
    let [answer] = seen.answers else {
        LeaseRow::ask(plan);
        return Ok(Step::More);
    };
    let row = LeaseRow::of(answer)?;
    let Wanted { holder, now, ttl, takeover } = wanted;
    if !store_rules::may_take(row.held.as_ref(), holder, *now, *ttl, *takeover) {
        return Ok(Step::Done(None));
    }
    let fence = row.fence + 1;
    let lease = Lease { holder: holder.clone(), fence: Fence(fence), expires_at: now.plus(*ttl) };
    LeaseRow { fence, held: Some(lease.clone()) }.put(plan);
    Ok(Step::Done(Some(lease)))
}

/// Answers [`offline_core::LeaseStore::renew`] with the new end, and [`offline_core::LeaseStore::release`] without.
pub(super) fn change(
    fence: Fence,
    expires_at: Option<Timestamp>,
    seen: &Seen<'_>,
    plan: &mut Plan,
) -> Result<Step<bool>, StoreError> {
    let [answer] = seen.answers else {
        LeaseRow::ask(plan);
        return Ok(Step::More);
    };
    let mut row = LeaseRow::of(answer)?;
    let current = row.is_current(fence);
    if current {
        row.held = row.held.zip(expires_at).map(|(held, expires_at)| Lease { expires_at, ..held });
        row.put(plan);
    }
    Ok(Step::Done(current))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idb::Row;

    fn row(text: &str) -> Result<LeaseRow, StoreError> {
        LeaseRow::of(&vec![Row { key: 0, text: text.to_owned(), size: 0 }])
    }

    #[test]
    fn a_lease_is_read_as_it_was_written_and_nonsense_is_corrupt() {
        assert!(row("7").unwrap().held.is_none());
        let held = row("8 5 a holder").unwrap().held.unwrap();
        assert_eq!((held.fence, held.expires_at.as_millis(), &*held.holder), (Fence(8), 5, "a holder"));
        for text in ["", "x", "1 2", "1 soon holder", "{\"fence\":1}"] {
            assert!(matches!(row(text), Err(StoreError::Corrupt { .. })), "{text}");
        }
    }
}
