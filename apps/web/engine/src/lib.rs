//! The engine of the web app: `offline-web` with the commands of the ERP. Its exports are those of `offline-web`.

#![cfg(target_arch = "wasm32")]

use wasm_bindgen::prelude::*;

/// A third of what the usual one takes to load, with a bound on how long it takes to find room.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

#[wasm_bindgen(start)]
fn start() {
    offline_web::use_registry(erp::web_registry());
}
