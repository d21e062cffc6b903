//! Devices with their tabs, the network and the server, and the time in which they live.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use offline_conformance::fakes::{SeededIds, VirtualClock};
use offline_core::{
    BoxFuture, Clock, Election, Engine, EngineConfig, Listener, Notice, PauseReason, Ports,
    memory::ManualNetwork,
};
use offline_protocol::{DeviceId, RecordKey, RecordSnapshot, Timestamp, UserId, WorkspaceId};
use offline_server::Identity;

use crate::{
    commands::{Release, registry},
    dice::Dice,
    disk::Disk,
    executor::{Executor, Owner},
    model::{Place, Promises},
    net::{Line, Net, Session, Wire},
    server::Backend,
    shared::{Shared, locked},
};

/// A run that takes more turns than this never comes to rest.
const MOST_TURNS: u64 = 3_000_000;

pub(crate) struct World {
    pub(crate) shared: Arc<Shared>,
    pub(crate) exec: Executor,
    pub(crate) backend: Arc<Backend>,
    pub(crate) net: Arc<Net>,
    pub(crate) devices: Vec<Device>,
    pub(crate) tabs: Vec<Option<Tab>>,
    /// What the clients that are opened now run.
    pub(crate) release: Release,
    pub(crate) turns: u64,
    seed: u64,
}

/// One partition on one device.
pub(crate) struct Device {
    pub(crate) workspace: WorkspaceId,
    pub(crate) user: UserId,
    pub(crate) disk: Arc<Disk>,
    clock: Arc<DeviceClock>,
    pub(crate) election: Election,
    /// The tab that holds the platform's lock.
    pub(crate) lock: Option<usize>,
    /// What it last read from the server.
    pub(crate) seen: Vec<(RecordKey, RecordSnapshot)>,
    pub(crate) most_tabs: usize,
    ids: u64,
    opened: u64,
    /// The platform has said that there is no network.
    pub(crate) hinted_offline: bool,
}

pub(crate) struct Tab {
    pub(crate) place: Place,
    pub(crate) engine: Engine,
    pub(crate) network: Arc<ManualNetwork>,
    notices: Listener,
    started: bool,
    /// It was told to close, which it does when it next gets a turn.
    pub(crate) closing: bool,
}

/// The server's time with an error of the device's own.
struct DeviceClock {
    clock: VirtualClock,
    error_ms: AtomicI64,
}

impl Clock for DeviceClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now().as_millis() + self.error_ms.load(Ordering::Relaxed))
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'_, ()> {
        self.clock.sleep(span)
    }
}

/// Who has a device: workspace, user.
pub(crate) type Owners = Vec<(WorkspaceId, UserId)>;

impl World {
    pub(crate) fn new(seed: u64, traced: bool, owners: impl FnOnce(&Dice) -> Owners) -> Self {
        let shared = Shared::new(seed, traced);
        let exec = Executor::new(Arc::clone(&shared.queue));
        let backend = Backend::new(&shared);
        let owners = owners(&shared.dice);
        let mut devices = Vec::new();
        let mut lines = Vec::new();
        for (place, (workspace, user)) in owners.into_iter().enumerate() {
            backend.member(&workspace, &user, true);
            shared.model().places.push(Promises::new(workspace.clone(), user.clone()));
            let identity = Identity { workspace_id: workspace.clone(), user_id: user.clone() };
            lines.push(Line::new(Session { identity, expires_at: Timestamp::from_millis(i64::MAX) }));
            let clock = DeviceClock { clock: shared.clock.clone(), error_ms: AtomicI64::new(0) };
            devices.push(Device {
                disk: Disk::new(&shared, place),
                workspace,
                user,
                clock: Arc::new(clock),
                election: Election::Lease,
                lock: None,
                seen: Vec::new(),
                most_tabs: 1,
                ids: place as u64,
                opened: 0,
                hinted_offline: false,
            });
        }
        let net = Net::new(&shared, &backend, lines);
        let (tabs, release) = (Vec::new(), Release::First);
        Self { shared, exec, backend, net, devices, tabs, release, turns: 0, seed }
    }

    /// Two devices of different workspaces make the same ids; two of one workspace never do.
    pub(crate) fn twins(&mut self, one: Place, other: Place) {
        let (ids, workspace) = (self.devices[one].ids, self.devices[other].workspace.clone());
        let taken = self.devices.iter().any(|device| device.workspace == workspace && device.ids == ids);
        if !taken {
            self.devices[other].ids = ids;
        }
    }

    pub(crate) fn jump(&self, place: Place, by: i64) {
        self.shared.trace(|| format!("the clock of p{place} jumps by {} s", by / 1000));
        self.devices[place].clock.error_ms.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn open(&mut self, place: Place) -> usize {
        let number = self.tabs.len();
        let device = &mut self.devices[place];
        device.opened += 1;
        self.shared.trace(|| format!("p{place} opens tab {number}"));
        let network = Arc::new(ManualNetwork::default());
        if device.hinted_offline {
            network.hint_offline();
        }
        let store = Arc::new(device.disk.open());
        let ids = self.seed.wrapping_mul(1_000_003) ^ (device.ids << 32) ^ (device.opened * 17 + 1);
        let ports = Ports {
            outbox: store.clone(),
            lease: store,
            transport: Arc::new(Wire { net: Arc::clone(&self.net), place, network: Arc::clone(&network) }),
            network: Arc::clone(&network) as _,
            clock: device.clock.clone(),
            ids: Arc::new(SeededIds::new(ids)),
        };
        let id = DeviceId::new(format!("device-{place}")).expect("BUG: a device id");
        let (workspace, user) = (device.workspace.clone(), device.user.clone());
        let mut config = EngineConfig::new(workspace, user, id, format!("tab-{number}"));
        config.election = device.election;
        let engine = Engine::new(config, registry(self.release, &Arc::default()), ports);
        let notices = engine.subscribe();
        let running = engine.clone();
        self.shared.queue.spawn(Owner::Tab(number), async move { running.run().await });
        self.tabs.push(Some(Tab { place, engine, network, notices, started: false, closing: false }));
        self.give_lock(place);
        number
    }

    /// The numbers of a device's open tabs.
    pub(crate) fn tabs_of(&self, place: Place) -> Vec<usize> {
        let open = |(number, tab): (usize, &Option<Tab>)| {
            tab.as_ref().is_some_and(|tab| tab.place == place).then_some(number)
        };
        self.tabs.iter().enumerate().filter_map(open).collect()
    }

    /// A tab dies in the middle of what it does.
    pub(crate) fn crash(&mut self, number: usize) {
        let Some(tab) = self.tabs[number].take() else { return };
        self.shared.trace(|| format!("tab {number} of p{} dies", tab.place));
        self.exec.kill(Owner::Tab(number));
        let device = &mut self.devices[tab.place];
        if device.lock == Some(number) {
            device.lock = None;
            self.give_lock(tab.place);
        }
    }

    pub(crate) fn power_cut(&mut self, place: Place) {
        for number in self.tabs_of(place) {
            self.crash(number);
        }
        self.devices[place].disk.power_cut();
    }

    pub(crate) fn crash_server(&mut self) {
        self.shared.trace(|| "the server dies".into());
        self.exec.kill(Owner::Server);
        self.backend.stop();
    }

    /// The platform's lock goes to the oldest tab that lives.
    fn give_lock(&mut self, place: Place) {
        if self.devices[place].election == Election::Lease || self.devices[place].lock.is_some() {
            return;
        }
        let next = self.tabs_of(place).into_iter().next();
        self.shared.trace(|| format!("tab {next:?} of p{place} is given the lock"));
        self.devices[place].lock = next;
        if let Some(Some(tab)) = next.map(|next| &self.tabs[next]) {
            tab.engine.promote();
        }
    }

    /// Takes the lock from its holder, who does not notice.
    pub(crate) fn steal_lock(&mut self, place: Place, thief: usize) {
        self.shared.trace(|| format!("tab {thief} of p{place} takes the lock"));
        self.devices[place].lock = Some(thief);
        if let Some(tab) = &self.tabs[thief] {
            tab.engine.promote();
        }
    }

    /// One turn of one task; false when all wait for time to pass.
    pub(crate) fn turn(&mut self, before: impl FnOnce(&mut Self, usize, Owner) -> bool) -> bool {
        let Some((task, owner)) = self.exec.pick(&self.shared.dice) else { return false };
        self.turns += 1;
        if self.turns > MOST_TURNS {
            self.shared.fail(|| "the run does not come to rest".into());
        }
        if before(self, task, owner) {
            self.exec.turn(task);
        }
        if let Owner::Tab(number) = owner {
            self.carry_notices(number);
            let tab = self.tabs.get_mut(number).and_then(Option::as_mut);
            let ended = tab.is_some_and(|tab| {
                let runs = tab.engine.is_running();
                std::mem::replace(&mut tab.started, runs) && !runs
            });
            if ended {
                // Closed, or its store was wiped: the page goes away.
                self.crash(number);
            }
        }
        true
    }

    /// Lets time pass with everything that happens meanwhile, up to a moment in milliseconds since the beginning.
    pub(crate) fn run_until(&mut self, end_ms: i64) {
        while !self.shared.has_failed() {
            while !self.shared.has_failed() && self.turn(|_, _, _| true) {}
            let left = end_ms - self.shared.now_ms();
            if left <= 0 {
                return;
            }
            self.advance(Duration::from_millis(left.unsigned_abs()));
        }
    }

    /// Up to the next deadline of a sleeper, `most` at most.
    pub(crate) fn advance(&self, most: Duration) {
        let step = self.shared.clock.next_deadline().unwrap_or(most).min(most);
        // Device times have whole milliseconds.
        let millis = step.as_nanos().div_ceil(1_000_000);
        self.shared.clock.advance(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)));
    }

    /// What a tab tells goes to the other tabs of its partition.
    fn carry_notices(&mut self, number: usize) {
        let Some(Some(tab)) = self.tabs.get_mut(number) else { return };
        let place = tab.place;
        let mut told = tab.notices.take(usize::MAX).notices;
        told.retain(|notice| !matches!(**notice, Notice::Event(_)));
        if told.is_empty() {
            return;
        }
        for (other, tab) in self.tabs.iter().enumerate() {
            let Some(tab) = tab.as_ref().filter(|tab| other != number && tab.place == place) else {
                continue;
            };
            told.iter().for_each(|notice| tab.engine.receive(notice));
        }
    }

    /// A person logs in where the engine asks for it, and brings the application up to date where it is too old.
    pub(crate) fn sign_in(&self, place: Place) {
        let device = &self.devices[place];
        let identity = Identity { workspace_id: device.workspace.clone(), user_id: device.user.clone() };
        let expires_at = Timestamp::from_millis(i64::MAX);
        locked(&self.net.lines[place]).session = Some(Session { identity, expires_at });
        for number in self.tabs_of(place) {
            let Some(tab) = &self.tabs[number] else { continue };
            match tab.engine.status().paused_by {
                Some(PauseReason::Login) => tab.engine.signed_in(),
                Some(PauseReason::Incompatible) => tab.engine.wake(offline_core::Signal::SyncNow),
                Some(PauseReason::Storage) | None => {}
            }
        }
    }
}
