use std::collections::BTreeSet;

use futures_util::future::join_all;
use offline_protocol::Expected;

use super::fixture::Harness;
use crate::{
    Partition, Proof,
    case::{ensure, ensure_eq},
    samples::{applied, chained, command, conflicted, failed, id, thing, version},
};

fn seen(number: u64) -> Option<Expected> {
    Some(Expected::Version(version(number)))
}

fn after(number: u64) -> Option<Expected> {
    Some(Expected::After(id(number)))
}

/// Appends one command and says what it expects, which is the same in the answer and in the store.
async fn expected(
    partition: &Partition,
    number: u64,
    things: &[&str],
    given: Option<Expected>,
) -> Result<Option<Expected>, crate::Failed> {
    let appended = partition.append(vec![chained(number, things, given)]).await?;
    let stored = partition.one(id(number)).await?.expected;
    if stored != appended[0].expected {
        return Err(crate::Failed::new("the answer of append differs from what it stored"));
    }
    Ok(stored)
}

pub(super) async fn without_chaining_expected_is_stored_as_given(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    for (number, given) in [(1, None), (2, seen(4)), (3, after(1)), (4, after(77))] {
        let mut new = command(number);
        new.command.touches = vec![thing("a")];
        new.command.expected = given;
        let appended = partition.append(vec![new]).await?;
        ensure_eq!(appended[0].expected, given);
        ensure_eq!(partition.one(id(number)).await?.expected, given);
    }
    Ok(())
}

pub(super) async fn a_chained_command_follows_the_latest_own_one_on_its_record(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    ensure_eq!(expected(&partition, 1, &["a"], seen(4)).await?, seen(4));
    ensure_eq!(expected(&partition, 2, &["b"], None).await?, None);
    ensure_eq!(expected(&partition, 3, &["a"], seen(4)).await?, after(1));
    ensure_eq!(expected(&partition, 4, &["a"], None).await?, after(3));
    ensure_eq!(expected(&partition, 5, &["a"], after(1)).await?, after(4));
    ensure_eq!(expected(&partition, 6, &["b"], seen(1)).await?, after(2));
    Ok(())
}

pub(super) async fn a_chained_command_follows_an_earlier_one_of_its_call(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let call = vec![
        chained(1, &["a"], seen(2)),
        chained(2, &["b"], seen(3)),
        chained(3, &["a"], seen(2)),
        chained(4, &["a"], None),
    ];
    let appended = partition.append(call).await?;
    let found: Vec<_> = appended.iter().map(|appended| appended.expected).collect();
    ensure_eq!(found, [seen(2), seen(3), after(1), after(3)]);
    let stored: Vec<_> = partition.all().await?.iter().map(|command| command.expected).collect();
    ensure_eq!(stored, found);
    Ok(())
}

pub(super) async fn any_touch_of_an_earlier_command_counts(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    expected(&partition, 1, &["x", "y", "a"], None).await?;
    ensure_eq!(expected(&partition, 2, &["a"], seen(1)).await?, after(1));
    Ok(())
}

pub(super) async fn only_the_first_touch_of_the_new_command_counts(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    expected(&partition, 1, &["a"], None).await?;
    ensure_eq!(expected(&partition, 2, &["b", "a"], seen(1)).await?, seen(1));
    Ok(())
}

pub(super) async fn commands_in_flight_and_parked_ones_are_followed_too(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    for (number, name) in [(1, "flying"), (2, "failed"), (3, "conflict")] {
        expected(&partition, number, &[name], None).await?;
    }
    partition.fly(vec![(id(2), failed()), (id(3), conflicted("conflict"))]).await?;
    let fence = partition.fence().await?;
    ensure_eq!(partition.take_off(fence, 5, &[id(1)]).await?.len(), 1);
    ensure_eq!(expected(&partition, 4, &["flying"], seen(1)).await?, after(1));
    ensure_eq!(expected(&partition, 5, &["failed"], seen(1)).await?, after(2));
    ensure_eq!(expected(&partition, 6, &["conflict"], seen(1)).await?, after(3));
    Ok(())
}

pub(super) async fn a_command_that_left_is_not_followed(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    expected(&partition, 1, &["a"], None).await?;
    expected(&partition, 2, &["a"], None).await?;
    ensure!(partition.discard(id(2)).await?, "a pending command could not be discarded");
    ensure_eq!(expected(&partition, 3, &["a"], seen(9)).await?, after(1));
    for number in [1, 3] {
        ensure!(partition.discard(id(number)).await?, "a pending command could not be discarded");
    }
    ensure_eq!(expected(&partition, 4, &["a"], seen(9)).await?, seen(9));
    Ok(())
}

pub(super) async fn a_stale_version_follows_the_journal(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    expected(&partition, 1, &["a"], seen(4)).await?;
    partition.fly(vec![(id(1), applied(&[("a", 5)]))]).await?;
    ensure_eq!(expected(&partition, 2, &["a"], seen(4)).await?, after(1));
    Ok(())
}

pub(super) async fn the_highest_version_of_the_journal_counts(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    for number in 1..=3 {
        expected(&partition, number, &[&format!("{number}")], None).await?;
    }
    // Settled in another order than that of the versions, one of them as a second record.
    partition.fly(vec![(id(3), applied(&[("a", 6)]))]).await?;
    partition.fly(vec![(id(1), applied(&[("b", 9), ("a", 7)]))]).await?;
    partition.fly(vec![(id(2), applied(&[("a", 5)]))]).await?;
    ensure_eq!(expected(&partition, 4, &["a"], seen(4)).await?, after(1));
    Ok(())
}

pub(super) async fn a_fresh_version_stays(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    expected(&partition, 1, &["a"], seen(4)).await?;
    partition.fly(vec![(id(1), applied(&[("a", 5), ("b", 8)]))]).await?;
    ensure_eq!(expected(&partition, 2, &["a", "b"], seen(5)).await?, seen(5));
    ensure!(partition.discard(id(2)).await?, "a pending command could not be discarded");
    ensure_eq!(expected(&partition, 3, &["a", "b"], seen(6)).await?, seen(6));
    ensure_eq!(expected(&partition, 4, &["c"], seen(1)).await?, seen(1));
    Ok(())
}

pub(super) async fn no_version_stays_no_version(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    expected(&partition, 1, &["a"], None).await?;
    partition.fly(vec![(id(1), applied(&[("a", 5)]))]).await?;
    ensure_eq!(expected(&partition, 2, &["a"], None).await?, None);
    Ok(())
}

/// A form that was opened before the author's latest command on the record, which has been applied meanwhile.
pub(super) async fn a_command_after_an_older_own_one_follows_the_journal(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    expected(&partition, 1, &["a"], None).await?;
    expected(&partition, 2, &["a"], after(1)).await?;
    partition.fly(vec![(id(1), applied(&[("a", 5)])), (id(2), applied(&[("a", 6)]))]).await?;
    ensure_eq!(expected(&partition, 3, &["a"], after(2)).await?, after(2));
    ensure!(partition.discard(id(3)).await?, "a pending command could not be discarded");
    ensure_eq!(expected(&partition, 4, &["a"], after(1)).await?, after(2));
    Ok(())
}

pub(super) async fn an_unsettled_command_goes_before_the_journal(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    expected(&partition, 1, &["a"], None).await?;
    expected(&partition, 2, &["a"], None).await?;
    partition.fly(vec![(id(1), applied(&[("a", 5)]))]).await?;
    ensure_eq!(expected(&partition, 3, &["a"], seen(4)).await?, after(2));
    Ok(())
}

pub(super) async fn a_command_without_touches_is_stored_as_given(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    ensure_eq!(expected(&partition, 1, &[], None).await?, None);
    ensure_eq!(expected(&partition, 2, &[], seen(4)).await?, seen(4));
    Ok(())
}

pub(super) async fn concurrent_edits_of_two_openers_make_one_chain(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let calls = (1..=20).map(|number| {
        let partition = if number % 2 == 0 { one.clone() } else { two.clone() };
        async move { partition.append(vec![chained(number, &["a"], seen(4))]).await }
    });
    for appended in join_all(calls).await {
        appended?;
    }
    let stored = one.all().await?;
    ensure_eq!(stored[0].expected, seen(4));
    for pair in stored.windows(2) {
        ensure_eq!(pair[1].expected, Some(Expected::After(pair[0].command_id)));
    }
    ensure_eq!(stored.iter().map(|command| command.command_id).collect::<BTreeSet<_>>().len(), 20);
    Ok(())
}
