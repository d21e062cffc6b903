use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use offline_protocol::{Timestamp, UserId, WorkspaceId};

use crate::{
    Clock, Identity, Membership,
    seats::{Permit, SeatLimits, Seats},
};

/// How many users are watched at most, some 150 bytes each. At that many, those are forgotten who have their whole allowance, and when
/// they are fewer than half, all.
const MOST: usize = 100_000;

/// How much one user of one workspace may ask for. A request costs one, a batch as much as it has commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How much he gets in each second, at least 1.
    pub per_second: u32,
    /// How much he can save up, at least 1. A batch of more commands than that costs this much.
    pub burst: u32,
}

/// How many large things may be on their way at once, pages to their readers, and bodies from their senders. Each has some megabytes, and stays
/// in memory for as long as the other side takes.
const LARGE: SeatLimits = SeatLimits { per_user: 16, per_workspace: 64, total: 256 };

/// When there may be room for another one.
const LARGE_WAIT: Duration = Duration::from_secs(1);

/// Watches what each user asks for, by (workspace, user), on this node alone. The default watches nothing but how many pages he reads and how
/// many large bodies he sends at once: 16 of each, those of a workspace 64, all 256.
#[derive(Clone)]
pub struct Rates {
    watch: Option<Arc<Watch>>,
    pages: Arc<Seats>,
    bodies: Arc<Seats>,
}

impl Default for Rates {
    fn default() -> Self {
        let seats = || Arc::new(Seats::new(LARGE));
        Self { watch: None, pages: seats(), bodies: seats() }
    }
}

struct Watch {
    limit: RateLimit,
    clock: Arc<dyn Clock>,
    allowances: Mutex<HashMap<(WorkspaceId, UserId), Allowance>>,
}

/// What a user had at a moment, in thousandths, because that is what a millisecond brings.
#[derive(Clone, Copy)]
struct Allowance {
    left: u64,
    at: Timestamp,
}

impl Rates {
    /// Limits every user to this.
    pub fn new(limit: RateLimit, clock: Arc<dyn Clock>) -> Self {
        let limit = RateLimit { per_second: limit.per_second.max(1), burst: limit.burst.max(1) };
        let watch = Arc::new(Watch { limit, clock, allowances: Mutex::default() });
        Self { watch: Some(watch), ..Self::default() }
    }

    /// Takes from the user's allowance; the error says when there will be enough, and nothing is taken.
    pub(crate) fn take(&self, identity: &Identity, cost: u32) -> Result<(), Duration> {
        self.watch.as_ref().map_or(Ok(()), |watch| watch.take(identity, cost))
    }

    /// The right to have a page on its way, until it is dropped; the error says when to ask again.
    pub(crate) fn page(&self, membership: &Membership) -> Result<Permit, Duration> {
        self.pages.take(membership.workspace_id(), membership.user_id()).map_err(|_| LARGE_WAIT)
    }

    /// The same for a large body.
    pub(crate) fn body(&self, workspace: &WorkspaceId, user: &UserId) -> Result<Permit, Duration> {
        self.bodies.take(workspace, user).map_err(|_| LARGE_WAIT)
    }
}

impl Watch {
    fn take(&self, identity: &Identity, cost: u32) -> Result<(), Duration> {
        let now = self.clock.now();
        let cost = u64::from(cost.min(self.limit.burst)) * 1000;
        let mut allowances = self.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        let user = (identity.workspace_id.clone(), identity.user_id.clone());
        let known = allowances.get(&user).copied();
        if known.is_none() && allowances.len() >= MOST {
            allowances.retain(|_, allowance| self.now(*allowance, now) < self.whole());
            if allowances.len() > MOST / 2 {
                allowances.clear();
            }
        }
        let left = known.map_or(self.whole(), |allowance| self.now(allowance, now));
        let enough = left >= cost;
        let left_after = if enough { left - cost } else { left };
        allowances.insert(user, Allowance { left: left_after, at: now });
        if enough {
            return Ok(());
        }
        Err(Duration::from_millis((cost - left).div_ceil(u64::from(self.limit.per_second))))
    }

    const fn whole(&self) -> u64 {
        self.limit.burst as u64 * 1000
    }

    /// What an allowance has become. A clock that was set back brings nothing.
    fn now(&self, allowance: Allowance, now: Timestamp) -> u64 {
        let millis = u64::try_from(now.since(allowance.at).as_millis()).unwrap_or(u64::MAX);
        let brought = millis.saturating_mul(u64::from(self.limit.per_second));
        allowance.left.saturating_add(brought).min(self.whole())
    }
}

impl std::fmt::Debug for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rates({:?})", self.watch.as_ref().map(|watch| watch.limit))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    struct Rig {
        rates: Rates,
        clock: Arc<AtomicI64>,
    }

    fn rig(per_second: u32, burst: u32) -> Rig {
        let clock = Arc::new(AtomicI64::new(1_795_370_400_000));
        let ticking = Arc::clone(&clock);
        let now = Arc::new(move || Timestamp::from_millis(ticking.load(Ordering::SeqCst)));
        Rig { rates: Rates::new(RateLimit { per_second, burst }, now), clock }
    }

    fn user(name: &str) -> Identity {
        Identity { workspace_id: WorkspaceId::new("acme").unwrap(), user_id: UserId::new(name).unwrap() }
    }

    #[test]
    fn an_allowance_is_used_up_and_comes_back_with_time() {
        let Rig { rates, clock } = rig(10, 100);
        let ana = user("ana");
        assert_eq!(rates.take(&ana, 60), Ok(()));
        assert_eq!(rates.take(&ana, 60), Err(Duration::from_secs(2)), "20 are missing, 10 come in a second");
        assert_eq!(rates.take(&ana, 40), Ok(()), "the refused one has taken nothing");
        assert_eq!(rates.take(&user("ben"), 100), Ok(()), "another user's is another one");
        clock.fetch_add(1_950, Ordering::SeqCst);
        assert_eq!(rates.take(&ana, 20), Err(Duration::from_millis(50)));
        clock.fetch_add(50, Ordering::SeqCst);
        assert_eq!(rates.take(&ana, 20), Ok(()));
        clock.fetch_add(1_000_000_000, Ordering::SeqCst);
        assert_eq!(rates.take(&ana, 100), Ok(()), "no more than the whole is saved up");
        assert!(rates.take(&ana, 1).is_err());
    }

    #[test]
    fn what_is_larger_than_the_burst_passes_when_all_is_there() {
        let Rig { rates, clock } = rig(1, 10);
        assert_eq!(rates.take(&user("ana"), 1000), Ok(()));
        assert_eq!(rates.take(&user("ana"), 1000), Err(Duration::from_secs(10)));
        clock.fetch_add(10_000, Ordering::SeqCst);
        assert_eq!(rates.take(&user("ana"), 1000), Ok(()));
        let Rig { rates, .. } = rig(0, 0);
        assert_eq!(rates.take(&user("ana"), u32::MAX), Ok(()), "nonsense is read as the least");
        assert_eq!(rates.take(&user("ana"), 1), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_clock_that_is_set_back_brings_nothing_and_harms_nothing() {
        let Rig { rates, clock } = rig(1, 10);
        assert_eq!(rates.take(&user("ana"), 10), Ok(()));
        clock.fetch_sub(3_600_000, Ordering::SeqCst);
        assert_eq!(rates.take(&user("ana"), 1), Err(Duration::from_secs(1)));
        clock.fetch_add(1_000, Ordering::SeqCst);
        assert_eq!(rates.take(&user("ana"), 1), Ok(()));
    }

    #[test]
    fn however_many_users_there_are_only_so_many_are_watched() {
        let Rig { rates, clock } = rig(1, 10);
        for number in 0..MOST {
            assert_eq!(rates.take(&user(&format!("u{number}")), 1), Ok(()));
        }
        let watched = || rates.watch.as_ref().unwrap().allowances.lock().unwrap().len();
        assert_eq!(watched(), MOST);
        clock.fetch_add(1_000, Ordering::SeqCst);
        assert_eq!(rates.take(&user("one-more"), 1), Ok(()));
        assert_eq!(watched(), 1, "all the others had their whole allowance again");
    }
}
