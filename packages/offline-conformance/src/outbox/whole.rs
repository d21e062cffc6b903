use std::{future::Future, pin::pin};

use futures_util::{future::join_all, poll};
use offline_core::{
    BoxFuture, JournalQuery, Lease, OutboxQuery, Resolution, Resolve, StoreError, Takeover, Unsynced,
};

use super::fixture::{Harness, TTL, ids, reopened, seqs};
use crate::{
    Failed, Partition, Proof,
    case::{ensure, ensure_eq},
    samples::{applied, at, commands, failed, id, requeued},
};

async fn is_closed<T>(what: &str, call: impl Future<Output = Result<T, StoreError>>) -> Proof {
    match call.await {
        Err(StoreError::Closed) => Ok(()),
        Err(error) => Err(Failed::new(format_args!("{what} on a wiped partition: {error}"))),
        Ok(_) => Err(Failed::new(format_args!("{what} on a wiped partition succeeded"))),
    }
}

async fn is_all_closed(partition: &Partition, lease: &Lease) -> Proof {
    let outbox = &partition.outbox;
    let discard = Resolution::Discard { also: Vec::new(), rebase: Vec::new() };
    let resolve = Resolve { command_id: id(1), at: at(30), resolution: discard };
    is_closed("append", partition.append(commands([9]))).await?;
    is_closed("list", outbox.list(OutboxQuery::Parked)).await?;
    is_closed("counts", outbox.counts()).await?;
    is_closed("take_off", partition.take_off(lease.fence, 2, &[id(1)])).await?;
    is_closed("settle", partition.settle(lease.fence, 1, Vec::new())).await?;
    is_closed("recover", outbox.recover(lease.fence)).await?;
    is_closed("resolve", outbox.resolve(resolve)).await?;
    is_closed("journal", outbox.journal(JournalQuery::Latest { limit: 1 })).await?;
    is_closed("prune_journal", outbox.prune_journal(0)).await?;
    is_closed("wipe", outbox.wipe(Unsynced::Lose)).await?;
    is_closed("acquire", partition.lease.acquire("late", at(0), TTL, Takeover::Always)).await?;
    is_closed("renew", partition.lease.renew(lease, at(0), TTL)).await?;
    is_closed("release", partition.lease.release(lease)).await
}

pub(super) async fn a_wiped_partition_is_closed_for_every_opener(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    one.append(commands([1, 2])).await?;
    let lease = one.take_lease("test").await?;
    one.take_off(lease.fence, 1, &[id(1)]).await?;
    ensure!(two.outbox.wipe(Unsynced::Lose).await?, "an agreed wipe was refused");
    is_all_closed(&one, &lease).await?;
    is_all_closed(&two, &lease).await
}

pub(super) async fn a_wiped_partition_starts_anew(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3])).await?;
    partition.fly(vec![(id(1), applied(&[("own-1", 1)])), (id(2), failed())]).await?;
    let lease = partition.take_lease("test").await?;
    ensure!(partition.outbox.wipe(Unsynced::Lose).await?, "an agreed wipe was refused");
    let anew = harness.open().await?;
    ensure_eq!(anew.outbox.counts().await?.unsettled(), 0);
    ensure_eq!(anew.all().await?.len(), 0);
    ensure_eq!(anew.latest().await?.len(), 0);
    let acquired = anew.lease.acquire("other", at(0), TTL, Takeover::IfExpired).await?;
    ensure!(acquired.is_some(), "the lease outlived the wipe");
    ensure_eq!(seqs(&anew.append(commands([1, 9])).await?), [1, 2]);
    is_all_closed(&partition, &lease).await?;
    let anew = reopened(&harness, anew).await?;
    ensure_eq!(ids(&anew.all().await?), [id(1), id(9)]);
    Ok(())
}

pub(super) async fn a_wipe_without_leave_deletes_nothing_that_is_unsynced(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2])).await?;
    let before = partition.everything().await?;
    ensure!(!partition.outbox.wipe(Unsynced::Keep).await?, "commands were wiped without leave");
    ensure!(partition.everything().await? == before, "a refused wipe changed something");
    partition.fly(vec![(id(1), applied(&[])), (id(2), failed())]).await?;
    ensure!(!partition.outbox.wipe(Unsynced::Keep).await?, "a parked command was wiped without leave");
    let discard = Resolution::Discard { also: Vec::new(), rebase: Vec::new() };
    let resolve = Resolve { command_id: id(2), at: at(30), resolution: discard };
    ensure!(partition.outbox.resolve(resolve).await?, "a parked command was not discarded");
    ensure!(partition.outbox.wipe(Unsynced::Keep).await?, "a synced partition was not wiped");
    ensure_eq!(harness.open().await?.latest().await?.len(), 0);
    Ok(())
}

pub(super) async fn dropped_calls_leave_the_store_usable(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands(1..=10)).await?;
    let fence = partition.fence().await?;
    for round in 0..3 {
        let calls: Vec<BoxFuture<'_, Result<(), StoreError>>> = vec![
            Box::pin(async { partition.append(commands([100 + round])).await.map(drop) }),
            Box::pin(async { partition.take_off(fence, 1 + u128::from(round), &[id(1)]).await.map(drop) }),
            Box::pin(async { partition.settle(fence, 1, vec![(id(1), requeued())]).await.map(drop) }),
            Box::pin(async { partition.all().await.map(drop) }),
            Box::pin(async { partition.outbox.counts().await.map(drop) }),
            Box::pin(async { partition.outbox.recover(fence).await.map(drop) }),
        ];
        for call in calls {
            let mut call = pin!(call);
            let _ = poll!(call.as_mut());
        }
    }
    partition.outbox.recover(fence).await?;
    partition.fly(vec![(id(1), applied(&[]))]).await?;
    let stored = partition.all().await?;
    let counts = partition.outbox.counts().await?;
    ensure_eq!((counts.pending, counts.in_flight), (stored.len() as u64, 0));
    ensure!(stored.len() >= 9, "commands were lost");
    Ok(())
}

/// One opener's life: appends, flies, settles and discards, while the other does the same.
async fn busy(partition: Partition, first: u64) -> Result<(), Failed> {
    for round in 0..8_u64 {
        let base = first + round * 10;
        partition.append(commands(base..base + 4)).await?;
        let lease = partition.take_lease(&format!("holder-{first}")).await?;
        let flight = u128::from(base);
        match partition.take_off(lease.fence, flight, &[id(base), id(base + 1)]).await {
            Ok(_) | Err(StoreError::Fenced) => {}
            Err(error) => return Err(error.into()),
        }
        let changes = vec![(id(base), applied(&[])), (id(base + 1), failed())];
        match partition.settle(lease.fence, flight, changes).await {
            Ok(_) | Err(StoreError::Fenced) => {}
            Err(error) => return Err(error.into()),
        }
        partition.discard(id(base + 2)).await?;
    }
    Ok(())
}

pub(super) async fn two_openers_that_do_everything_at_once_agree(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let lives = vec![busy(one.clone(), 1000), busy(two.clone(), 2000)];
    for life in join_all(lives).await {
        life?;
    }
    let fence = two.fence().await?;
    two.outbox.recover(fence).await?;
    let seen = one.everything().await?;
    ensure!(two.everything().await? == seen, "two openers see different things");
    let (outbox, journal) = (one.all().await?, one.latest().await?);
    ensure_eq!(outbox.len() + journal.len(), 64);
    let counts = one.outbox.counts().await?;
    ensure_eq!(counts.unsettled(), outbox.len() as u64);
    let mut places: Vec<_> = outbox.iter().map(|command| command.seq.get()).collect();
    places.extend(journal.iter().map(|entry| entry.command.seq.get()));
    places.sort_unstable();
    ensure_eq!(places, (1..=64).collect::<Vec<u64>>());
    drop((one, two));
    harness.restart().await?;
    ensure!(harness.open().await?.everything().await? == seen, "a restart changed something");
    Ok(())
}
