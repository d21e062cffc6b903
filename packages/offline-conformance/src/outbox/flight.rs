use std::time::Duration;

use futures_util::future::join;
use offline_core::{Fence, Status, StoreError};

use super::fixture::{Harness, TTL, ids, reopened};
use crate::{
    Partition, Proof,
    case::{ensure, ensure_eq},
    samples::{applied, at, commands, conflicted, failed, id},
};

pub(super) async fn take_off_makes_pending_commands_in_flight(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([3, 2, 1])).await?;
    let before = partition.all().await?;
    let fence = partition.fence().await?;
    let taken = partition.take_off(fence, 1, &[id(1), id(3)]).await?;
    ensure_eq!(ids(&taken), [id(3), id(1)]);
    for command in &taken {
        ensure_eq!(command.status, Status::InFlight);
        ensure!(
            partition.one(command.command_id).await? == *command,
            "take_off did not return what it stored"
        );
    }
    let mut expected = before[0].clone();
    expected.status = Status::InFlight;
    ensure!(taken[0] == expected, "take_off changed more than the status");
    ensure!(partition.one(id(2)).await? == before[1], "take_off changed a command that it did not take");
    Ok(())
}

pub(super) async fn only_pending_commands_take_off(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3, 4, 5])).await?;
    partition.fly(vec![(id(1), failed()), (id(2), conflicted("own-2")), (id(5), applied(&[]))]).await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(3)]).await?;
    let all = [id(1), id(2), id(3), id(4), id(5), id(99)];
    ensure_eq!(ids(&partition.take_off(fence, 2, &all).await?), [id(4)]);
    // What flight 2 did not take, its end does not touch.
    ensure!(partition.settle(fence, 2, Vec::new()).await?, "the flight was not found");
    ensure_eq!(partition.one(id(3)).await?.status, Status::InFlight);
    ensure_eq!(partition.one(id(4)).await?.status, Status::Pending);
    ensure_eq!(partition.one(id(1)).await?.status, Status::Failed);
    Ok(())
}

pub(super) async fn a_flight_of_nothing_is_not_written(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let fence = partition.fence().await?;
    ensure_eq!(partition.take_off(fence, 1, &[id(1)]).await?, []);
    ensure_eq!(partition.take_off(fence, 2, &[]).await?, []);
    ensure!(!partition.settle(fence, 1, Vec::new()).await?, "a flight of nothing was written");
    ensure!(!partition.settle(fence, 2, Vec::new()).await?, "a flight of nothing was written");
    Ok(())
}

pub(super) async fn concurrent_flights_share_no_command(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    one.append(commands(1..=20)).await?;
    let fence = one.fence().await?;
    let all: Vec<_> = (1..=20).map(id).collect();
    let (first, second) = join(one.take_off(fence, 1, &all), two.take_off(fence, 2, &all[5..])).await;
    let (first, second) = (ids(&first?), ids(&second?));
    ensure!(first.iter().all(|id| !second.contains(id)), "a command is in two flights");
    ensure_eq!(first.len() + second.len(), 20);
    Ok(())
}

pub(super) async fn flights_survive_a_restart(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2])).await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(1)]).await?;
    let before = partition.everything().await?;
    let partition = reopened(&harness, partition).await?;
    ensure!(partition.everything().await? == before, "a restart changed what was there");
    ensure_eq!(partition.one(id(1)).await?.status, Status::InFlight);
    ensure!(partition.settle(fence, 1, vec![(id(1), applied(&[]))]).await?, "the flight was lost");
    ensure_eq!(ids(&partition.all().await?), [id(2)]);
    Ok(())
}

pub(super) async fn recover_puts_every_flight_back_as_one_that_may_have_been_sent(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3, 4, 5])).await?;
    partition.fly(vec![(id(4), failed())]).await?;
    let before = partition.all().await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(5), id(1)]).await?;
    partition.take_off(fence, 2, &[id(2)]).await?;
    let partition = reopened(&harness, partition).await?;
    let fence = partition.fence().await?;
    let mut recovered = partition.outbox.recover(fence).await?;
    recovered.sort_unstable();
    ensure_eq!(recovered, [id(1), id(2), id(5)]);
    for (before, now) in before.iter().zip(partition.all().await?) {
        let sent = recovered.contains(&now.command_id);
        let mut expected = before.clone();
        expected.attempts += u32::from(sent);
        ensure!(now == expected, "recover left {now:?} with {} attempts", now.attempts);
    }
    for flight in [1, 2] {
        ensure!(!partition.settle(fence, flight, Vec::new()).await?, "recover did not forget a flight");
    }
    Ok(())
}

pub(super) async fn recover_without_flights_changes_nothing(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2])).await?;
    partition.fly(vec![(id(1), failed())]).await?;
    let before = partition.everything().await?;
    let fence = partition.fence().await?;
    ensure_eq!(partition.outbox.recover(fence).await?, []);
    ensure!(partition.everything().await? == before, "recover changed what was in no flight");
    Ok(())
}

/// Neither a flight nor its end nor a recovery is possible with this fence, and nothing is changed by trying.
async fn is_fenced(partition: &Partition, fence: Fence) -> Proof {
    let before = partition.everything().await?;
    let taken = partition.take_off(fence, 77, &[id(2)]).await;
    ensure!(matches!(taken, Err(StoreError::Fenced)), "take_off: {taken:?}");
    let taken = partition.take_off(fence, 77, &[]).await;
    ensure!(matches!(taken, Err(StoreError::Fenced)), "take_off of nothing: {taken:?}");
    let settled = partition.settle(fence, 1, vec![(id(1), applied(&[]))]).await;
    ensure!(matches!(settled, Err(StoreError::Fenced)), "settle: {settled:?}");
    let settled = partition.settle(fence, 999, Vec::new()).await;
    ensure!(matches!(settled, Err(StoreError::Fenced)), "settle of an unknown flight: {settled:?}");
    let recovered = partition.outbox.recover(fence).await;
    ensure!(matches!(recovered, Err(StoreError::Fenced)), "recover: {recovered:?}");
    ensure!(partition.everything().await? == before, "a stale fence changed something");
    Ok(())
}

pub(super) async fn a_stale_fence_can_do_nothing(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    one.append(commands([1, 2])).await?;
    let stale = one.fence().await?;
    one.take_off(stale, 1, &[id(1)]).await?;
    let current = two.fence().await?;
    is_fenced(&one, stale).await?;
    is_fenced(&two, stale).await?;
    is_fenced(&two, Fence(current.0 + 1)).await?;
    ensure!(two.settle(current, 1, vec![(id(1), applied(&[]))]).await?, "the flight was not found");
    Ok(())
}

pub(super) async fn a_fence_that_was_never_given_can_do_nothing(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2])).await?;
    is_fenced(&partition, Fence::default()).await?;
    is_fenced(&partition, Fence(1)).await
}

pub(super) async fn a_released_fence_can_do_nothing(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2])).await?;
    let lease = partition.take_lease("test").await?;
    partition.take_off(lease.fence, 1, &[id(1)]).await?;
    ensure!(partition.lease.release(&lease).await?, "the current lease could not be released");
    is_fenced(&partition, lease.fence).await?;
    is_fenced(&partition, Fence::default()).await
}

pub(super) async fn an_expired_lease_that_nobody_took_is_still_current(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1])).await?;
    let lease = partition.take_lease("test").await?;
    ensure_eq!(lease.expires_at, at(0).plus(TTL));
    // The store has no clock: it is the fence that counts, not the time.
    ensure!(partition.lease.renew(&lease, at(-100_000), Duration::ZERO).await?, "the lease was lost");
    ensure_eq!(partition.take_off(lease.fence, 1, &[id(1)]).await?.len(), 1);
    ensure!(partition.settle(lease.fence, 1, Vec::new()).await?, "the flight was not found");
    Ok(())
}
