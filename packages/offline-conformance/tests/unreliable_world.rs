//! The engine on the fakes: two tabs of one partition in an unreliable world, for a number of seeds. One that fails is reproduced with
//! `SEED=17 cargo test -p offline-conformance --test unreliable_world`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::{AbortHandle, abortable};
use offline_conformance::{
    fakes::{
        FakeServer, Fault, SeededIds, VirtualClock, World, thing_bump, thing_create, thing_update, things,
    },
    samples::{at, thing, version},
};
use offline_core::{
    Engine, EngineConfig, EnqueueRequest, Ids, JournalOutcome, JournalQuery, OutboxStore, Ports,
    memory::{ManualNetwork, MemoryDisk},
};
use offline_protocol::{CommandId, DeviceId, Expected, UserId, WorkspaceId};

struct Tab {
    engine: Engine,
    crash: AbortHandle,
}

struct Device {
    world: World,
    server: FakeServer,
    disk: MemoryDisk,
    chance: SeededIds,
    opened: u64,
    seed: u64,
}

impl Device {
    fn new(seed: u64) -> Self {
        let clock = VirtualClock::new(at(0));
        let server = FakeServer::new(clock.clone(), things());
        let (world, disk, chance) = (World::new(clock), MemoryDisk::new(), SeededIds::new(seed));
        Self { world, server, disk, chance, opened: 0, seed }
    }

    fn open(&mut self) -> Tab {
        self.opened += 1;
        let (workspace, user) = whose();
        let device = DeviceId::new("device").unwrap();
        let config =
            EngineConfig::new(workspace.clone(), user.clone(), device, format!("tab-{}", self.opened));
        let store = Arc::new(self.disk.open());
        let ports = Ports {
            outbox: store.clone(),
            lease: store,
            transport: Arc::new(self.server.transport(&workspace, &user)),
            network: Arc::new(ManualNetwork::default()),
            clock: Arc::new(self.world.clock().clone()),
            ids: Arc::new(SeededIds::new(self.seed * 1_000_003 + self.opened * 17 + 1)),
        };
        let engine = Engine::new(config, things(), ports);
        let running = engine.clone();
        let (run, crash) = abortable(async move { running.run().await });
        self.world.spawn(async move {
            let _crashed = run.await;
        });
        self.world.settle();
        Tab { engine, crash }
    }

    fn below(&self, bound: u64) -> u64 {
        (self.chance.random() * bound as f64) as u64
    }

    fn fault(&self) -> Fault {
        match self.below(7) {
            0 => Fault::Offline,
            1 | 2 => Fault::AnswerLost,
            3 => Fault::Portal,
            4 => Fault::Unavailable { retry_after: Some(Duration::from_secs(self.below(30))) },
            5 => Fault::Slow(Duration::from_secs(self.below(40))),
            _ => Fault::Unauthorized,
        }
    }
}

fn whose() -> (WorkspaceId, UserId) {
    (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap())
}

/// What was enqueued: each lane's commands in their order, and what they add up to.
#[derive(Default)]
struct Intent {
    lanes: BTreeMap<String, Vec<CommandId>>,
    amounts: BTreeMap<String, i64>,
}

impl Intent {
    fn request(&mut self, device: &Device) -> (String, EnqueueRequest) {
        let name = format!("t-{}", device.below(6));
        let request = if !self.lanes.contains_key(&name) {
            EnqueueRequest::new("THING_CREATE_V1", thing_create(&name, "new"))
        } else if device.below(2) == 0 {
            *self.amounts.entry(name.clone()).or_default() += 1;
            EnqueueRequest::new("THING_BUMP_V1", thing_bump(&name, 1))
        } else {
            // The screen still shows the first version: nobody else writes, so it must not come to a conflict.
            let seen = Expected::Version(version(1));
            EnqueueRequest::new("THING_UPDATE_V1", thing_update(&name, "renamed")).expecting(seen)
        };
        (name, request)
    }
}

fn live(seed: u64) {
    let mut device = Device::new(seed);
    let mut tabs = [device.open(), device.open()];
    let mut intent = Intent::default();
    for _ in 0..60 {
        let tab = device.below(tabs.len() as u64) as usize;
        match device.below(11) {
            0..=4 => {
                let (name, request) = intent.request(&device);
                let engine = tabs[tab].engine.clone();
                let enqueued = device.world.run(engine.enqueue(request)).unwrap();
                intent.lanes.entry(name).or_default().push(enqueued.command_id);
            }
            5 | 6 => device.server.next(device.fault()),
            7 => {
                tabs[tab].crash.abort();
                tabs[tab] = device.open();
            }
            8 => device.server.limit_items(1 + device.below(9) as usize),
            9 => tabs.iter().for_each(|tab| tab.engine.signed_in()),
            _ => {
                let span = Duration::from_millis(device.below(20_000));
                device.world.advance(span);
            }
        }
    }
    for _ in 0..8 {
        tabs.iter().for_each(|tab| tab.engine.signed_in());
        device.world.advance(Duration::from_secs(310));
    }
    settle_up(&mut device, &intent, seed);
}

/// Everything took effect exactly once, in the order of its lane, and the journal says so.
fn settle_up(device: &mut Device, intent: &Intent, seed: u64) {
    let store = device.disk.open();
    let counts = device.world.run(store.counts()).unwrap();
    assert_eq!(counts.unsettled(), 0, "seed {seed}: {counts:?}");
    let (workspace, _) = whose();
    let effects = device.server.effects(&workspace);
    let all: Vec<_> = intent.lanes.values().flatten().collect();
    assert_eq!(effects.len(), all.len(), "seed {seed}: something took effect twice, or never");
    for (name, lane) in &intent.lanes {
        let applied: Vec<_> = effects.iter().filter(|id| lane.contains(id)).copied().collect();
        assert_eq!(applied, *lane, "seed {seed}: the order of {name}");
        let data = device.server.record(&workspace, &thing(name)).unwrap().data.unwrap();
        assert_eq!(data["amount"], intent.amounts.get(name).copied().unwrap_or(0), "seed {seed}: {name}");
    }
    let journal = device.world.run(store.journal(JournalQuery::Latest { limit: 1000 })).unwrap();
    assert_eq!(journal.len(), all.len(), "seed {seed}");
    assert!(
        journal.iter().all(|entry| matches!(entry.outcome, JournalOutcome::Applied { .. })),
        "seed {seed}"
    );
}

#[test]
fn every_command_takes_effect_once_in_its_order_whatever_happens() {
    match std::env::var("SEED") {
        Ok(seed) => live(seed.parse().unwrap()),
        Err(_) => (0..40).for_each(live),
    }
}
