//! Fakes of every port but the stores (whose fake is [`offline_core::memory`]), and a world in which they turn by themselves.

mod clock;
mod ids;
mod judge;
mod server;
mod things;
mod transport;
mod world;

pub use clock::VirtualClock;
pub use ids::SeededIds;
pub use server::{Delivery, FakeServer, Fault};
pub use things::{pair_move, thing_bump, thing_create, thing_update, things};
pub use transport::FakeTransport;
pub use world::World;
