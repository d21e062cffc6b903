use std::pin::pin;

use futures_util::{future::join_all, poll};
use offline_core::{Chain, Durability, OutboxQuery, Status};
use offline_protocol::Expected;
use serde_json::json;

use super::fixture::{Harness, ids, reopened, seqs};
use crate::{
    Proof,
    case::{ensure, ensure_eq},
    samples::{applied, at, command, commands, conflict, failure, id, nasty_payload, seq, thing, version},
};

pub(super) async fn seq_starts_at_one_and_has_no_gaps(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    for number in 1..=5 {
        let appended = partition.append(commands([number])).await?;
        ensure_eq!(seqs(&appended), [number]);
        ensure!(!appended[0].duplicate);
    }
    let stored: Vec<_> = partition.all().await?.iter().map(|command| command.seq.get()).collect();
    ensure_eq!(stored, [1, 2, 3, 4, 5]);
    Ok(())
}

pub(super) async fn commands_of_one_call_stand_together_in_their_order(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let calls = [commands([9, 3, 7]), commands([8, 1]), commands([2])];
    let answers = join_all(calls.into_iter().map(|call| partition.append(call))).await;
    for appended in answers {
        let seqs = seqs(&appended?);
        ensure!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "a call was torn apart: {seqs:?}");
    }
    let stored = ids(&partition.all().await?);
    for call in [&[9, 3, 7][..], &[8, 1], &[2]] {
        let call: Vec<_> = call.iter().map(|number| id(*number)).collect();
        ensure!(stored.windows(call.len()).any(|window| window == call), "the order of a call was changed");
    }
    Ok(())
}

pub(super) async fn seq_is_gap_free_over_two_openers_and_concurrent_appends(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let calls = (0..40_u64).map(|call| {
        let partition = if call % 2 == 0 { one.clone() } else { two.clone() };
        let durability = if call % 3 == 0 { Durability::Strict } else { Durability::Relaxed };
        let new = commands((0..=call % 4).map(|part| call * 10 + part));
        async move { partition.outbox.append(new, durability).await }
    });
    let mut given = Vec::new();
    for appended in join_all(calls).await {
        given.extend(seqs(&appended?));
    }
    given.sort_unstable();
    ensure_eq!(given, (1..=100).collect::<Vec<u64>>());
    let stored: Vec<_> = two.all().await?.iter().map(|command| command.seq.get()).collect();
    ensure_eq!(stored, given);
    Ok(())
}

pub(super) async fn seq_goes_on_after_a_restart(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2])).await?;
    let partition = reopened(&harness, partition).await?;
    ensure_eq!(seqs(&partition.append(commands([3, 4])).await?), [3, 4]);
    Ok(())
}

pub(super) async fn the_number_of_a_command_that_left_is_not_given_again(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3])).await?;
    partition.fly(vec![(id(2), applied(&[("own-2", 1)]))]).await?;
    for number in [1, 3] {
        ensure!(partition.discard(id(number)).await?, "a pending command could not be discarded");
    }
    ensure_eq!(seqs(&partition.append(commands([4])).await?), [4]);
    ensure!(partition.discard(id(4)).await?, "a pending command could not be discarded");
    partition.outbox.prune_journal(0).await?;
    let partition = reopened(&harness, partition).await?;
    ensure_eq!(partition.all().await?.len(), 0);
    ensure_eq!(seqs(&partition.append(commands([5])).await?), [5]);
    Ok(())
}

pub(super) async fn any_value_comes_back_exactly(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let mut new = command(1);
    new.command.payload = nasty_payload().into();
    new.command.touches = vec![thing("a!~$&'()*+,;=:@%\\\"<>^`{|}"), thing("b"), thing("a")];
    new.command.expected = Some(Expected::Version(version(9_007_199_254_740_991)));
    new.command.depends_on = vec![id(90), id(80), id(90)];
    new.command.attempts = u32::MAX;
    new.command.next_attempt_at = Some(at(86_400));
    new.command.last_error = Some(failure("transient"));
    new.command.conflict = Some(conflict("b"));
    let mut follower = command(2);
    follower.command.expected = Some(Expected::After(id(1)));
    follower.command.payload = json!({}).into();
    follower.command.touches = Vec::new();
    follower.command.created_at = offline_protocol::Timestamp::EPOCH;
    let expected = [(new.clone(), 1), (follower.clone(), 2)].map(|(new, place)| {
        let mut command = new.command;
        command.seq = seq(place);
        command
    });
    partition.append(vec![new, follower]).await?;
    let stored = partition.all().await?;
    ensure!(stored == expected, "the content of a command was changed");
    let partition = reopened(&harness, partition).await?;
    ensure!(partition.all().await? == expected, "the content of a command was changed by a restart");
    // -0.0 == 0.0, so that the comparison above does not see a lost sign.
    let negative_zero = |value: &serde_json::Value| value["floats"][1].as_f64().map(f64::is_sign_negative);
    ensure_eq!(negative_zero(&stored[0].payload.value()), Some(true));
    Ok(())
}

pub(super) async fn a_known_id_is_a_duplicate_and_the_others_are_added(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let mut first = command(2);
    first.command.expected = Some(Expected::Version(version(4)));
    partition.append(vec![command(1), first]).await?;
    let before = partition.one(id(2)).await?;
    let mut again = command(2);
    again.command.payload = json!({ "another": "content" }).into();
    let appended = partition.append(vec![command(3), again, command(4)]).await?;
    ensure_eq!(seqs(&appended), [3, 2, 4]);
    ensure_eq!(appended.iter().map(|a| a.duplicate).collect::<Vec<_>>(), [false, true, false]);
    ensure_eq!(appended[1].expected, Some(Expected::Version(version(4))));
    ensure!(partition.one(id(2)).await? == before, "a duplicate overwrote the first");
    ensure_eq!(partition.outbox.counts().await?.pending, 4);
    Ok(())
}

pub(super) async fn an_id_twice_in_one_call_is_stored_once(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let appended = partition.append(commands([1, 2, 1, 3])).await?;
    ensure_eq!(seqs(&appended), [1, 2, 1, 3]);
    ensure_eq!(appended.iter().map(|a| a.duplicate).collect::<Vec<_>>(), [false, false, true, false]);
    ensure_eq!(ids(&partition.all().await?), [id(1), id(2), id(3)]);
    Ok(())
}

pub(super) async fn an_id_of_the_journal_is_a_duplicate(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3])).await?;
    partition.fly(vec![(id(2), applied(&[("own-2", 1)]))]).await?;
    ensure!(partition.discard(id(3)).await?, "a pending command could not be discarded");
    let before = partition.everything().await?;
    let appended = partition.append(commands([2, 3])).await?;
    ensure_eq!(seqs(&appended), [2, 3]);
    ensure!(appended.iter().all(|appended| appended.duplicate));
    ensure!(partition.everything().await? == before, "a duplicate of a settled command was stored");
    Ok(())
}

pub(super) async fn concurrent_appends_of_one_id_store_it_once(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    let calls = (0..10).map(|call| {
        let partition = if call % 2 == 0 { one.clone() } else { two.clone() };
        async move { partition.append(commands([1])).await }
    });
    let mut firsts = 0;
    for appended in join_all(calls).await {
        let appended = appended?;
        ensure_eq!(seqs(&appended), [1]);
        firsts += usize::from(!appended[0].duplicate);
    }
    ensure_eq!(firsts, 1);
    ensure_eq!(ids(&one.all().await?), [id(1)]);
    Ok(())
}

pub(super) async fn a_thousand_commands_fit_into_one_call(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let new = commands(1..=1000).into_iter().map(|mut new| {
        new.chain = Chain::AfterOwn;
        new.command.touches = vec![thing(&format!("t-{}", new.command.command_id.as_uuid().as_u128() % 7))];
        new
    });
    let appended = partition.append(new.collect()).await?;
    ensure_eq!(seqs(&appended), (1..=1000).collect::<Vec<u64>>());
    ensure_eq!(appended.iter().filter(|appended| appended.expected.is_none()).count(), 7);
    ensure_eq!(partition.outbox.counts().await?.pending, 1000);
    Ok(())
}

pub(super) async fn an_empty_call_changes_nothing(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    ensure_eq!(partition.append(Vec::new()).await?, []);
    ensure_eq!(seqs(&partition.append(commands([1])).await?), [1]);
    Ok(())
}

pub(super) async fn what_resolved_survives_a_restart(harness: Harness) -> Proof {
    let mut partition = harness.open().await?;
    for (number, durability) in [(1, Durability::Relaxed), (2, Durability::Strict), (3, Durability::Relaxed)]
    {
        partition.outbox.append(commands([number]), durability).await?;
        let before = partition.everything().await?;
        partition = reopened(&harness, partition).await?;
        ensure!(partition.everything().await? == before, "a restart lost what had resolved");
    }
    ensure_eq!(partition.outbox.counts().await?.pending, 3);
    Ok(())
}

pub(super) async fn a_dropped_call_is_whole_or_nothing(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    let mut number = 0;
    for _ in 0..10 {
        let new = commands(number + 1..=number + 3);
        number += 3;
        let mut call = pin!(partition.append(new));
        let _ = poll!(call.as_mut());
    }
    partition.append(commands([1000])).await?;
    let stored = partition.all().await?;
    let places: Vec<_> = stored.iter().map(|command| command.seq.get()).collect();
    ensure_eq!(places, (1..=stored.len() as u64).collect::<Vec<_>>());
    for call in (0..number).step_by(3) {
        let query = OutboxQuery::Ids(vec![id(call + 1), id(call + 2), id(call + 3)]);
        let found = partition.outbox.list(query).await?.len();
        ensure!(found == 0 || found == 3, "{found} of 3 commands of a dropped call were stored");
    }
    Ok(())
}

pub(super) async fn what_one_opener_has_written_the_other_sees(harness: Harness) -> Proof {
    let (one, two) = (harness.open().await?, harness.open().await?);
    one.append(commands([1])).await?;
    ensure_eq!(ids(&two.all().await?), [id(1)]);
    two.append(commands([2])).await?;
    ensure_eq!(ids(&one.all().await?), [id(1), id(2)]);
    let fence = one.fence().await?;
    one.take_off(fence, 1, &[id(1)]).await?;
    ensure_eq!(two.one(id(1)).await?.status, Status::InFlight);
    Ok(())
}
