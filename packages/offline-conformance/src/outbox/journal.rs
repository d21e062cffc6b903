use offline_core::{JournalEntry, JournalQuery};
use offline_protocol::CommandId;

use super::fixture::{Harness, reopened};
use crate::{
    Partition, Proof,
    case::{ensure, ensure_eq},
    samples::{applied, command, commands, conflict, id, nasty_payload, thing},
};

fn ids(entries: &[JournalEntry]) -> Vec<CommandId> {
    entries.iter().map(|entry| entry.command.command_id).collect()
}

/// Five commands, settled in the order 3, 5, 1 (discarded), 4, 2.
async fn settled(harness: &Harness) -> Result<Partition, crate::Failed> {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3, 4, 5])).await?;
    partition.fly(vec![(id(3), applied(&[("own-3", 1)]))]).await?;
    partition.fly(vec![(id(5), applied(&[("own-5", 1)]))]).await?;
    partition.discard(id(1)).await?;
    partition.fly(vec![(id(4), applied(&[("own-4", 1)]))]).await?;
    partition.fly(vec![(id(2), applied(&[("own-2", 1)]))]).await?;
    Ok(partition)
}

pub(super) async fn the_latest_come_first(harness: Harness) -> Proof {
    let partition = settled(&harness).await?;
    let latest = |limit| partition.outbox.journal(JournalQuery::Latest { limit });
    ensure_eq!(ids(&latest(100).await?), [id(2), id(4), id(1), id(5), id(3)]);
    ensure_eq!(ids(&latest(2).await?), [id(2), id(4)]);
    ensure_eq!(latest(0).await?.len(), 0);
    Ok(())
}

pub(super) async fn ids_come_in_the_order_asked_for(harness: Harness) -> Proof {
    let partition = settled(&harness).await?;
    partition.append(commands([6])).await?;
    let query = JournalQuery::Ids(vec![id(4), id(99), id(1), id(6), id(3)]);
    ensure_eq!(ids(&partition.outbox.journal(query).await?), [id(4), id(1), id(3)]);
    ensure_eq!(partition.outbox.journal(JournalQuery::Ids(Vec::new())).await?.len(), 0);
    Ok(())
}

pub(super) async fn entries_hold_the_whole_command(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let mut new = command(1);
    new.command.payload = nasty_payload().into();
    new.command.touches = vec![thing("b"), thing("a")];
    new.command.conflict = Some(conflict("b"));
    let expected = new.command.clone();
    partition.append(vec![new]).await?;
    partition.discard(id(1)).await?;
    let partition = reopened(&harness, partition).await?;
    let journal = partition.outbox.journal(JournalQuery::Ids(vec![id(1)])).await?;
    ensure_eq!(journal.len(), 1);
    ensure!(journal[0].command == expected, "the journal does not hold the command as it was");
    Ok(())
}

pub(super) async fn pruning_keeps_the_latest(harness: Harness) -> Proof {
    let partition = settled(&harness).await?;
    partition.append(commands([6])).await?;
    let before = partition.all().await?;
    ensure_eq!(partition.outbox.prune_journal(5).await?, 0);
    ensure_eq!(partition.outbox.prune_journal(3).await?, 2);
    let partition = reopened(&harness, partition).await?;
    ensure_eq!(ids(&partition.latest().await?), [id(2), id(4), id(1)]);
    let query = JournalQuery::Ids(vec![id(3), id(4), id(5)]);
    ensure_eq!(ids(&partition.outbox.journal(query).await?), [id(4)]);
    ensure_eq!(partition.outbox.prune_journal(0).await?, 3);
    ensure_eq!(partition.outbox.prune_journal(0).await?, 0);
    ensure_eq!(partition.latest().await?.len(), 0);
    ensure!(partition.all().await? == before, "pruning the journal changed the outbox");
    partition.append(commands([7])).await?;
    partition.discard(id(7)).await?;
    ensure_eq!(ids(&partition.latest().await?), [id(7)]);
    Ok(())
}
