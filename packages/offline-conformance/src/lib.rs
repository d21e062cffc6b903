#![doc = include_str!("../README.md")]

mod case;
pub mod fakes;
mod harness;
mod lease;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
mod network;
mod outbox;
pub mod samples;

pub use case::{Case, Failed, NetworkCase, Proof, StoreCase};
pub use harness::{NetworkHarness, Partition, StoreHarness};
pub use lease::lease_store;
pub use network::network_monitor;
pub use outbox::outbox_store;
