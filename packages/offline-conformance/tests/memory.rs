//! The in-memory reference adapters prove every suite.

use std::sync::Arc;

use offline_conformance::{NetworkHarness, Partition, StoreHarness, native};
use offline_core::{
    BoxFuture, NetworkMonitor, StoreError,
    memory::{ManualNetwork, MemoryDisk},
};

struct Memory(MemoryDisk);

impl StoreHarness for Memory {
    fn open(&self) -> BoxFuture<'_, Result<Partition, StoreError>> {
        let store = Arc::new(self.0.open());
        Box::pin(async { Ok(Partition { outbox: store.clone(), lease: store }) })
    }

    fn restart(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

struct Manual(Arc<ManualNetwork>);

impl NetworkHarness for Manual {
    fn monitor(&self) -> Arc<dyn NetworkMonitor> {
        self.0.clone()
    }

    fn hint_online(&self) {
        self.0.hint_online();
    }

    fn hint_offline(&self) {
        self.0.hint_offline();
    }
}

fn main() {
    let store = || Arc::new(Memory(MemoryDisk::new())) as Arc<dyn StoreHarness>;
    let network = || Arc::new(Manual(Arc::new(ManualNetwork::default()))) as Arc<dyn NetworkHarness>;
    let mut trials = native::trials("outbox_store", offline_conformance::outbox_store(), store);
    trials.extend(native::trials("lease_store", offline_conformance::lease_store(), store));
    trials.extend(native::trials("network_monitor", offline_conformance::network_monitor(), network));
    native::main(trials);
}
