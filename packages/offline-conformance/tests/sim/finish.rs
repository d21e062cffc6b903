//! What must hold once the faults have stopped and a day has passed.

use std::collections::HashSet;

use offline_core::{Counts, Dependants, OutboxCommand, Status};
use offline_protocol::{CommandBatch, CommandId};

use crate::{chaos::Chaos, executor::Owner, model::End, model::Place, shared::locked, world::World};

const MINUTE_MS: i64 = 60_000;

pub(crate) fn finish(world: &mut World, chaos: &mut Chaos) {
    chaos.end(world);
    // A late answer may ask for a login once more.
    wait(world, 2 * MINUTE_MS);
    (0..world.devices.len()).for_each(|place| world.sign_in(place));
    wait(world, 10 * MINUTE_MS);
    each(world, drained);
    answered(world);
    if world.shared.dice.percent(50) {
        tidy_up(world);
    }
    answered(world);
    // A day without any client; what is still under way comes to the server meanwhile.
    for number in 0..world.tabs.len() {
        world.crash(number);
    }
    wait(world, 24 * 60 * MINUTE_MS);
    for place in 0..world.devices.len() {
        world.sign_in(place);
        world.open(place);
    }
    wait(world, 5 * MINUTE_MS);
    check_all(world);
}

/// All that can be checked once nothing is under way any more.
pub(crate) fn check_all(world: &mut World) {
    each(world, drained);
    each(world, accounted_for);
    for place in 0..world.devices.len() {
        if !world.shared.has_failed() {
            world.look(place);
        }
    }
    if !world.shared.has_failed() {
        send_everything_again(world);
    }
}

/// Whatever a person has asked of a tab that lives is answered.
fn answered(world: &World) {
    let waiting = world.shared.unanswered();
    world.shared.check(waiting == 0, || format!("I4: {waiting} calls of living tabs were never answered"));
}

fn wait(world: &mut World, span_ms: i64) {
    world.run_until(world.shared.now_ms() + span_ms);
}

fn each(world: &World, check: fn(&World, Place)) {
    for place in 0..world.devices.len() {
        if !world.shared.has_failed() {
            check(world, place);
        }
    }
}

/// I5: what is left waits behind something parked, and nothing else does.
fn drained(world: &World, place: Place) {
    let outbox = world.devices[place].disk.outbox();
    let mut stuck: Vec<&OutboxCommand> = Vec::new();
    for command in &outbox {
        let behind = stuck.iter().any(|earlier| {
            command.named_predecessors().any(|id| id == earlier.command_id)
                || command.touches.iter().any(|key| earlier.touches.contains(key))
        });
        if command.status.is_parked() || behind {
            stuck.push(command);
        } else {
            let (id, status) = (command.command_id, command.status.as_str());
            let why = command.last_error.as_ref().map(|error| error.code.clone());
            world.shared.fail(|| {
                let paused: Vec<_> = world.tabs_of(place).iter().filter_map(|number| world.tabs[*number].as_ref())
                    .map(|tab| (tab.engine.status().phase, tab.engine.status().paused_by, tab.engine.status().leader)).collect();
                format!("I5: {id} of p{place} is still {status} ({why:?}) though nothing stands in its way; its tabs: {paused:?}")
            });
        }
    }
    let count = |status| outbox.iter().filter(|command| command.status == status).count() as u64;
    let counts = Counts {
        pending: count(Status::Pending),
        in_flight: count(Status::InFlight),
        failed: count(Status::Failed),
        conflict: count(Status::Conflict),
    };
    let kept = world.devices[place].disk.counts();
    world.shared.check(kept == counts, || format!("I4: p{place} counts {kept:?} and holds {counts:?}"));
    for tab in world.tabs_of(place).iter().filter_map(|number| world.tabs[*number].as_ref()) {
        let status = tab.engine.status();
        world.shared.check(status.counts == counts, || {
            format!("I4: a tab of p{place} shows {:?} of {counts:?}", status.counts)
        });
    }
}

/// A person sends all that is parked again, then gives up what is parked still: then nothing is left.
fn tidy_up(world: &mut World) {
    for round in 0..2 {
        for place in 0..world.devices.len() {
            for id in world.parked(place) {
                resolve(world, place, id, round == 0);
            }
        }
        wait(world, 10 * MINUTE_MS);
        each(world, drained);
    }
    for place in 0..world.devices.len() {
        for _ in 0..100 {
            let Some(id) = world.parked(place).into_iter().next() else { break };
            resolve(world, place, id, false);
            wait(world, 1000);
        }
    }
    wait(world, 2 * MINUTE_MS);
    each(world, |world, place| {
        let left = world.devices[place].disk.outbox();
        world
            .shared
            .check(left.is_empty(), || format!("I5: p{place} still holds {left:?} after all was decided"));
    });
}

fn resolve(world: &World, place: Place, id: CommandId, again: bool) {
    let Some(number) = world.tabs_of(place).into_iter().next() else { return };
    let Some(tab) = &world.tabs[number] else { return };
    let (engine, asked) = (tab.engine.clone(), world.shared.asks());
    world.shared.queue.spawn(Owner::Tab(number), async move {
        let _asked = asked;
        let _ = match again {
            true => engine.retry_with_latest(id, None).await,
            false => engine.discard(id, Some(Dependants::Discard)).await.map(drop),
        };
    });
}

/// I1 and I4: every command that was ever stored ended in one of the ways that are allowed, and the server agrees.
fn accounted_for(world: &World, place: Place) {
    let outbox = world.devices[place].disk.outbox();
    let model = world.shared.model();
    let promises = &model.places[place];
    let forgettable = promises.commands.values().any(|known| known.forgettable);
    let rerouted = promises.commands.values().any(|known| known.rerouted);
    for (id, known) in &promises.commands {
        let done = model.done(&promises.workspace, &promises.user, *id).is_some();
        let waits = outbox.iter().find(|command| command.command_id == *id);
        let right = match (waits, known.end) {
            (None, None) => known.lost,
            (None, Some(End::Applied)) => done,
            (None, Some(End::Discarded { maybe_applied })) => !done || maybe_applied || known.forgettable,
            (Some(command), None) if command.status.is_parked() => {
                let reused =
                    command.last_error.as_ref().is_some_and(|error| error.code == "idempotency-key-reused");
                !done || reused || known.forgettable || known.rerouted
            }
            // It can be done while it is held: behind what was refused in a way that is not remembered, after it had been done too; or
            // by a late copy, where a person has led another command into its lane.
            (Some(_), None) => !done || forgettable || rerouted,
            (Some(_), Some(_)) => false,
        };
        let acknowledged = known.acknowledged;
        world.shared.check(right, || {
            let status = waits.map(|command| command.status);
            let end = known.end;
            format!("I1: {id} of p{place} (acknowledged: {acknowledged}) stands as {status:?}, ended as {end:?}, on the server: {done}")
        });
    }
}

/// I8: every batch that ever came to the server comes a second time, as far as it was judged then, and changes nothing.
fn send_everything_again(world: &mut World) {
    let before = world.backend.copy();
    let received = std::mem::take(&mut *locked(&world.net.received));
    let mut seen = HashSet::new();
    for (identity, body) in received {
        let Ok(mut batch) = serde_json::from_slice::<CommandBatch>(&body) else { continue };
        let model = world.shared.model();
        batch.commands.retain(|command| {
            model.has_verdict(&identity.workspace_id, &identity.user_id, &command.idempotency_key)
        });
        drop(model);
        let again = serde_json::to_vec(&batch).unwrap_or_default();
        if batch.commands.is_empty() || !seen.insert(again.clone()) {
            continue;
        }
        let backend = std::sync::Arc::clone(&world.backend);
        world.shared.queue.spawn(Owner::Server, async move {
            let forever = offline_protocol::Timestamp::from_millis(i64::MAX);
            backend.commands(&identity, forever, &again).await;
        });
    }
    wait(world, MINUTE_MS);
    let same = world.backend.copy() == before;
    world.shared.check(same, || "I8: sending everything again changes the server".into());
}
