//! A user's device and the server that it talks to, in virtual time.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use futures_util::future::AbortHandle;
use offline_conformance::fakes::{FakeServer, SeededIds, VirtualClock, World, things};
use offline_core::{
    Clock, Counts, Engine, EngineConfig, EnqueueRequest, JournalEntry, JournalQuery, Listener, Notice,
    OutboxEntry, OutboxQuery, OutboxStore, Ports,
    memory::{ManualNetwork, MemoryDisk},
};
use offline_protocol::{
    CommandId, DeviceId, Expected, RecordId, RecordKey, RecordKind, Timestamp, UserId, Version, WorkspaceId,
};
use serde_json::Value;

use crate::slow_store::SlowStore;

pub(crate) use offline_conformance::fakes::{Fault, pair_move, thing_bump, thing_create, thing_update};

/// One world with one server.
pub(crate) struct Rig {
    pub(crate) world: World,
    pub(crate) server: FakeServer,
    /// How many commands a tab that is opened puts into a batch.
    pub(crate) max_items: u32,
    /// How long a tab that is opened waits for what it reads of its outbox, and for what it prunes.
    pub(crate) reading: Duration,
    /// How many of the next reads of the counts fail, in all tabs together.
    pub(crate) uncounted: Arc<AtomicUsize>,
    seed: u64,
}

/// One tab or process.
pub(crate) struct Tab {
    pub(crate) engine: Engine,
    pub(crate) network: Arc<ManualNetwork>,
    /// How many transactions appended something.
    pub(crate) appends: Arc<AtomicUsize>,
    running: AbortHandle,
    notices: Listener,
}

pub(crate) fn acme() -> WorkspaceId {
    WorkspaceId::new("acme").unwrap()
}

pub(crate) fn ana() -> UserId {
    UserId::new("ana").unwrap()
}

pub(crate) fn ben() -> UserId {
    UserId::new("ben").unwrap()
}

pub(crate) fn thing(name: &str) -> RecordKey {
    RecordKey::new(RecordKind::new("thing").unwrap(), RecordId::new(name).unwrap())
}

pub(crate) fn version(number: u64) -> Expected {
    Expected::Version(Version::new(number).unwrap())
}

impl Rig {
    pub(crate) fn new() -> Self {
        let clock = VirtualClock::new(Timestamp::parse("2026-11-22T08:00:00Z").unwrap());
        let server = FakeServer::new(clock.clone(), things());
        Self {
            world: World::new(clock),
            server,
            max_items: 1000,
            reading: Duration::ZERO,
            uncounted: Arc::default(),
            seed: 0,
        }
    }

    /// Opens a tab of ana's on the disk and lets it run.
    pub(crate) fn open(&mut self, disk: &MemoryDisk) -> Tab {
        self.seed += 1;
        let seed = self.seed;
        let network = Arc::new(ManualNetwork::new(Default::default()));
        let store = Arc::new(disk.open());
        let appends = Arc::new(AtomicUsize::new(0));
        let slow = SlowStore {
            inner: store.clone(),
            clock: self.world.clock().clone(),
            reading: self.reading,
            appends: appends.clone(),
            uncounted: self.uncounted.clone(),
        };
        let ports = Ports {
            outbox: Arc::new(slow),
            lease: store,
            transport: Arc::new(self.server.transport(&acme(), &ana())),
            network: network.clone(),
            clock: Arc::new(self.world.clock().clone()),
            ids: Arc::new(SeededIds::new(seed)),
        };
        let device = DeviceId::new("device-1").unwrap();
        let mut config = EngineConfig::new(acme(), ana(), device, format!("tab-{seed}"));
        config.limits.max_items = self.max_items;
        let engine = Engine::new(config, things(), ports);
        let notices = engine.subscribe();
        let (run, running) = {
            let engine = engine.clone();
            futures_util::future::abortable(async move { engine.run().await })
        };
        self.world.spawn(async move {
            let _ = run.await;
        });
        Tab { engine, network, appends, running, notices }
    }

    /// Opens a tab on a device of its own.
    pub(crate) fn device(&mut self) -> (Tab, MemoryDisk) {
        let disk = MemoryDisk::new();
        let tab = self.open(&disk);
        (tab, disk)
    }

    pub(crate) fn advance(&mut self, seconds: u64) {
        self.world.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock().now()
    }

    /// Enqueues and says the id.
    pub(crate) fn enqueue(&mut self, tab: &Tab, request: EnqueueRequest) -> CommandId {
        self.world.run(tab.engine.enqueue(request)).expect("a valid command").command_id
    }

    pub(crate) fn create(&mut self, tab: &Tab, name: &str) -> CommandId {
        self.enqueue(tab, EnqueueRequest::new("THING_CREATE_V1", thing_create(name, name)))
    }

    pub(crate) fn rename(&mut self, tab: &Tab, name: &str, to: &str, expected: Expected) -> CommandId {
        self.enqueue(tab, EnqueueRequest::new("THING_UPDATE_V1", thing_update(name, to)).expecting(expected))
    }

    pub(crate) fn sync(&mut self, tab: &Tab) {
        self.world.run(tab.engine.sync_now()).expect("an open engine");
    }

    pub(crate) fn outbox(&mut self, tab: &Tab) -> Vec<OutboxEntry> {
        self.world.run(tab.engine.list(OutboxQuery::Seq { after: None, limit: 100_000 })).unwrap()
    }

    pub(crate) fn journal(&mut self, tab: &Tab) -> Vec<JournalEntry> {
        self.world.run(tab.engine.journal(JournalQuery::Latest { limit: 100_000 })).unwrap()
    }

    pub(crate) fn counts(&mut self, disk: &MemoryDisk) -> Counts {
        let store = disk.open();
        self.world.run(async move { store.counts().await }).unwrap()
    }

    /// What the server says of a thing: its version and its name.
    pub(crate) fn on_server(&self, name: &str) -> Option<(u64, String)> {
        let record = self.server.record(&acme(), &thing(name))?;
        let text = record.data.as_ref().and_then(|data| data["name"].as_str()).unwrap_or("(deleted)");
        Some((record.version.get(), text.to_owned()))
    }

    /// Somebody else renames a thing.
    pub(crate) fn ben_renames(&self, name: &str, to: &str) {
        let data: Value = serde_json::json!({ "name": to, "amount": 0 });
        self.server.write(&acme(), &thing(name), Some(data), &ben());
    }

    /// Somebody else deletes a thing.
    pub(crate) fn ben_deletes(&self, name: &str) {
        self.server.write(&acme(), &thing(name), None, &ben());
    }
}

impl Tab {
    /// Ends the tab as a crash does: whatever it was doing is not finished.
    pub(crate) fn crash(self, rig: &mut Rig) {
        self.running.abort();
        rig.world.settle();
    }

    /// Everything it has told since it was asked last.
    pub(crate) fn told(&mut self) -> Vec<Notice> {
        self.notices.take(usize::MAX).notices.iter().map(|notice| Notice::clone(notice)).collect()
    }
}
