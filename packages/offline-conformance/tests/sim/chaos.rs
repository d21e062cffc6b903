//! The bad days: what goes wrong in a run, by its seed.

use std::{sync::atomic::Ordering, time::Duration};

use offline_core::{Election, Signal};
use offline_protocol::{Timestamp, UserId, WorkspaceId};

use crate::{
    commands::Release,
    dice::Dice,
    disk::Trouble,
    executor::Owner,
    model::Place,
    net::{Edge, Way, Weather},
    shared::locked,
    world::{Owners, World},
};

const DAY_MS: i64 = 86_400_000;

/// A run's plan: which sorts of trouble it has, and how much is done in it.
pub(crate) struct Chaos {
    commands: usize,
    made: u64,
    end_ms: i64,
    next_ms: i64,
    gap_ms: usize,
    /// The turn at which something dies.
    dies_at: u64,
    /// The turn in whose middle a tab freezes.
    freezes_at: u64,
    wakes: Vec<(i64, usize)>,
    deploy_ms: Option<i64>,
    crashes: bool,
    network: bool,
    stores: bool,
    clocks: bool,
    logins: bool,
    freezes: bool,
    servers: bool,
    people: bool,
}

/// Who takes part.
pub(crate) fn cast(dice: &Dice) -> Owners {
    let workspaces = dice.between(1, 3);
    let devices = 2 + dice.below(3) + if dice.percent(15) { dice.below(5) } else { 0 };
    let owner = |device: usize| {
        let workspace = ["acme", "brio", "corp"][device % workspaces];
        let user = ["ana", "ben"][dice.below(2)];
        (WorkspaceId::new(workspace).expect("BUG: an id"), UserId::new(user).expect("BUG: an id"))
    };
    (0..devices).map(owner).collect()
}

impl Chaos {
    pub(crate) fn plan(world: &mut World) -> Self {
        let shared = std::sync::Arc::clone(&world.shared);
        let dice = &shared.dice;
        let commands = 50 + if dice.percent(12) { dice.below(351) } else { dice.below(70) };
        let minutes = dice.between(4, 25);
        let end_ms = minutes as i64 * 60_000;
        let some = || dice.percent(60);
        let mut chaos = Self {
            commands,
            made: 0,
            end_ms,
            next_ms: 0,
            gap_ms: 0,
            dies_at: u64::MAX,
            freezes_at: u64::MAX,
            wakes: Vec::new(),
            deploy_ms: None,
            crashes: some(),
            network: some(),
            stores: some(),
            clocks: some(),
            logins: some(),
            freezes: some(),
            servers: some(),
            people: some(),
        };
        // About two in three events are commands.
        chaos.gap_ms = (minutes * 60_000 * 2 / (commands * 3)).max(1);
        if chaos.crashes {
            chaos.dies_at = dice.between(1, 3000) as u64;
        }
        if chaos.freezes {
            chaos.freezes_at = dice.between(1, 500) as u64;
        }
        if dice.percent(40) {
            chaos.deploy_ms = Some(dice.below(minutes * 60_000) as i64);
        }
        world.backend.broken.store(chaos.servers && dice.percent(50), Ordering::Relaxed);
        for place in 0..world.devices.len() {
            let device = &mut world.devices[place];
            device.most_tabs = dice.between(1, 3);
            if dice.percent(30) {
                device.election = Election::PlatformLock;
            }
            let twin =
                (0..place).find(|other| world.devices[*other].workspace != world.devices[place].workspace);
            if let Some(twin) = twin.filter(|_| dice.percent(10)) {
                world.twins(twin, place);
            }
            world.open(place);
        }
        chaos
    }

    /// Lives through the bad days.
    pub(crate) fn run(&mut self, world: &mut World) {
        while !world.shared.has_failed() {
            while !world.shared.has_failed()
                && world.turn(|world, task, owner| self.may_turn(world, task, owner))
            {}
            let now = world.shared.now_ms();
            if now >= self.end_ms {
                return;
            }
            if now >= self.next_ms {
                self.next_ms = now + 1 + world.shared.dice.below(2 * self.gap_ms) as i64;
                self.event(world);
                continue;
            }
            self.wake_the_frozen(world, now);
            let most = (self.next_ms - now).unsigned_abs();
            world.advance(Duration::from_millis(most));
        }
    }

    /// False when the turn is the last of its program: a crash at an await, wherever it is.
    fn may_turn(&mut self, world: &mut World, task: usize, owner: Owner) -> bool {
        if let Owner::Tab(tab) = owner
            && world.turns >= self.freezes_at
        {
            // In the middle of whatever it does; by the time it wakes, others may have taken over.
            self.freeze(world, tab);
            world.exec.keep(task);
            self.freezes_at = world.turns + world.shared.dice.between(20, 600) as u64;
            return false;
        }
        if world.turns < self.dies_at {
            return true;
        }
        let dice = &world.shared.dice;
        match owner {
            Owner::Net => return true,
            Owner::Server => world.crash_server(),
            Owner::Tab(number) => {
                let place = world.tabs[number].as_ref().map(|tab| tab.place);
                match place.filter(|_| dice.percent(20)) {
                    Some(place) => world.power_cut(place),
                    None => world.crash(number),
                }
            }
        }
        self.dies_at = world.turns + world.shared.dice.between(20, 4000) as u64;
        false
    }

    fn wake_the_frozen(&mut self, world: &mut World, now: i64) {
        self.wakes.retain(|(at, number)| {
            let due = *at <= now;
            if due {
                world.shared.trace(|| format!("tab {number} wakes"));
                world.exec.thaw(*number);
            }
            !due
        });
    }

    fn event(&mut self, world: &mut World) {
        let now = world.shared.now_ms();
        self.wake_the_frozen(world, now);
        if self.deploy_ms.is_some_and(|at| at <= now) {
            self.deploy_ms = None;
            world.backend.deploy(Release::Second);
            world.release = Release::Second;
        }
        let place = world.shared.dice.below(world.devices.len());
        let tabs = world.tabs_of(place);
        let Some(tab) = world.shared.dice.pick(&tabs).copied() else {
            world.open(place);
            return;
        };
        let choice = world.shared.dice.below(100);
        if choice < 62 && (self.made as usize) < self.commands {
            let burst = if world.shared.dice.percent(10) { 4 } else { 1 };
            for _ in 0..burst {
                self.made += 1;
                world.enqueue(tab, self.made);
            }
            return;
        }
        match choice {
            62..=67 => world.look(place),
            68..=73 => world.decide(tab),
            74..=75 if tabs.len() < world.devices[place].most_tabs => drop(world.open(place)),
            76 => self.come_and_go(world, place, tab),
            77..=79 => world.wake(tab, [Signal::Hint, Signal::SyncNow][world.shared.dice.below(2)]),
            80..=85 if self.network => weather(world, place),
            86..=88 if self.servers => self.server_trouble(world),
            89..=91 if self.logins => login_trouble(world, place),
            92..=93 if self.stores => store_trouble(world, place),
            94 if self.clocks => clock_trouble(world, place),
            95..=96 if self.freezes => self.freeze(world, tab),
            97 if self.people && world.devices[place].election == Election::PlatformLock => {
                world.steal_lock(place, tab);
            }
            98 => edge_trouble(world),
            _ => {}
        }
    }

    fn come_and_go(&mut self, world: &mut World, place: Place, tab: usize) {
        if self.people && world.shared.dice.percent(40) {
            world.log_out(tab);
            // Another tab does not know of it yet.
            for other in world.tabs_of(place).into_iter().filter(|other| *other != tab) {
                self.made += 1;
                world.enqueue(other, self.made);
            }
            return;
        }
        if let Some(closed) = world.tabs[tab].as_mut().filter(|_| world.shared.dice.percent(50)) {
            world.shared.trace(|| format!("tab {tab} of p{place} is closed in good order"));
            closed.engine.close();
            closed.closing = true;
        }
        world.open(place);
    }

    fn freeze(&mut self, world: &mut World, tab: usize) {
        let span = world.shared.dice.between(100, 90_000);
        world.shared.trace(|| format!("tab {tab} is frozen for {span} ms"));
        world.exec.freeze(tab);
        self.wakes.push((world.shared.now_ms() + span as i64, tab));
    }

    fn server_trouble(&self, world: &mut World) {
        let dice = &world.shared.dice;
        match dice.below(8) {
            0 => world.crash_server(),
            1..=3 => world.backend.start(),
            4 => world.backend.fail_writes(dice.between(10, 80)),
            5 => world.backend.fail_writes(0),
            6 => world.backend.limit([3, 10, 50, 1000][dice.below(4)]),
            _ => world.backend.broken.store(dice.percent(50), Ordering::Relaxed),
        }
        world.shared.trace(|| format!("trouble at the server; up: {}", world.backend.is_up()));
    }

    /// Everything works again, and everybody is there.
    pub(crate) fn end(&mut self, world: &mut World) {
        world.shared.trace(|| "from here on all is well".into());
        for (_, number) in std::mem::take(&mut self.wakes) {
            world.exec.thaw(number);
        }
        world.backend.heal();
        world.backend.limit(1000);
        *locked(&world.net.edge) = Edge::default();
        if self.deploy_ms.take().is_some() {
            world.backend.deploy(Release::Second);
            world.release = Release::Second;
        }
        for place in 0..world.devices.len() {
            let (workspace, user) =
                (world.devices[place].workspace.clone(), world.devices[place].user.clone());
            world.backend.member(&workspace, &user, true);
            world.devices[place].disk.trouble(None);
            locked(&world.net.lines[place]).weather = Weather::FAIR;
            world.sign_in(place);
            hint(world, place, false);
            // One that was frozen when it was closed is still there, and will not send anything.
            let stays = |number: &usize| world.tabs[*number].as_ref().is_some_and(|tab| !tab.closing);
            if !world.tabs_of(place).iter().any(stays) {
                world.open(place);
            }
        }
    }
}

/// The platform says what it thinks of the network.
fn hint(world: &mut World, place: Place, offline: bool) {
    let before = std::mem::replace(&mut world.devices[place].hinted_offline, offline);
    for number in world.tabs_of(place) {
        let Some(tab) = &world.tabs[number] else { continue };
        match (offline, before) {
            (true, _) => tab.network.hint_offline(),
            (false, true) => tab.network.hint_online(),
            (false, false) => {}
        }
    }
}

fn weather(world: &mut World, place: Place) {
    let dice = &world.shared.dice;
    let way = match dice.below(10) {
        0..=5 => Way::Open,
        6 | 7 => Way::Cut,
        8 => Way::Silent,
        _ => Way::Portal,
    };
    let weather = Weather {
        way,
        lost: dice.below(31),
        doubled: dice.below(21),
        late: dice.below(40),
        hours: dice.below(8),
        crossed: dice.below(5),
    };
    let hinted = dice.percent(50);
    world.shared.trace(|| format!("the network of p{place} is {weather:?}"));
    locked(&world.net.lines[place]).weather = weather;
    hint(world, place, way == Way::Cut && hinted);
}

fn edge_trouble(world: &mut World) {
    let dice = &world.shared.dice;
    let edge = match dice.below(6) {
        0 => Edge {
            storm: dice.between(20, 100),
            retry_after: dice.percent(60).then(|| dice.millis(0, 900_000)),
            ..Edge::default()
        },
        1 => Edge { max_bytes: Some(dice.between(2000, 6000)), ..Edge::default() },
        2 => Edge { too_old: dice.percent(30), ..Edge::default() },
        3 => Edge { paused: dice.pick(&["ITEM_CREATE_V1", "ITEM_ADD_V1"]).copied(), ..Edge::default() },
        _ => Edge::default(),
    };
    world.shared.trace(|| format!("the edge: {edge:?}"));
    *locked(&world.net.edge) = edge;
}

fn login_trouble(world: &mut World, place: Place) {
    let dice = &world.shared.dice;
    let (workspace, user) = (world.devices[place].workspace.clone(), world.devices[place].user.clone());
    match dice.below(8) {
        0 => locked(&world.net.lines[place]).session = None,
        1 | 2 => {
            let soon = world.shared.now_ms() + dice.below(60_000) as i64;
            let expires_at = Timestamp::from_millis(offline_conformance::samples::at(0).as_millis() + soon);
            if let Some(session) = &mut locked(&world.net.lines[place]).session {
                session.expires_at = expires_at;
            }
        }
        3 => {
            world.shared.trace(|| format!("{user} is no member of {workspace} any more"));
            world.backend.member(&workspace, &user, false);
        }
        4 => world.backend.member(&workspace, &user, true),
        5 if dice.percent(30) => {
            // The application hands over the login of another workspace.
            let other = world.shared.dice.below(world.devices.len());
            let session = locked(&world.net.lines[other]).session.clone();
            // It may have been handed over before. That of another user of the same workspace is not promised to do no harm.
            if session.as_ref().is_some_and(|session| session.identity.workspace_id == workspace) {
                return;
            }
            world.shared.trace(|| format!("p{place} uses the login of p{other}"));
            locked(&world.net.lines[place]).session = session;
        }
        _ => world.sign_in(place),
    }
}

fn store_trouble(world: &mut World, place: Place) {
    let dice = &world.shared.dice;
    let trouble = match dice.below(5) {
        0 => Some((Trouble::Full, dice.between(20, 100))),
        1 | 2 => Some((Trouble::Broken, dice.between(5, 60))),
        _ => None,
    };
    world.shared.trace(|| format!("the store of p{place}: {trouble:?}"));
    world.devices[place].disk.trouble(trouble);
}

fn clock_trouble(world: &mut World, place: Place) {
    let dice = &world.shared.dice;
    let by = if dice.percent(60) { 30 * DAY_MS } else { dice.below(3 * 3_600_000) as i64 };
    let by = if dice.percent(50) { by } else { -by };
    world.jump(place, by);
}
