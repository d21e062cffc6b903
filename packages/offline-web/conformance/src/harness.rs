use std::{cell::RefCell, sync::Arc};

use offline_conformance::{NetworkHarness, Partition, StoreHarness};
use offline_core::{BoxFuture, Ids, NetworkMonitor, StoreError};
use offline_protocol::{Timestamp, UserId, WorkspaceId};
use offline_web::{BrowserIds, BrowserNetwork as Monitor, IndexedDbStore};

/// A partition of its own name in the page's IndexedDB.
pub(crate) struct IndexedDbHarness {
    workspace: WorkspaceId,
    user: UserId,
    open: RefCell<Vec<IndexedDbStore>>,
}

impl IndexedDbHarness {
    /// A new partition.
    pub(crate) fn new() -> Self {
        let name = BrowserIds.uuid(Timestamp::EPOCH).to_string();
        Self {
            workspace: WorkspaceId::new("conformance").expect("BUG: a valid id"),
            user: UserId::new(name).expect("BUG: a UUID is a valid id"),
            open: RefCell::new(Vec::new()),
        }
    }

    /// Deletes the partition.
    pub(crate) async fn clean_up(&self) {
        self.close_all();
        // What is left behind is only untidy.
        let _ = IndexedDbStore::delete(&self.workspace, &self.user).await;
    }

    fn close_all(&self) {
        self.open.take().iter().for_each(IndexedDbStore::close);
    }
}

impl StoreHarness for IndexedDbHarness {
    fn open(&self) -> BoxFuture<'_, Result<Partition, StoreError>> {
        Box::pin(async {
            let store = IndexedDbStore::new(&self.workspace, &self.user);
            store.device_id().await?;
            self.open.borrow_mut().push(store.clone());
            let store = Arc::new(store);
            Ok(Partition { outbox: store.clone(), lease: store })
        })
    }

    fn restart(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.close_all();
        Box::pin(async { Ok(()) })
    }
}

/// A monitor with the browser's hints in the case's hands.
pub(crate) struct BrowserNetwork {
    monitor: Arc<Monitor>,
}

impl BrowserNetwork {
    /// As a page finds it when it is loaded.
    pub(crate) fn new() -> Self {
        Self { monitor: Arc::new(Monitor::new()) }
    }
}

impl NetworkHarness for BrowserNetwork {
    fn monitor(&self) -> Arc<dyn NetworkMonitor> {
        self.monitor.clone()
    }

    fn hint_online(&self) {
        self.monitor.hint_online();
    }

    fn hint_offline(&self) {
        self.monitor.hint_offline();
    }
}
