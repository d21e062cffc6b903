use offline_core::{Change, JournalOutcome, Rebase, Resolution, Status};
use offline_protocol::Expected;
use serde_json::json;

use super::fixture::{Harness, ids, reopened};
use crate::{
    Partition, Proof,
    case::{ensure, ensure_eq},
    samples::{
        applied, at, chained, commands, conflicted, failed, failure, id, key, nasty_payload, requeued, thing,
        version,
    },
};

fn retry(expected: Option<Expected>) -> Resolution {
    Resolution::Retry { idempotency_key: key("another-key"), expected, edited: None }
}

fn discard(also: &[u64], rebase: Vec<Rebase>) -> Resolution {
    Resolution::Discard { also: also.iter().map(|number| id(*number)).collect(), rebase }
}

pub(super) async fn a_parked_command_is_retried_in_its_place(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3])).await?;
    let before = partition.all().await?;
    partition.fly(vec![(id(1), failed()), (id(2), conflicted("own-2"))]).await?;
    let expected = Some(Expected::Version(version(5)));
    for number in [1, 2] {
        ensure!(partition.resolve(id(number), retry(expected)).await?, "a parked command was not retried");
        let mut command = before[number as usize - 1].clone();
        command.idempotency_key = key("another-key");
        command.expected = expected;
        ensure!(partition.one(id(number)).await? == command, "a retry changed too much or too little");
    }
    ensure_eq!(ids(&partition.all().await?), [id(1), id(2), id(3)]);
    ensure_eq!(partition.latest().await?.len(), 0);
    Ok(())
}

pub(super) async fn an_edited_retry_takes_its_new_content_and_lane(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(vec![chained(1, &["a", "b"], None), chained(2, &["z"], None)]).await?;
    partition.fly(vec![(id(1), failed())]).await?;
    let edited = Some((nasty_payload().into(), vec![thing("c"), thing("b")]));
    let resolution = Resolution::Retry { idempotency_key: key("new"), expected: None, edited };
    ensure!(partition.resolve(id(1), resolution).await?, "a failed command was not retried");
    let partition = reopened(&harness, partition).await?;
    let command = partition.one(id(1)).await?;
    ensure!(command.payload == nasty_payload().into(), "the edited payload was not stored");
    ensure_eq!(command.touches, [thing("c"), thing("b")]);
    ensure_eq!(partition.on(thing("a")).await?, []);
    ensure_eq!(partition.on(thing("b")).await?, [id(1)]);
    ensure_eq!(partition.on(thing("c")).await?, [id(1)]);
    let appended = partition.append(vec![chained(3, &["c"], None)]).await?;
    ensure_eq!(appended[0].expected, Some(Expected::After(id(1))));
    Ok(())
}

/// The decision is refused and nothing is changed.
async fn is_refused(partition: &Partition, number: u64, resolution: Resolution) -> Proof {
    let before = partition.everything().await?;
    let what = format!("{resolution:?} of {number}");
    ensure!(!partition.resolve(id(number), resolution).await?, "was accepted: {what}");
    ensure!(partition.everything().await? == before, "was refused but changed something: {what}");
    Ok(())
}

pub(super) async fn only_a_parked_command_can_be_retried(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3, 4])).await?;
    partition.fly(vec![(id(3), applied(&[]))]).await?;
    ensure!(partition.discard(id(4)).await?, "a pending command could not be discarded");
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(2)]).await?;
    for number in [1, 2, 3, 4, 99] {
        is_refused(&partition, number, retry(None)).await?;
    }
    Ok(())
}

pub(super) async fn a_discarded_command_is_journaled(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3])).await?;
    partition.fly(vec![(id(2), failed()), (id(3), conflicted("own-3"))]).await?;
    let mut before = partition.all().await?;
    for number in [1, 2, 3] {
        ensure!(partition.discard(id(number)).await?, "command {number} could not be discarded");
    }
    ensure_eq!(partition.all().await?.len(), 0);
    let mut journal = partition.latest().await?;
    journal.reverse();
    ensure_eq!(journal.len(), 3);
    for (entry, command) in journal.into_iter().zip(before.drain(..)) {
        ensure!(entry.command == command, "the journal does not hold the command as it was");
        ensure_eq!(entry.settled_at, at(30));
        ensure_eq!(entry.outcome, JournalOutcome::Discarded { maybe_applied: false });
    }
    for number in [1, 2, 3, 99] {
        is_refused(&partition, number, discard(&[], Vec::new())).await?;
    }
    Ok(())
}

pub(super) async fn the_journal_says_whether_a_discarded_command_may_have_been_applied(
    harness: Harness,
) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3, 4])).await?;
    let failed_late = || Change::Failed { error: failure("rule-violated"), attempts: 2 };
    partition.fly(vec![(id(2), requeued()), (id(3), failed_late()), (id(4), failed_late())]).await?;
    ensure!(partition.resolve(id(4), retry(None)).await?, "a failed command was not retried");
    for number in [1, 2, 3, 4] {
        ensure!(partition.discard(id(number)).await?, "command {number} could not be discarded");
    }
    let journal = partition.latest().await?;
    let outcomes: Vec<_> = journal.into_iter().rev().map(|entry| entry.outcome).collect();
    let discarded = |maybe_applied| JournalOutcome::Discarded { maybe_applied };
    ensure_eq!(outcomes, [discarded(false), discarded(true), discarded(false), discarded(false)]);
    Ok(())
}

pub(super) async fn a_discard_takes_others_along_and_rebases_those_that_stay(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let mut new: Vec<_> = (1..=5).map(|number| chained(number, &["a"], None)).collect();
    new[4].command.depends_on = vec![id(2), id(3)];
    partition.append(new).await?;
    partition.fly(vec![(id(2), failed())]).await?;
    let before = partition.all().await?;
    let rebase = vec![
        Rebase { command_id: id(4), expected: Some(Expected::After(id(1))), depends_on: vec![id(1), id(9)] },
        Rebase { command_id: id(5), expected: None, depends_on: Vec::new() },
    ];
    ensure!(partition.resolve(id(2), discard(&[3], rebase)).await?, "the discard was refused");
    let mut expected = [before[0].clone(), before[3].clone(), before[4].clone()];
    expected[1].expected = Some(Expected::After(id(1)));
    expected[1].depends_on = vec![id(1), id(9)];
    expected[2].expected = None;
    expected[2].depends_on = Vec::new();
    ensure!(partition.all().await? == expected, "the outbox is not what the discard makes of it");
    ensure_eq!(partition.on(thing("a")).await?, [id(1), id(4), id(5)]);
    let mut gone: Vec<_> = partition.latest().await?.iter().map(|entry| entry.command.command_id).collect();
    gone.sort_unstable();
    ensure_eq!(gone, [id(2), id(3)]);
    Ok(())
}

pub(super) async fn a_discard_that_cannot_be_whole_changes_nothing(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3, 4, 5])).await?;
    partition.fly(vec![(id(4), applied(&[]))]).await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(5)]).await?;
    let rebase = |number| vec![Rebase { command_id: id(number), expected: None, depends_on: vec![id(1)] }];
    is_refused(&partition, 5, discard(&[], Vec::new())).await?;
    for missing in [4, 99] {
        is_refused(&partition, missing, discard(&[1], rebase(2))).await?;
        is_refused(&partition, 1, discard(&[2, missing], rebase(3))).await?;
        is_refused(&partition, 1, discard(&[2], rebase(missing))).await?;
    }
    is_refused(&partition, 1, discard(&[2, 5], rebase(3))).await?;
    ensure!(partition.resolve(id(1), discard(&[2], rebase(3))).await?, "a whole discard was refused");
    Ok(())
}

pub(super) async fn what_was_decided_survives_a_restart(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3])).await?;
    partition.fly(vec![(id(1), failed())]).await?;
    let edited = Some((json!({ "edited": true }).into(), vec![thing("c")]));
    let resolution = Resolution::Retry { idempotency_key: key("new"), expected: None, edited };
    ensure!(partition.resolve(id(1), resolution).await?, "a failed command was not retried");
    let rebase = vec![Rebase { command_id: id(3), expected: None, depends_on: vec![id(1)] }];
    ensure!(partition.resolve(id(2), discard(&[], rebase)).await?, "a pending command was not discarded");
    let before = partition.everything().await?;
    let partition = reopened(&harness, partition).await?;
    ensure!(partition.everything().await? == before, "a restart changed what was decided");
    ensure_eq!(partition.one(id(1)).await?.status, Status::Pending);
    Ok(())
}
