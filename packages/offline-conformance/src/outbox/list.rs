use offline_core::{Counts, OutboxQuery, Resolution};

use super::fixture::{Harness, ids, reopened};
use crate::{
    Proof,
    case::{ensure, ensure_eq},
    samples::{applied, chained, command, commands, conflicted, failed, id, key, requeued, seq, thing},
};

pub(super) async fn pages_go_through_the_outbox_in_order(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands((1..=25).rev())).await?;
    ensure!(partition.discard(id(20)).await?, "a pending command could not be discarded");
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = partition.outbox.list(OutboxQuery::Seq { after, limit: 7 }).await?;
        ensure!(page.len() <= 7, "a page of {} is over its limit", page.len());
        let Some(last) = page.last() else { break };
        after = Some(last.seq);
        seen.extend(page.iter().map(|command| command.seq.get()));
    }
    let expected: Vec<u64> = (1..=25).filter(|place| *place != 6).collect();
    ensure_eq!(seen, expected);
    let none = partition.outbox.list(OutboxQuery::Seq { after: None, limit: 0 }).await?;
    ensure_eq!(none.len(), 0);
    let beyond = partition.outbox.list(OutboxQuery::Seq { after: Some(seq(25)), limit: 7 }).await?;
    ensure_eq!(beyond.len(), 0);
    Ok(())
}

pub(super) async fn ids_come_in_the_order_of_seq(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([5, 4, 3, 2, 1])).await?;
    partition.fly(vec![(id(4), applied(&[("own-4", 1)]))]).await?;
    let query = OutboxQuery::Ids(vec![id(1), id(99), id(3), id(4), id(5)]);
    ensure_eq!(ids(&partition.outbox.list(query).await?), [id(5), id(3), id(1)]);
    ensure_eq!(partition.outbox.list(OutboxQuery::Ids(Vec::new())).await?.len(), 0);
    Ok(())
}

pub(super) async fn a_record_lists_all_that_touch_it(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let touching = [(1, &["a"][..]), (2, &["b"]), (3, &["b", "c", "a"]), (4, &["aa"]), (5, &["a", "a"])];
    let new = touching.iter().map(|(number, things)| chained(*number, things, None));
    partition.append(new.collect()).await?;
    ensure_eq!(partition.on(thing("a")).await?, [id(1), id(3), id(5)]);
    ensure_eq!(partition.on(thing("c")).await?, [id(3)]);
    ensure_eq!(partition.on(thing("z")).await?, []);
    partition.fly(vec![(id(1), applied(&[("a", 1)])), (id(5), failed())]).await?;
    ensure!(partition.discard(id(3)).await?, "a pending command could not be discarded");
    ensure_eq!(partition.on(thing("a")).await?, [id(5)]);
    ensure_eq!(partition.on(thing("b")).await?, [id(2)]);
    let partition = reopened(&harness, partition).await?;
    ensure_eq!(partition.on(thing("a")).await?, [id(5)]);
    Ok(())
}

pub(super) async fn parked_commands_are_listed(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3, 4])).await?;
    partition.fly(vec![(id(2), conflicted("own-2")), (id(3), requeued()), (id(4), failed())]).await?;
    ensure_eq!(ids(&partition.outbox.list(OutboxQuery::Parked).await?), [id(2), id(4)]);
    ensure!(partition.discard(id(2)).await?, "a parked command could not be discarded");
    let retry = Resolution::Retry { idempotency_key: key("new"), expected: None, edited: None };
    ensure!(partition.resolve(id(4), retry).await?, "a failed command could not be retried");
    ensure_eq!(partition.outbox.list(OutboxQuery::Parked).await?.len(), 0);
    Ok(())
}

pub(super) async fn counts_follow_every_step(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let counts = |pending, in_flight, failed, conflict| Counts { pending, in_flight, failed, conflict };
    ensure_eq!(partition.outbox.counts().await?, counts(0, 0, 0, 0));
    partition.append(commands([1, 2, 3, 4, 5, 5])).await?;
    ensure_eq!(partition.outbox.counts().await?, counts(5, 0, 0, 0));
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(1), id(2), id(3), id(4)]).await?;
    ensure_eq!(partition.outbox.counts().await?, counts(1, 4, 0, 0));
    let changes = vec![(id(1), applied(&[("own-1", 1)])), (id(2), failed()), (id(3), conflicted("own-3"))];
    partition.settle(fence, 1, changes).await?;
    ensure_eq!(partition.outbox.counts().await?, counts(2, 0, 1, 1));
    partition.take_off(fence, 2, &[id(4), id(5)]).await?;
    ensure_eq!(partition.outbox.counts().await?, counts(0, 2, 1, 1));
    let partition = reopened(&harness, partition).await?;
    ensure_eq!(partition.outbox.counts().await?, counts(0, 2, 1, 1));
    partition.outbox.recover(fence).await?;
    ensure_eq!(partition.outbox.counts().await?, counts(2, 0, 1, 1));
    let retry = Resolution::Retry { idempotency_key: key("new"), expected: None, edited: None };
    partition.resolve(id(2), retry).await?;
    ensure_eq!(partition.outbox.counts().await?, counts(3, 0, 0, 1));
    partition.discard(id(3)).await?;
    partition.discard(id(2)).await?;
    ensure_eq!(partition.outbox.counts().await?, counts(2, 0, 0, 0));
    Ok(())
}

pub(super) async fn an_empty_outbox_lists_nothing(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let queries = [
        OutboxQuery::Seq { after: None, limit: 10 },
        OutboxQuery::Ids(vec![id(1)]),
        OutboxQuery::Record(command(1).command.touches[0].clone()),
        OutboxQuery::Parked,
    ];
    for query in queries {
        ensure_eq!(partition.outbox.list(query).await?.len(), 0);
    }
    ensure_eq!(partition.latest().await?.len(), 0);
    Ok(())
}
