//! The suites of every port over the browser's adapters: `list()` tells their names, `run(name)` runs one.
//!
//! Beside it [`Outbox`], with which tests that need the browser's help (a full disk, a killed page) work on a real store.

#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::arc_with_non_send_sync,
    reason = "ports are Arc<dyn Port> everywhere, and a page has one thread"
)]

mod harness;
mod outbox;

use std::sync::Arc;

use offline_conformance::{NetworkHarness, StoreHarness, lease_store, network_monitor, outbox_store};
use offline_core::BoxFuture;
use wasm_bindgen::prelude::*;

pub use outbox::Outbox;

use harness::{BrowserNetwork, IndexedDbHarness};

/// A case under its full name.
struct Entry {
    name: String,
    run: Box<dyn Fn() -> BoxFuture<'static, offline_conformance::Proof>>,
}

fn entries() -> Vec<Entry> {
    let stores = [("outbox_store", outbox_store()), ("lease_store", lease_store())];
    let stores =
        stores.into_iter().flat_map(|(suite, cases)| cases.into_iter().map(move |case| (suite, case)));
    let stores = stores.map(|(suite, case)| Entry {
        name: format!("{suite}::{}", case.name),
        run: Box::new(move || {
            let harness = Arc::new(IndexedDbHarness::new());
            let proof = (case.run)(Arc::clone(&harness) as Arc<dyn StoreHarness>);
            Box::pin(async move {
                let proof = proof.await;
                harness.clean_up().await;
                proof
            })
        }),
    });
    let networks = network_monitor().into_iter().map(|case| Entry {
        name: format!("network_monitor::{}", case.name),
        run: Box::new(move || (case.run)(Arc::new(BrowserNetwork::new()) as Arc<dyn NetworkHarness>)),
    });
    stores.chain(networks).collect()
}

/// The engine of this module knows the suites' own commands.
#[wasm_bindgen(start)]
fn start() {
    offline_web::use_registry(offline_conformance::fakes::things());
}

/// The names of all cases, as a JSON list.
#[wasm_bindgen]
pub fn list() -> String {
    let names: Vec<String> = entries().into_iter().map(|entry| entry.name).collect();
    serde_json::json!(names).to_string()
}

/// Runs the case of that name; rejects with what it found instead of the guarantee.
#[wasm_bindgen]
pub async fn run(name: String) -> Result<(), JsError> {
    let entry = entries().into_iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| JsError::new("there is no such case"))?;
    (entry.run)().await.map_err(|failed| JsError::new(&failed.to_string()))
}
