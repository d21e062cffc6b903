//! The fakes do what they say: tests that stand on them would otherwise prove nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{cell::RefCell, rc::Rc, time::Duration};

use offline_conformance::{
    fakes::{
        FakeServer, Fault, SeededIds, VirtualClock, World, pair_move, thing_bump, thing_create, thing_update,
        things,
    },
    samples,
};
use offline_core::{Clock, Ids, OutboxCommand, OutgoingBatch, Transport, TransportError};
use offline_protocol::{
    Command, CommandBatch, CommandType, Expected, Outcome, ProblemCode, UserId, Verdict, Version, WorkspaceId,
};
use serde_json::{Value, json};

fn clock() -> VirtualClock {
    VirtualClock::new(samples::at(0))
}

fn acme() -> WorkspaceId {
    WorkspaceId::new("acme").unwrap()
}

fn ana() -> UserId {
    UserId::new("ana").unwrap()
}

fn command(number: u64, command_type: &str, payload: Value) -> Command {
    let mut command = samples::command(number).command;
    command.command_type = CommandType::new(command_type).unwrap();
    command.payload = payload.into();
    wire(&command)
}

/// As the server reads it.
fn wire(command: &OutboxCommand) -> Command {
    let batch = OutgoingBatch::of(std::slice::from_ref(command));
    serde_json::from_str::<CommandBatch>(&batch.body).unwrap().commands.remove(0)
}

fn expecting(mut command: Command, expected: Expected) -> Command {
    command.expected = Some(expected);
    command
}

/// Sends batches to a server in a world of their own.
fn send(server: &FakeServer, commands: &[Command]) -> Result<Vec<Outcome>, TransportError> {
    let transport = server.transport(&acme(), &ana());
    let command_ids = commands.iter().map(|command| command.command_id).collect();
    let body = serde_json::to_string(&CommandBatch { commands: commands.to_vec() }).unwrap();
    let batch = OutgoingBatch { command_ids, body };
    World::new(clock()).run(transport.send(batch))
}

fn statuses(outcomes: &[Outcome]) -> Vec<&'static str> {
    outcomes.iter().map(|outcome| outcome.verdict.status()).collect()
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    let clock = clock();
    let mut world = World::new(clock.clone());
    let woken = Rc::new(RefCell::new(Vec::new()));
    for seconds in [3, 1, 2, 1] {
        let (clock, woken) = (clock.clone(), Rc::clone(&woken));
        world.spawn(async move {
            clock.sleep(Duration::from_secs(seconds)).await;
            clock.sleep(Duration::from_secs(5)).await;
            woken.borrow_mut().push((seconds, clock.now().since(samples::at(0)).as_secs()));
        });
    }
    world.advance(Duration::from_secs(7));
    assert_eq!(*woken.borrow(), [(1, 6), (1, 6), (2, 7)]);
    assert_eq!(clock.next_deadline(), Some(Duration::from_secs(1)));
}

#[test]
fn a_jump_of_the_clock_wakes_nobody() {
    let clock = clock();
    let mut world = World::new(clock.clone());
    let done = Rc::new(RefCell::new(false));
    let (sleeper, seen) = (clock.clone(), Rc::clone(&done));
    world.spawn(async move {
        sleeper.sleep(Duration::from_secs(10)).await;
        *seen.borrow_mut() = true;
    });
    world.settle();
    clock.jump(samples::at(86_400));
    world.settle();
    assert!(!*done.borrow());
    world.advance(Duration::from_secs(10));
    assert!(*done.borrow());
    assert_eq!(clock.now(), samples::at(86_410));
}

#[test]
fn a_future_runs_through_virtual_hours() {
    let clock = clock();
    let mut world = World::new(clock.clone());
    world.run(async {
        for _ in 0..100 {
            clock.sleep(Duration::from_secs(3600)).await;
        }
    });
    assert_eq!(clock.now(), samples::at(360_000));
}

#[test]
fn a_dropped_sleeper_is_forgotten() {
    let clock = clock();
    let mut world = World::new(clock.clone());
    let (long, short) = (clock.sleep(Duration::from_secs(60)), clock.sleep(Duration::from_secs(1)));
    world.run(futures_util::future::select(long, short));
    assert_eq!((clock.now(), clock.next_deadline()), (samples::at(1), None));
}

#[test]
fn a_seed_gives_the_same_ids_and_another_seed_others() {
    let draw = |seed| {
        let ids = SeededIds::new(seed);
        (0..50).map(|_| (ids.uuid(samples::at(0)), ids.random())).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert!(draw(1).iter().all(|one| draw(2).iter().all(|other| one.0 != other.0)));
    for (uuid, random) in draw(3) {
        assert_eq!(uuid.get_version_num(), 7);
        assert!((0.0..1.0).contains(&random));
    }
}

#[test]
fn a_command_takes_effect_once_however_often_it_is_sent() {
    let server = FakeServer::new(clock(), things());
    let create = command(1, "THING_CREATE_V1", thing_create("a", "one"));
    server.next(Fault::AnswerLost);
    let lost = send(&server, std::slice::from_ref(&create));
    assert_eq!(lost, Err(TransportError::Transient { retry_after: None }));
    let outcomes = send(&server, &[create.clone(), create]).unwrap();
    assert!(outcomes.iter().all(|o| matches!(o.verdict, Verdict::Applied { replayed: true, .. })));
    assert_eq!(server.effects(&acme()), [samples::id(1)]);
    assert_eq!(server.deliveries().len(), 2);
}

#[test]
fn edits_that_follow_each_other_do_not_conflict() {
    let server = FakeServer::new(clock(), things());
    let edit = |number, name| command(number, "THING_UPDATE_V1", thing_update("a", name));
    let batch = [
        command(1, "THING_CREATE_V1", thing_create("a", "one")),
        expecting(edit(2, "two"), Expected::After(samples::id(1))),
        expecting(edit(3, "three"), Expected::After(samples::id(2))),
    ];
    assert_eq!(statuses(&send(&server, &batch).unwrap()), ["applied"; 3]);
    let record = server.record(&acme(), &samples::thing("a")).unwrap();
    assert_eq!(
        (record.version, record.data),
        (samples::version(3), Some(json!({"name": "three", "amount": 0})))
    );
}

#[test]
fn another_version_is_a_conflict_and_holds_what_follows() {
    let server = FakeServer::new(clock(), things());
    let ben = UserId::new("ben").unwrap();
    server.write(&acme(), &samples::thing("a"), Some(json!({"name": "his", "amount": 0})), &ben);
    server.write(&acme(), &samples::thing("b"), Some(json!({"name": "b", "amount": 5})), &ben);
    let edit = |number, name| command(number, "THING_UPDATE_V1", thing_update("a", name));
    let batch = [
        expecting(edit(1, "mine"), Expected::Version(Version::FIRST)),
        expecting(edit(2, "mine again"), Expected::After(samples::id(1))),
        command(3, "PAIR_MOVE_V1", pair_move("b", "a", 1)),
        command(4, "THING_BUMP_V1", thing_bump("b", 2)),
    ];
    let outcomes = send(&server, &batch).unwrap();
    assert_eq!(statuses(&outcomes), ["conflict", "held", "held", "held"]);
    let Verdict::Conflict(conflict) = &outcomes[0].verdict else { panic!("not a conflict") };
    assert_eq!((conflict.server_version, &conflict.changed_by), (samples::version(1), &ben));
    assert_eq!(outcomes[1].verdict, Verdict::Held { by: samples::id(1) });
    assert_eq!(statuses(&send(&server, &batch[3..]).unwrap()), ["applied"]);
}

#[test]
fn a_rule_refuses_and_a_key_with_another_content_is_no_replay() {
    let server = FakeServer::new(clock(), things());
    let mut bad = command(1, "THING_CREATE_V1", json!({"thingId": "a", "name": "a", "amount": -1}));
    let rejected = |outcomes: Vec<Outcome>| match outcomes.into_iter().next().unwrap().verdict {
        Verdict::Rejected { problem, replayed } => (problem.code, replayed),
        other => panic!("{other:?}"),
    };
    let verdict = |bad: &Command| rejected(send(&server, std::slice::from_ref(bad)).unwrap());
    assert_eq!(verdict(&bad), (ProblemCode::RuleViolated, false));
    assert_eq!(verdict(&bad), (ProblemCode::RuleViolated, true));
    bad.payload = thing_create("a", "good");
    assert_eq!(verdict(&bad), (ProblemCode::IdempotencyKeyReused, false));
    let unknown = command(2, "THING_EXPLODE_V1", json!({}));
    assert_eq!(verdict(&unknown), (ProblemCode::UnknownCommandType, false));
    assert!(server.effects(&acme()).is_empty());
}

#[test]
fn faults_are_what_they_are_called() {
    let server = FakeServer::new(clock(), things());
    let batch = [command(1, "THING_CREATE_V1", thing_create("a", "one"))];
    let minute = Some(Duration::from_secs(60));
    let faults = [
        (Fault::Offline, TransportError::Offline),
        (Fault::Portal, TransportError::NotOurServer),
        (Fault::Unavailable { retry_after: minute }, TransportError::Transient { retry_after: minute }),
        (Fault::Unauthorized, TransportError::Unauthorized),
        (Fault::TooLarge, TransportError::TooLarge),
        (Fault::Incompatible, TransportError::Incompatible),
    ];
    for (fault, error) in faults {
        server.next(fault);
        assert_eq!(send(&server, &batch), Err(error));
    }
    assert!(server.effects(&acme()).is_empty());
    server.retry_item(samples::id(1), Some(Duration::from_secs(2)));
    assert_eq!(send(&server, &batch).unwrap()[0].verdict, Verdict::Retry { after_ms: 2000 });
    server.retry_item(samples::id(1), None);
    server.limit_items(0);
    assert_eq!(send(&server, &batch), Err(TransportError::TooLarge));
    server.limit_items(1);
    assert_eq!(statuses(&send(&server, &batch).unwrap()), ["applied"]);
}
