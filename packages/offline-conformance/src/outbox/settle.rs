use offline_core::{Applied, Change, JournalOutcome, Status};
use offline_protocol::{ChangeSeq, RecordVersion};

use super::fixture::{Harness, ids, reopened};
use crate::{
    Proof,
    case::{ensure, ensure_eq},
    samples::{applied, at, commands, conflict, conflicted, failed, failure, id, requeued, thing, version},
};

pub(super) async fn an_applied_command_moves_to_the_journal(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2])).await?;
    let wait =
        Change::Requeue { attempts: 6, next_attempt_at: Some(at(9)), error: Some(failure("transient")) };
    partition.fly(vec![(id(2), wait)]).await?;
    let mut command = partition.one(id(2)).await?;
    let key = thing("own-2");
    let versions = vec![RecordVersion { kind: key.kind, id: key.id, version: version(12) }];
    let change_seq = ChangeSeq::new(9_007_199_254_740_991)?;
    let change =
        Change::Applied(Applied { versions: versions.clone(), change_seq, replayed: true, attempts: 7 });
    partition.fly(vec![(id(2), change)]).await?;
    ensure_eq!(ids(&partition.all().await?), [id(1)]);
    let journal = partition.latest().await?;
    ensure_eq!(journal.len(), 1);
    ensure_eq!(journal[0].settled_at, at(20));
    ensure_eq!(journal[0].outcome, JournalOutcome::Applied { versions, change_seq, replayed: true });
    command.status = Status::Succeeded;
    command.attempts = 7;
    command.next_attempt_at = None;
    command.last_error = None;
    ensure!(journal[0].command == command, "the journal does not hold the command as it was");
    Ok(())
}

pub(super) async fn all_changes_of_a_flight_are_made(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3, 4, 5])).await?;
    let before = partition.all().await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(1), id(2), id(3), id(4), id(5)]).await?;
    let changes = vec![
        (id(1), applied(&[("own-1", 2)])),
        (id(2), Change::Failed { error: failure("rule-violated"), attempts: 3 }),
        (
            id(3),
            Change::Conflict { error: failure("version-conflict"), conflict: conflict("own-3"), attempts: 4 },
        ),
        (id(4), Change::Requeue { attempts: 5, next_attempt_at: Some(at(99)), error: Some(failure("held")) }),
    ];
    ensure!(partition.settle(fence, 1, changes).await?, "the flight was not found");
    let mut expected = before;
    expected.remove(0);
    expected[0].status = Status::Failed;
    expected[0].attempts = 3;
    expected[0].last_error = Some(failure("rule-violated"));
    expected[1].status = Status::Conflict;
    expected[1].attempts = 4;
    expected[1].last_error = Some(failure("version-conflict"));
    expected[1].conflict = Some(conflict("own-3"));
    expected[2].attempts = 5;
    expected[2].next_attempt_at = Some(at(99));
    expected[2].last_error = Some(failure("held"));
    ensure!(partition.all().await? == expected, "the outbox is not what the changes make of it");
    ensure_eq!(partition.latest().await?.len(), 1);
    Ok(())
}

pub(super) async fn an_unnamed_command_goes_back_as_it_was(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2])).await?;
    let wait =
        Change::Requeue { attempts: 3, next_attempt_at: Some(at(9)), error: Some(failure("transient")) };
    partition.fly(vec![(id(2), wait)]).await?;
    let before = partition.everything().await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(1), id(2)]).await?;
    ensure!(partition.settle(fence, 1, Vec::new()).await?, "the flight was not found");
    ensure!(partition.everything().await? == before, "an unnamed command did not go back as it was");
    Ok(())
}

pub(super) async fn a_requeue_sets_the_wait_and_keeps_the_error(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1])).await?;
    let wait =
        Change::Requeue { attempts: 1, next_attempt_at: Some(at(9)), error: Some(failure("transient")) };
    partition.fly(vec![(id(1), wait)]).await?;
    let change = Change::Requeue { attempts: 2, next_attempt_at: None, error: None };
    partition.fly(vec![(id(1), change)]).await?;
    let command = partition.one(id(1)).await?;
    ensure_eq!((command.status, command.attempts, command.next_attempt_at), (Status::Pending, 2, None));
    ensure!(command.last_error == Some(failure("transient")), "the error was lost");
    Ok(())
}

pub(super) async fn an_unknown_flight_changes_nothing(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2])).await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(1)]).await?;
    let before = partition.everything().await?;
    let changes = vec![(id(1), applied(&[])), (id(2), applied(&[]))];
    ensure!(!partition.settle(fence, 2, changes).await?, "a flight was found that was never written");
    ensure!(partition.everything().await? == before, "an unknown flight changed something");
    Ok(())
}

pub(super) async fn a_flight_is_settled_once(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1])).await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(1)]).await?;
    ensure!(partition.settle(fence, 1, vec![(id(1), requeued())]).await?, "the flight was not found");
    let before = partition.everything().await?;
    let again = partition.settle(fence, 1, vec![(id(1), applied(&[]))]).await?;
    ensure!(!again, "a flight was settled twice");
    ensure!(partition.everything().await? == before, "a settled flight changed something");
    Ok(())
}

pub(super) async fn a_command_of_another_flight_is_left_alone(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3])).await?;
    let fence = partition.fence().await?;
    partition.take_off(fence, 1, &[id(1)]).await?;
    partition.take_off(fence, 2, &[id(2)]).await?;
    let changes =
        vec![(id(1), failed()), (id(2), applied(&[])), (id(3), conflicted("own-3")), (id(99), failed())];
    ensure!(partition.settle(fence, 1, changes).await?, "the flight was not found");
    let statuses: Vec<_> = partition.all().await?.iter().map(|command| command.status).collect();
    ensure_eq!(statuses, [Status::Failed, Status::InFlight, Status::Pending]);
    ensure_eq!(partition.latest().await?.len(), 0);
    Ok(())
}

pub(super) async fn what_was_settled_survives_a_restart(harness: Harness) -> Proof {
    let partition = harness.open().await?;
    partition.append(commands([1, 2, 3, 4])).await?;
    let changes = vec![
        (id(1), applied(&[("own-1", 2)])),
        (id(2), failed()),
        (id(3), conflicted("own-3")),
        (id(4), requeued()),
    ];
    partition.fly(changes).await?;
    let before = partition.everything().await?;
    let partition = reopened(&harness, partition).await?;
    ensure!(partition.everything().await? == before, "a restart changed what was settled");
    ensure_eq!(ids(&partition.all().await?), [id(2), id(3), id(4)]);
    Ok(())
}
