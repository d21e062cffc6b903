//! What the engine promises, over the reference store and a server that keeps to the protocol, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as expected")]

mod ahead;
mod crash;
mod enqueue;
mod network;
mod parked;
mod rig;
mod shown;
mod slow_store;
mod tabs;
mod way_of_a_command;
