//! Many commands that were appended by one call are many commands: a store that keeps them together must not let it be seen.

use offline_core::{Change, JournalOutcome, JournalQuery, OutboxQuery, Resolution, Status};
use offline_protocol::{CommandId, Expected, Seq};

use super::fixture::{Harness, ids, reopened};
use crate::{
    Partition, Proof,
    case::{ensure, ensure_eq},
    samples::{applied, chained, commands, conflicted, failed, id, key, requeued, seq, thing, version},
};

/// More than a store is likely to keep together, and no round number.
const MANY: u64 = 301;

fn numbers(wanted: impl Fn(u64) -> bool) -> Vec<CommandId> {
    (1..=MANY).filter(|number| wanted(*number)).map(id).collect()
}

async fn burst(harness: &Harness) -> Result<Partition, crate::Failed> {
    let partition = harness.open().await?;
    partition.append(commands(1..=MANY)).await?;
    Ok(partition)
}

pub(super) async fn pages_of_every_size_go_through_a_burst(harness: Harness) -> Proof {
    let partition = burst(&harness).await?;
    // Settled ones in between, so that what is kept together is not all there any more.
    let gone = numbers(|number| number.is_multiple_of(5) || (64..190).contains(&number));
    partition.fly(gone.iter().map(|id| (*id, applied(&[]))).collect()).await?;
    let rest: Vec<CommandId> = numbers(|number| !gone.contains(&id(number)));
    for limit in [1, 2, 7, 63, 64, 65, 500] {
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = partition.outbox.list(OutboxQuery::Seq { after, limit }).await?;
            ensure!(page.len() <= limit, "a page is longer than its limit");
            let Some(last) = page.last().map(|command| command.seq) else { break };
            found.append(&mut ids(&page));
            after = Some(last);
        }
        ensure!(found == rest, "pages of {limit} do not show what is there");
    }
    for after in [1, 64, 100, 189, 190, 300, 301, 5000] {
        let query = OutboxQuery::Seq { after: Seq::new(after).ok(), limit: 1 };
        let next = numbers(|number| number > after && rest.contains(&id(number))).first().copied();
        ensure_eq!(ids(&partition.outbox.list(query).await?).first().copied(), next);
    }
    Ok(())
}

pub(super) async fn each_command_of_a_burst_goes_its_own_way(harness: Harness) -> Proof {
    let partition = burst(&harness).await?;
    let fence = partition.fence().await?;
    let flown = numbers(|number| number % 3 == 0);
    ensure_eq!(partition.take_off(fence, 1, &flown).await?.len(), flown.len());
    let in_flight = |commands: &[offline_core::OutboxCommand]| {
        commands.iter().filter(|command| command.status == Status::InFlight).count()
    };
    ensure_eq!(in_flight(&partition.all().await?), flown.len());
    ensure_eq!(partition.outbox.counts().await?.in_flight, flown.len() as u64);
    let change = |command: &CommandId| {
        let change = match flown.iter().position(|flown| flown == command).unwrap_or_default() % 4 {
            0 => applied(&[("own", 1)]),
            1 => failed(),
            2 => conflicted("own"),
            _ => requeued(),
        };
        (*command, change)
    };
    let changes: Vec<(CommandId, Change)> = flown.iter().map(change).collect();
    let left: Vec<CommandId> = flown.iter().step_by(4).copied().collect();
    ensure!(partition.settle(fence, 1, changes).await?, "the flight was not found");
    let partition = reopened(&harness, partition).await?;
    let all = partition.all().await?;
    ensure_eq!(ids(&all), numbers(|number| !left.contains(&id(number))));
    ensure!(
        all.iter().all(|command| command.seq == seq_of(command.command_id)),
        "a command changed its place"
    );
    let counts = partition.outbox.counts().await?;
    let of = |status: Status| all.iter().filter(|command| command.status == status).count() as u64;
    ensure_eq!(counts.unsettled(), MANY - left.len() as u64);
    ensure_eq!((counts.pending, counts.in_flight), (of(Status::Pending), 0));
    ensure_eq!((counts.failed, counts.conflict), (of(Status::Failed), of(Status::Conflict)));
    ensure_eq!(counts.failed, flown.iter().skip(1).step_by(4).count() as u64);
    let parked = partition.outbox.list(OutboxQuery::Parked).await?;
    ensure_eq!(parked.len() as u64, counts.failed + counts.conflict);
    ensure_eq!(partition.latest().await?.len(), left.len());
    Ok(())
}

fn seq_of(command: CommandId) -> Seq {
    (1..=MANY).find(|number| id(*number) == command).map_or(Seq::FIRST, seq)
}

pub(super) async fn what_a_person_decides_about_one_leaves_its_neighbours_alone(harness: Harness) -> Proof {
    let partition = burst(&harness).await?;
    partition.fly(vec![(id(70), failed()), (id(71), failed()), (id(200), conflicted("own"))]).await?;
    let before = partition.all().await?;
    let retry = Resolution::Retry { idempotency_key: key("again"), expected: None, edited: None };
    ensure!(partition.resolve(id(70), retry).await?, "a parked command was not retried");
    let discard = Resolution::Discard { also: vec![id(72), id(250)], rebase: Vec::new() };
    ensure!(partition.resolve(id(71), discard).await?, "a parked command was not discarded");
    let mut expected = before;
    expected.retain(|command| ![id(71), id(72), id(250)].contains(&command.command_id));
    for command in expected.iter_mut().filter(|command| command.command_id == id(70)) {
        command.status = Status::Pending;
        command.idempotency_key = key("again");
        (command.attempts, command.last_error) = (0, None);
    }
    ensure!(partition.all().await? == expected, "the outbox is not what was decided");
    let partition = reopened(&harness, partition).await?;
    ensure!(partition.all().await? == expected, "the outbox is not what was decided, after a restart");
    let journal = partition.latest().await?;
    let discarded =
        |entry: &offline_core::JournalEntry| matches!(entry.outcome, JournalOutcome::Discarded { .. });
    ensure!(journal.len() == 3 && journal.iter().all(discarded), "three were to be discarded");
    Ok(())
}

pub(super) async fn flights_over_a_burst_are_recovered(harness: Harness) -> Proof {
    let partition = burst(&harness).await?;
    let before = partition.all().await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &numbers(|number| number % 2 == 0)).await?;
    partition.take_off(fence, 2, &numbers(|number| number == 1 || number == 301)).await?;
    let flown = numbers(|number| number % 2 == 0 || number == 1 || number == 301);
    let partition = reopened(&harness, partition).await?;
    let fence = partition.fence().await?;
    let mut recovered = partition.outbox.recover(fence).await?;
    recovered.sort();
    ensure_eq!(recovered, flown);
    let mut expected = before;
    for command in expected.iter_mut().filter(|command| flown.contains(&command.command_id)) {
        command.attempts += 1;
    }
    ensure!(partition.all().await? == expected, "the outbox is not as it was before the flights");
    ensure_eq!(partition.outbox.counts().await?.in_flight, 0);
    Ok(())
}

pub(super) async fn bursts_and_single_commands_count_on(harness: Harness) -> Proof {
    let partition = burst(&harness).await?;
    partition.append(commands([1000])).await?;
    partition.fly(numbers(|_| true).iter().map(|id| (*id, applied(&[]))).collect()).await?;
    let partition = reopened(&harness, partition).await?;
    let appended = partition.append(commands(2000..2100)).await?;
    ensure_eq!(appended.first().map(|first| first.seq), Some(seq(MANY + 2)));
    ensure_eq!(appended.last().map(|last| last.seq), Some(seq(MANY + 101)));
    let again = partition.append(commands(1990..2010)).await?;
    ensure_eq!(again.iter().filter(|appended| appended.duplicate).count(), 10);
    ensure_eq!(again.last().map(|known| known.seq), Some(seq(MANY + 11)));
    ensure_eq!(partition.outbox.counts().await?.pending, 111);
    ensure_eq!(partition.on(thing("own-2050")).await?, [id(2050)]);
    Ok(())
}

pub(super) async fn an_applied_burst_is_known_as_long_as_the_journal_holds_it(harness: Harness) -> Proof {
    let partition = burst(&harness).await?;
    let change = |command: &CommandId| (*command, applied(&[(&format!("own-{}", seq_of(*command)), 3)]));
    // In two flights that meet within what a store may keep together.
    let (first, rest) = (numbers(|number| number <= 200), numbers(|number| number > 200));
    partition.fly(first.iter().map(change).collect()).await?;
    ensure!(ids(&partition.all().await?) == rest, "the outbox is not what was not sent");
    let flown = partition.take_off(partition.fence().await?, 2, &[id(7), id(201)]).await?;
    ensure_eq!(ids(&flown), [id(201)]);
    let recovered = partition.outbox.recover(partition.fence().await?).await?;
    ensure_eq!(recovered, [id(201)]);
    partition.fly(rest.iter().map(change).collect()).await?;
    ensure_eq!(partition.outbox.prune_journal(150).await?, MANY - 150);
    let partition = reopened(&harness, partition).await?;
    ensure_eq!(partition.outbox.counts().await?.unsettled(), 0);
    ensure_eq!(partition.all().await?.len(), 0);
    ensure_eq!(partition.on(thing("own-301")).await?.len(), 0);
    ensure_eq!(partition.outbox.list(OutboxQuery::Ids(vec![id(301)])).await?.len(), 0);
    ensure!(!partition.discard(id(301)).await?, "an applied command was discarded");
    let mut latest: Vec<CommandId> =
        partition.latest().await?.iter().map(|entry| entry.command.command_id).collect();
    latest.sort();
    ensure!(latest == numbers(|number| number > MANY - 150), "the journal does not hold the latest");
    let known = JournalQuery::Ids(vec![id(3), id(160), id(301)]);
    let found = partition.outbox.journal(known).await?;
    let settled: Vec<_> = found.iter().map(|entry| (entry.command.seq, entry.command.status)).collect();
    ensure_eq!(settled, [(seq(160), Status::Succeeded), (seq(301), Status::Succeeded)]);
    let again = partition.append(commands([160, 301])).await?;
    ensure!(again.iter().all(|known| known.duplicate), "a command of the journal was stored again");
    let stale = chained(1000, &["own-250"], Some(Expected::Version(version(2))));
    let appended = partition.append(vec![stale]).await?;
    ensure_eq!(appended[0].expected, Some(Expected::After(id(250))));
    ensure_eq!(appended[0].seq, seq(MANY + 1));
    Ok(())
}
