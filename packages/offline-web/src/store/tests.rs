//! The suites of the ports over the folds, on a model of IndexedDB. In real browsers they run over the real one.

use std::{sync::Arc, time::Duration};

use offline_conformance::{Partition, StoreHarness, lease_store, outbox_store, samples};
use offline_core::{
    BoxFuture, Durability, Flight, FlightId, LeaseStore, OutboxQuery, OutboxStore, Settlement, StoreError,
    Takeover,
};

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

/// A short page is the end of the outbox to whoever reads it.
#[test]
fn every_page_is_full_until_the_last_however_much_has_been_settled_before_it() {
    let store = IndexedDbStore::of(Disk::default().open());
    futures_executor::block_on(async {
        let mut number = 1;
        for count in [1; 30].into_iter().chain([170; 6]) {
            store.append(samples::commands(number..number + count), Durability::Strict).await.unwrap();
            number += count;
        }
        let lease = store.acquire("test", samples::at(0), Duration::from_secs(60), Takeover::Always).await;
        let fence = lease.unwrap().unwrap().fence;
        let mut sizes = Vec::new();
        loop {
            let page = store.list(OutboxQuery::Seq { after: None, limit: 100 }).await.unwrap();
            let flight_id = FlightId(uuid::Uuid::from_u128(sizes.len() as u128));
            let commands: Vec<_> = page.iter().map(|command| command.command_id).collect();
            sizes.push(page.len());
            let Some(last) = commands.last() else { break };
            assert_eq!(*last, samples::id(sizes.iter().sum::<usize>() as u64));
            let changes = commands.iter().map(|id| (*id, samples::applied(&[]))).collect();
            store.take_off(Flight { flight_id, fence, commands, at: samples::at(1) }).await.unwrap();
            store.settle(Settlement { flight_id, fence, changes, at: samples::at(2) }).await.unwrap();
        }
        assert_eq!(sizes, [[100; 10].as_slice(), &[50, 0]].concat());
    });
}
