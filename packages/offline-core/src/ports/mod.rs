//! What the engine needs of the world: one port a file.

mod clock;
mod ids;
mod lease_store;
mod network_monitor;
mod outbox_store;
mod transport;

pub use clock::Clock;
pub use ids::Ids;
pub use lease_store::{Fence, Lease, LeaseStore, Takeover};
pub use network_monitor::{NetworkMonitor, NetworkVerdict};
pub use outbox_store::{
    Applied, Change, Flight, FlightId, JournalQuery, OutboxQuery, OutboxStore, Rebase, Resolution, Resolve,
    Settlement, StoreError, TOGETHER,
};
pub use transport::{OutgoingBatch, Terms, Transport, TransportError};
