#![doc = include_str!("../README.md")]

mod bell;
mod command;
mod engine;
mod error;
mod event;
mod journal;
mod lanes;
pub mod memory;
mod overlay;
mod plan;
pub mod platform;
mod ports;
mod read;
mod retry;
mod settle;
mod status;
pub mod store_rules;
#[cfg(test)]
mod test_commands;
mod write;

pub use bell::Bell;
pub use command::{Appended, Chain, Counts, Durability, Failure, NewCommand, OutboxCommand};
pub use engine::{
    Dependants, DiscardReport, Engine, EngineConfig, EnqueueRequest, Enqueued, Heard, Listener, OutboxEntry,
    Ports, Unsynced,
};
pub use error::EngineError;
pub use event::{
    Connectivity, EngineEvent, EventKind, HowResolved, Notice, OutcomeStatus, PauseReason, Phase, Progress,
    Signal, SyncStatus,
};
pub use journal::{JournalEntry, JournalOutcome};
pub use overlay::{OverlaidRecord, RecordSyncStatus, overlay};
pub use plan::Election;
pub use platform::{BoxFuture, MaybeSend, MaybeSync};
pub use ports::*;
pub use retry::RetryPolicy;
pub use status::{Status, StatusEvent, Transition};
