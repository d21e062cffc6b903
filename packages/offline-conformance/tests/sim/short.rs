//! Short days, lived through again and again: the program dies at its first turn, at its second, ... until a day ends without its death.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use libtest_mimic::Trial;
use offline_core::{Dependants, EnqueueRequest};
use offline_protocol::{Expected, UserId, Version, WorkspaceId};
use serde_json::json;

use crate::{
    commands::Release,
    dice::Dice,
    executor::Owner,
    finish,
    model::Place,
    net::{Edge, Way},
    person::acknowledge,
    run::live_in,
    shared::locked,
    world::{Owners, World},
};

/// What is done next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Create,
    /// A creation that the server refuses.
    Refused,
    Set,
    Add,
    Move,
    Delete,
    /// The other device changes the same record.
    Other,
    RetryParked,
    DiscardParked,
    /// Discards what is parked; what waits behind it stays.
    DiscardAlone,
    Wipe,
    /// A second tab is opened.
    Tab,
    /// Nothing leaves the device.
    Cut,
    /// The server is overloaded, and says so.
    Storm,
    /// The network and the server are well again.
    Fair,
    /// A new release of the server, and of the pages that are opened from then on.
    Deploy,
}

use Step::{
    Add, Create, Cut, Delete, Deploy, DiscardAlone, DiscardParked, Fair, Move, Other, Refused, RetryParked,
    Set, Storm, Tab, Wipe,
};

const DAYS: [(&str, &[Step]); 40] = [
    ("one_command", &[Create]),
    ("a_lane_of_edits", &[Create, Set, Set, Set]),
    ("two_records", &[Create, Add, Move, Add]),
    ("a_deletion", &[Create, Set, Delete]),
    ("a_refusal_with_a_dependant", &[Refused, Set]),
    ("a_refusal_that_is_retried", &[Refused, Add, RetryParked]),
    ("a_refusal_that_is_given_up_with_its_dependants", &[Refused, Set, DiscardParked]),
    ("a_refusal_that_is_given_up_alone", &[Refused, Set, DiscardAlone]),
    ("a_conflict_that_is_retried", &[Create, Other, Set, Set, RetryParked]),
    ("a_logout", &[Create, Add, Wipe, Create]),
    ("an_addition_to_nothing", &[Add]),
    ("an_edit_of_nothing", &[Set]),
    ("a_deletion_of_nothing", &[Delete]),
    ("a_creation_twice", &[Create, Create]),
    ("additions", &[Create, Add, Add, Add]),
    ("a_move_to_nothing", &[Create, Move, Add]),
    ("a_new_creation_behind_a_deletion", &[Create, Delete, Create]),
    ("an_edit_behind_a_deletion", &[Create, Delete, Set]),
    ("an_edit_of_what_another_one_edits", &[Create, Other, Set]),
    ("an_edit_of_what_another_one_would_have_made", &[Other, Create, Set]),
    ("a_conflict_that_is_given_up", &[Create, Other, Set, Set, DiscardParked]),
    ("a_conflict_that_is_given_up_alone", &[Create, Other, Set, Set, Add, DiscardAlone]),
    ("a_conflict_with_a_dependant_that_is_retried", &[Create, Other, Set, Set, Add, RetryParked]),
    ("a_deletion_in_conflict", &[Create, Other, Delete, Delete, RetryParked]),
    ("two_refusals_that_are_retried", &[Refused, Refused, RetryParked, RetryParked]),
    ("a_refusal_that_is_retried_and_edited", &[Refused, RetryParked, Set]),
    ("a_refusal_with_a_lane_behind_it", &[Refused, Set, Add, Add, RetryParked]),
    ("a_refusal_that_is_given_up_and_made_again", &[Refused, DiscardParked, Create]),
    ("a_logout_with_something_parked", &[Refused, Wipe, RetryParked]),
    ("a_logout_at_once", &[Create, Wipe]),
    ("two_logouts", &[Create, Wipe, Wipe, Create]),
    ("a_creation_without_a_network", &[Cut, Create, Fair]),
    ("edits_without_a_network", &[Create, Cut, Add, Set, Fair]),
    ("a_refusal_after_a_time_without_a_network", &[Create, Cut, Refused, Set, Fair, RetryParked]),
    ("a_conflict_after_a_time_without_a_network", &[Create, Cut, Set, Other, Set, Fair, RetryParked]),
    ("a_storm", &[Create, Storm, Add, Add, Fair]),
    ("a_second_tab", &[Create, Tab, Add, Set]),
    ("a_second_tab_without_a_network", &[Create, Cut, Add, Tab, Add, Fair]),
    ("a_deploy", &[Create, Add, Deploy, Add]),
    ("a_deploy_with_something_in_the_outbox", &[Create, Cut, Add, Deploy, Add, Fair]),
];

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Client,
    Server,
}

static DEATHS: AtomicU64 = AtomicU64::new(0);

/// How many deaths the days so far have had.
pub(crate) fn deaths() -> u64 {
    DEATHS.load(Ordering::Relaxed)
}

/// A day's two devices.
pub(crate) fn cast(_: &Dice) -> Owners {
    let owner = |user: &str| (WorkspaceId::new("acme").unwrap(), UserId::new(user).unwrap());
    vec![owner("ana"), owner("ben")]
}

/// One test for each day, victim and sort of store.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, day) in DAYS {
        for victim in [Victim::Client, Victim::Server] {
            for file in [false, true] {
                let medium = if file { "sqlite" } else { "memory" };
                let name = format!("every_death::{name}::{victim:?}::{medium}").to_lowercase();
                trials.push(Trial::test(name, move || {
                    let mut turn = 1;
                    while die_at(day, victim, file, turn)? {
                        DEATHS.fetch_add(1, Ordering::Relaxed);
                        turn += 1;
                    }
                    if turn < 5 { Err("the victim took hardly a turn".into()) } else { Ok(()) }
                }));
            }
        }
    }
    trials
}

/// Lives the day with a death at that turn of the victim; whether it came to that.
fn die_at(day: &[Step], victim: Victim, file: bool, turn: u64) -> Result<bool, String> {
    let mut turns = 0;
    let ended = live_in(World::new(11, false, cast), |world| {
        if file {
            world.devices[0].disk.move_to_file();
        }
        if file && victim == Victim::Server {
            world.backend.move_to_file();
        }
        world.open(0);
        world.open(1);
        for step in day {
            do_one(world, *step);
            let end = world.shared.now_ms() + 3000;
            live_until(world, end, |world, owner| {
                let struck = match victim {
                    Victim::Client => matches!(owner, Owner::Tab(tab) if world.tabs_of(0).contains(&tab)),
                    Victim::Server => owner == Owner::Server,
                };
                turns += u64::from(struck);
                if !struck || turns != turn {
                    return true;
                }
                strike(world, victim);
                false
            });
        }
        settle_up(world);
    });
    match ended.failure {
        Some(failure) => Err(format!("death at turn {turn}: {failure}")),
        None => Ok(turns >= turn),
    }
}

fn strike(world: &mut World, victim: Victim) {
    match victim {
        Victim::Server => {
            world.crash_server();
            world.backend.start();
        }
        Victim::Client => {
            for tab in world.tabs_of(0) {
                world.crash(tab);
            }
            world.devices[0].disk.killed();
            world.open(0);
        }
    }
}

fn live_until(world: &mut World, end_ms: i64, mut may_turn: impl FnMut(&mut World, Owner) -> bool) {
    while !world.shared.has_failed() {
        while !world.shared.has_failed() && world.turn(|world, _, owner| may_turn(world, owner)) {}
        let left = end_ms - world.shared.now_ms();
        if left <= 0 {
            return;
        }
        world.advance(Duration::from_millis(left.unsigned_abs()));
    }
}

/// Ten good minutes later everything is as promised.
pub(crate) fn settle_up(world: &mut World) {
    for place in 0..2 {
        if world.tabs_of(place).is_empty() {
            world.open(place);
        }
    }
    let end = world.shared.now_ms() + 10 * 60_000;
    world.run_until(end);
    finish::check_all(world);
}

/// What nobody does with a command.
fn happen(world: &mut World, step: Step) {
    match step {
        Tab => drop(world.open(0)),
        Cut => locked(&world.net.lines[0]).weather.way = Way::Cut,
        Storm => *locked(&world.net.edge) = Edge { storm: 100, ..Edge::default() },
        Fair => {
            locked(&world.net.lines[0]).weather.way = Way::Open;
            *locked(&world.net.edge) = Edge::default();
        }
        _ => {
            world.backend.deploy(Release::Second);
            world.release = Release::Second;
        }
    }
}

/// Does the next thing on the first device (or the other one).
pub(crate) fn do_one(world: &mut World, step: Step) {
    let place: Place = usize::from(matches!(step, Other));
    let Some(number) = world.tabs_of(place).into_iter().next() else { return };
    let Some(tab) = &world.tabs[number] else { return };
    let engine = tab.engine.clone();
    let parked = world.parked(place).into_iter().next();
    let (item, note) = ("all-0", "canary:acme:1");
    let seen = Some(Expected::Version(Version::new(1).unwrap()));
    let made = |what: &str, payload| EnqueueRequest::new(what, payload);
    let request = match step {
        Create => made("ITEM_CREATE_V1", json!({ "id": item, "note": note, "by": 5 })),
        Refused => made("ITEM_CREATE_V1", json!({ "id": item, "note": note, "by": -5 })),
        Set => EnqueueRequest {
            expected: seen,
            ..made("ITEM_SET_V1", json!({ "id": item, "note": note, "by": 7 }))
        },
        Other => EnqueueRequest {
            expected: seen,
            ..made("ITEM_SET_V1", json!({ "id": item, "note": note, "by": 2 }))
        },
        Add => made("ITEM_ADD_V1", json!({ "id": item, "by": 1 })),
        Move => made("ITEM_MOVE_V1", json!({ "id": item, "to": "all-1", "by": 1 })),
        Delete => EnqueueRequest { expected: seen, ..made("ITEM_DELETE_V1", json!({ "id": item })) },
        RetryParked | DiscardParked | DiscardAlone => {
            let Some(id) = parked else { return };
            let better = json!({ "id": item, "note": note, "by": 9 });
            world.shared.queue.spawn(Owner::Tab(number), async move {
                let _ = match step {
                    RetryParked => engine.retry_with_latest(id, Some(better.into())).await,
                    DiscardParked => engine.discard(id, Some(Dependants::Discard)).await.map(drop),
                    _ => engine.discard(id, Some(Dependants::Keep)).await.map(drop),
                };
            });
            return;
        }
        Wipe => {
            world.log_out(number);
            return;
        }
        Tab | Cut | Storm | Fair | Deploy => {
            happen(world, step);
            return;
        }
    };
    let shared = Arc::clone(&world.shared);
    world.shared.queue.spawn(Owner::Tab(number), async move {
        if let Ok(enqueued) = engine.enqueue(request).await {
            acknowledge(&shared, place, enqueued.command_id, true);
        }
    });
}
