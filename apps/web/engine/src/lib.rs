//! The engine of the web app: `offline-web` with the commands of the ERP. Its exports are those of `offline-web`.

#![cfg(target_arch = "wasm32")]

use wasm_bindgen::prelude::*;

#[wasm_bindgen(start)]
fn start() {
    offline_web::use_registry(erp::web_registry());
}
