//! The suites of the ports over the folds, on a model of IndexedDB. In real browsers they run over the real one.

use std::{sync::Arc, time::Duration};

use offline_conformance::{Partition, StoreHarness, lease_store, outbox_store, samples};
use offline_core::{
    BoxFuture, Change, Durability, Fence, Flight, FlightId, JournalQuery, LeaseStore, OutboxQuery,
    OutboxStore, Resolution, Resolve, Settlement, StoreError, Takeover,
};

use super::IndexedDbStore;
use crate::idb::{Disk, Index, Mode, Step, Store, Want};

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

/// Where batches rather end: a row that were to end elsewhere would be written again when the first of two batches is applied.
#[test]
fn no_row_goes_over_a_multiple_of_what_is_sent_together() {
    let store = IndexedDbStore::of(Disk::default().open());
    futures_executor::block_on(async {
        store.append(samples::commands(1..4), Durability::Strict).await.unwrap();
        store.append(samples::commands(4..201), Durability::Strict).await.unwrap();
        let keys = store.database.run(
            &[Store::Commands],
            Mode::Read,
            Box::new(|seen, plan| match seen.answers {
                [keys] => Ok(Step::Done(keys.iter().map(|row| row.key).collect::<Vec<_>>())),
                _ => {
                    plan.read(Want::Keys, (Store::Commands, Index::Primary), (1, i64::MAX), usize::MAX);
                    Ok(Step::More)
                }
            }),
        );
        assert_eq!(keys.await.unwrap(), [1, 3, 4, 64, 128, 192, 200]);
    });
}

/// A flight.
struct Flown {
    fence: Fence,
    flight_id: FlightId,
}

impl Flown {
    fn new(fence: Fence, number: u128) -> Self {
        Self { fence, flight_id: FlightId(uuid::Uuid::from_u128(number)) }
    }

    async fn takes_off(&self, store: &IndexedDbStore, numbers: impl Iterator<Item = u64>) -> Vec<u64> {
        let commands = numbers.map(samples::id).collect();
        let Self { fence, flight_id } = *self;
        let flight = Flight { flight_id, fence, commands, at: samples::at(1) };
        let taken = store.take_off(flight).await.unwrap();
        taken.iter().map(|command| command.seq.get()).collect()
    }

    async fn lands(&self, store: &IndexedDbStore, changes: Vec<(u64, Change)>) {
        let changes = changes.into_iter().map(|(number, change)| (samples::id(number), change)).collect();
        let Self { fence, flight_id } = *self;
        assert!(store.settle(Settlement { flight_id, fence, changes, at: samples::at(2) }).await.unwrap());
    }
}

/// What a look ahead has read is used for the next flight, but for what has changed since: by the landing of the one before, which shares a row with it,
/// and by another tab.
#[test]
fn what_was_read_while_a_flight_was_in_the_air_is_not_older_than_what_is_stored() {
    let disk = Disk::default();
    let (store, other_tab) = (IndexedDbStore::of(disk.open()), IndexedDbStore::of(disk.open()));
    futures_executor::block_on(async {
        store.append(samples::commands(1..=300), Durability::Strict).await.unwrap();
        let lease = store.acquire("test", samples::at(0), Duration::from_secs(60), Takeover::Always).await;
        let fence = lease.unwrap().unwrap().fence;
        let refused = Flown::new(fence, 1);
        refused.takes_off(&store, 150..=150).await;
        refused.lands(&store, vec![(150, samples::failed())]).await;

        let mut settled = 1;
        for (number, numbers) in [(2, 1..=100), (3, 101..=200), (4, 201..=300)] {
            let flown = Flown::new(fence, number);
            let wanted: Vec<u64> = numbers.clone().collect();
            assert_eq!(flown.takes_off(&store, numbers.clone()).await, wanted);
            let after = Some(samples::seq(*numbers.end()));
            store.list(OutboxQuery::Seq { after, limit: 100 }).await.unwrap();
            flown.lands(&store, wanted.iter().map(|number| (*number, samples::applied(&[]))).collect()).await;
            settled += wanted.len();
            if number == 2 {
                // Read above as parked.
                let resolution = Resolution::Retry {
                    idempotency_key: samples::key("again"),
                    expected: None,
                    edited: None,
                };
                let resolve = Resolve { command_id: samples::id(150), at: samples::at(2), resolution };
                assert!(other_tab.resolve(resolve).await.unwrap());
            }
            let left = store.counts().await.unwrap();
            assert_eq!(left.unsettled(), 301 - settled as u64);
        }
        let all: Vec<_> = (1..=300).map(samples::id).collect();
        let journal = store.journal(JournalQuery::Ids(all)).await.unwrap();
        assert_eq!(
            journal.iter().map(|entry| entry.command.seq.get()).collect::<Vec<_>>(),
            (1..=300).collect::<Vec<_>>()
        );
    });
}

/// Ids that are made in one millisecond are in no order. So between those that have to be read there are some of rows that are known.
#[test]
fn commands_take_off_once_in_whatever_order_their_ids_are() {
    let store = IndexedDbStore::of(Disk::default().open());
    let of_seq = |seq: u64| (seq + 3) ^ 3;
    futures_executor::block_on(async {
        let commands = (1..=300).map(|seq| samples::command(of_seq(seq))).collect();
        store.append(commands, Durability::Strict).await.unwrap();
        let lease = store.acquire("test", samples::at(0), Duration::from_secs(60), Takeover::Always).await;
        let fence = lease.unwrap().unwrap().fence;
        store.list(OutboxQuery::Seq { after: None, limit: 100 }).await.unwrap();
        for (number, seqs) in [(1, 1..=100), (2, 101..=200), (3, 201..=300)] {
            let flown = Flown::new(fence, number);
            let taken = flown.takes_off(&store, seqs.clone().map(of_seq)).await;
            assert_eq!(taken, seqs.clone().collect::<Vec<_>>());
            let after = Some(samples::seq(*seqs.end()));
            store.list(OutboxQuery::Seq { after, limit: 100 }).await.unwrap();
            flown.lands(&store, seqs.map(|seq| (of_seq(seq), samples::applied(&[]))).collect()).await;
        }
        assert_eq!(store.counts().await.unwrap().unsettled(), 0);
    });
}
