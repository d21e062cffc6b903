//! The suites of the ports over the folds, on a model of IndexedDB. In real browsers they run over the real one.

use std::sync::Arc;

use offline_conformance::{Partition, StoreHarness, lease_store, outbox_store};
use offline_core::{BoxFuture, StoreError};

use super::IndexedDbStore;
use crate::idb::Disk;

#[derive(Default)]
struct ModelHarness(Disk);

impl StoreHarness for ModelHarness {
    fn open(&self) -> BoxFuture<'_, Result<Partition, StoreError>> {
        Box::pin(async {
            let store = Arc::new(IndexedDbStore::of(self.0.open()));
            Ok(Partition { outbox: store.clone(), lease: store })
        })
    }

    fn restart(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

fn prove(cases: Vec<offline_conformance::StoreCase>) {
    let only = std::env::var("CASE").unwrap_or_default();
    let mut failures = Vec::new();
    for case in cases.into_iter().filter(|case| case.name.contains(&only)) {
        let proof = (case.run)(Arc::new(ModelHarness::default()));
        if let Err(failed) = futures_executor::block_on(proof) {
            failures.push(format!("{}: {failed}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_folds_keep_every_guarantee_of_the_outbox() {
    prove(outbox_store());
}

#[test]
fn the_folds_keep_every_guarantee_of_the_lease() {
    prove(lease_store());
}
