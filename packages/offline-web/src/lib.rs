#![doc = include_str!("../README.md")]
#![allow(
    clippy::arc_with_non_send_sync,
    reason = "ports are Arc<dyn Port> everywhere, and a page has one thread"
)]

// Everything here is of the browser; what is pure compiles for tests too.
#[cfg(any(test, fuzzing, target_arch = "wasm32"))]
mod idb;
#[cfg(any(test, fuzzing, target_arch = "wasm32"))]
#[cfg_attr(not(target_arch = "wasm32"), allow(unreachable_pub, reason = "its users are of the browser"))]
mod store;
#[cfg(any(test, fuzzing, target_arch = "wasm32"))]
mod words;

#[cfg(all(any(test, fuzzing), not(target_arch = "wasm32")))]
pub mod fuzzed;

#[cfg(target_arch = "wasm32")]
mod exports {
    pub use crate::{
        clock::BrowserClock,
        handle::{open_engine, use_registry},
        host::EngineHost,
        ids::BrowserIds,
        network::BrowserNetwork,
        store::IndexedDbStore,
    };
}

#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(target_arch = "wasm32")]
mod calls;
#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(target_arch = "wasm32")]
mod error;
#[cfg(target_arch = "wasm32")]
mod handle;
#[cfg(target_arch = "wasm32")]
mod host;
#[cfg(target_arch = "wasm32")]
mod ids;
#[cfg(target_arch = "wasm32")]
mod leadership;
#[cfg(target_arch = "wasm32")]
mod network;
#[cfg(target_arch = "wasm32")]
mod relay;
#[cfg(target_arch = "wasm32")]
mod task;
#[cfg(target_arch = "wasm32")]
mod transport;

#[cfg(target_arch = "wasm32")]
pub use exports::*;
