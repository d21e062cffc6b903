use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use offline_core::{Fence, Lease, Takeover};

use crate::{
    Failed, Partition, Proof, StoreCase, StoreHarness,
    case::{cases, ensure, ensure_eq},
    samples::at,
};

type Harness = Arc<dyn StoreHarness>;

const TTL: Duration = Duration::from_secs(30);

/// Every guarantee of [`offline_core::LeaseStore`].
pub fn lease_store() -> Vec<StoreCase> {
    cases![
        a_free_lease_can_be_taken,
        a_held_lease_cannot_be_taken,
        of_many_at_once_exactly_one_gets_a_free_lease,
        of_many_at_once_exactly_one_gets_an_expired_lease,
        ones_own_lease_can_be_taken_again,
        a_takeover_is_always_granted,
        the_fence_grows_with_every_acquisition,
        the_fence_grows_over_a_restart_and_a_release,
        a_lease_survives_a_restart,
        a_lease_expires_when_its_time_has_come,
        a_lease_that_ends_impossibly_late_is_expired,
        a_clock_that_jumped_back_and_forth_blocks_nobody,
        renewing_moves_the_end,
        an_expired_lease_that_nobody_took_can_be_renewed,
        a_lost_lease_cannot_be_renewed_or_released,
        a_released_lease_is_free,
        a_lease_is_released_once,
    ]
}

impl Partition {
    async fn try_acquire(&self, holder: &str, second: i64) -> Result<Option<Lease>, Failed> {
        Ok(self.lease.acquire(holder, at(second), TTL, Takeover::IfExpired).await?)
    }

    async fn acquire(&self, holder: &str, second: i64) -> Result<Lease, Failed> {
        let lease = self.try_acquire(holder, second).await?;
        lease.ok_or_else(|| Failed::new(format_args!("{holder} did not get a lease that was free")))
    }
}

async fn a_free_lease_can_be_taken(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let lease = partition.acquire("a", 0).await?;
    ensure_eq!(lease.holder, "a");
    ensure_eq!(lease.expires_at, at(0).plus(TTL));
    ensure!(lease.fence >= Fence(1), "the first fence is {:?}", lease.fence);
    Ok(())
}

async fn a_held_lease_cannot_be_taken(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let lease = one.acquire("a", 0).await?;
    for second in [0, 1, 29] {
        ensure!(two.try_acquire("b", second).await?.is_none(), "a lease was taken that somebody holds");
        ensure!(one.try_acquire("b", second).await?.is_none(), "a lease was taken that somebody holds");
    }
    ensure!(one.lease.renew(&lease, at(5), TTL).await?, "a refused acquisition cost the holder his lease");
    Ok(())
}

/// Ten holders over two openers reach for the lease at once; returns the one who got it.
async fn one_of_ten(one: &Partition, two: &Partition, second: i64) -> Result<Lease, Failed> {
    let tries = (0..10).map(|number| {
        let partition = if number % 2 == 0 { one.clone() } else { two.clone() };
        async move { partition.try_acquire(&format!("holder-{second}-{number}"), second).await }
    });
    let mut winners = Vec::new();
    for lease in join_all(tries).await {
        winners.extend(lease?);
    }
    match winners.pop() {
        Some(lease) if winners.is_empty() => Ok(lease),
        Some(_) => Err(Failed::new(format_args!("{} got the lease at once", winners.len() + 1))),
        None => Err(Failed::new("nobody got the lease")),
    }
}

async fn of_many_at_once_exactly_one_gets_a_free_lease(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let first = one_of_ten(&one, &two, 0).await?;
    ensure!(one.lease.release(&first).await?, "the holder could not release");
    let second = one_of_ten(&one, &two, 1).await?;
    ensure!(second.fence > first.fence, "{:?} follows {:?}", second.fence, first.fence);
    Ok(())
}

async fn of_many_at_once_exactly_one_gets_an_expired_lease(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    one.acquire("a", 0).await?;
    let lease = one_of_ten(&one, &two, 30).await?;
    ensure!(two.lease.renew(&lease, at(31), TTL).await?, "the winner does not hold the lease");
    Ok(())
}

async fn ones_own_lease_can_be_taken_again(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let first = partition.acquire("a", 0).await?;
    let second = partition.acquire("a", 1).await?;
    ensure!(second.fence > first.fence, "{:?} follows {:?}", second.fence, first.fence);
    ensure!(!partition.lease.renew(&first, at(2), TTL).await?, "an older lease of one's own was renewed");
    ensure!(partition.lease.renew(&second, at(2), TTL).await?, "the current lease was not renewed");
    Ok(())
}

async fn a_takeover_is_always_granted(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let first = one.acquire("a", 0).await?;
    let taken = two.lease.acquire("b", at(1), TTL, Takeover::Always).await?;
    let Some(taken) = taken else { return Err(Failed::new("a takeover was refused")) };
    ensure!(taken.fence > first.fence, "{:?} follows {:?}", taken.fence, first.fence);
    ensure_eq!(taken.holder, "b");
    ensure!(!one.lease.renew(&first, at(2), TTL).await?, "a lease was renewed that somebody took over");
    Ok(())
}

async fn the_fence_grows_with_every_acquisition(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let mut last = Fence::default();
    for round in 0..5 {
        let lease = partition.acquire(&format!("holder-{round}"), round * 30).await?;
        ensure!(lease.fence > last, "{:?} follows {last:?}", lease.fence);
        last = lease.fence;
        ensure!(partition.try_acquire("other", round * 30).await?.is_none(), "a held lease was taken");
    }
    Ok(())
}

async fn the_fence_grows_over_a_restart_and_a_release(harness: Harness) -> Proof {
    let mut last = Fence::default();
    for round in 0..4 {
        let partition = harness.open().await?;
        let lease = partition.acquire(&format!("holder-{round}"), round * 30).await?;
        ensure!(lease.fence > last, "{:?} follows {last:?}", lease.fence);
        last = lease.fence;
        if round % 2 == 0 {
            ensure!(partition.lease.release(&lease).await?, "the holder could not release");
        }
        drop(partition);
        harness.restart().await?;
    }
    Ok(())
}

async fn a_lease_survives_a_restart(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let lease = partition.acquire("a", 0).await?;
    drop(partition);
    harness.restart().await?;
    let partition = harness.open().await?;
    ensure!(partition.try_acquire("b", 1).await?.is_none(), "a lease was lost by a restart");
    ensure!(partition.lease.renew(&lease, at(1), TTL).await?, "the lease is not current after a restart");
    Ok(())
}

async fn a_lease_expires_when_its_time_has_come(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let first = partition.acquire("a", 0).await?;
    let before_end = offline_protocol::Timestamp::from_millis(first.expires_at.as_millis() - 1);
    let early = partition.lease.acquire("b", before_end, TTL, Takeover::IfExpired).await?;
    ensure!(early.is_none(), "a lease was taken before its end");
    let second = partition.lease.acquire("b", first.expires_at, TTL, Takeover::IfExpired).await?;
    ensure!(second.is_some_and(|second| second.fence > first.fence), "an expired lease was not given");
    Ok(())
}

async fn a_lease_that_ends_impossibly_late_is_expired(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    // The holder's clock was a year ahead.
    partition.acquire("a", 31_536_000).await?;
    let lease = partition.acquire("b", 0).await?;
    ensure_eq!(lease.expires_at, at(0).plus(TTL));
    ensure!(partition.try_acquire("c", 1).await?.is_none(), "a held lease was taken");
    Ok(())
}

async fn a_clock_that_jumped_back_and_forth_blocks_nobody(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let mut last = Fence::default();
    for (round, second) in [0, 100_000, -100_000, 50, -50, 31].into_iter().enumerate() {
        let partition = if round % 2 == 0 { &one } else { &two };
        let lease = partition.acquire(&format!("holder-{round}"), second).await?;
        ensure!(lease.fence > last, "{:?} follows {last:?}", lease.fence);
        last = lease.fence;
    }
    Ok(())
}

async fn renewing_moves_the_end(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let lease = one.acquire("a", 0).await?;
    ensure!(one.lease.renew(&lease, at(20), TTL).await?, "the current lease was not renewed");
    ensure!(two.try_acquire("b", 49).await?.is_none(), "a renewed lease was taken");
    ensure!(two.lease.renew(&lease, at(40), TTL).await?, "the lease was not renewed a second time");
    ensure!(two.try_acquire("b", 69).await?.is_none(), "a renewed lease was taken");
    let next = two.acquire("b", 70).await?;
    ensure!(next.fence > lease.fence, "{:?} follows {:?}", next.fence, lease.fence);
    Ok(())
}

async fn an_expired_lease_that_nobody_took_can_be_renewed(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let lease = partition.acquire("a", 0).await?;
    ensure!(partition.lease.renew(&lease, at(500), TTL).await?, "the lease was not renewed");
    ensure!(partition.try_acquire("b", 501).await?.is_none(), "a renewed lease was taken");
    Ok(())
}

async fn a_lost_lease_cannot_be_renewed_or_released(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let lost = one.acquire("a", 0).await?;
    let current = two.acquire("b", 30).await?;
    ensure!(!one.lease.renew(&lost, at(31), TTL).await?, "a lost lease was renewed");
    ensure!(!one.lease.release(&lost).await?, "a lost lease was released");
    ensure!(one.try_acquire("c", 59).await?.is_none(), "the lost lease changed the current one");
    ensure!(two.lease.renew(&current, at(59), TTL).await?, "the current lease was not renewed");
    Ok(())
}

async fn a_released_lease_is_free(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let lease = one.acquire("a", 0).await?;
    ensure!(one.lease.release(&lease).await?, "the holder could not release");
    let next = two.acquire("b", 0).await?;
    ensure!(next.fence > lease.fence, "{:?} follows {:?}", next.fence, lease.fence);
    ensure!(!one.lease.renew(&lease, at(1), TTL).await?, "a released lease was renewed");
    Ok(())
}

async fn a_lease_is_released_once(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let lease = partition.acquire("a", 0).await?;
    ensure!(partition.lease.release(&lease).await?, "the holder could not release");
    ensure!(!partition.lease.release(&lease).await?, "a lease was released twice");
    ensure!(!partition.lease.renew(&lease, at(1), TTL).await?, "a released lease was renewed");
    Ok(())
}
