use std::sync::Arc;

use offline_protocol::{
    ChangeSeq, CommandId, Conflict, Expected, IdempotencyKey, Part, Payload, RecordKey, RecordVersion, Seq,
    Timestamp, joined,
};
use uuid::Uuid;

use crate::{
    Appended, BoxFuture, Counts, Durability, Failure, Fence, JournalEntry, MaybeSend, MaybeSync, NewCommand,
    OutboxCommand, Unsynced,
};

/// A batch rather ends behind a command whose `seq` is a multiple of this. A store that keeps several commands in a row may end its rows there: a row
/// of which all commands were applied together need not be written again.
pub const TOGETHER: u64 = 64;

/// Why a store did not do what it was asked. Nothing was changed then, unless a variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The fence is not the current one: somebody else flushes this partition now.
    Fenced,
    /// The device has no room for the write.
    Full,
    /// The store was closed or wiped, by this program or another one.
    Closed,
    /// The database was written by a newer version of this program.
    TooNew {
        /// What stands in the database.
        found: u32,
        /// The newest this program can read.
        known: u32,
    },
    /// A stored row cannot be read. It is still there.
    Corrupt {
        /// Which sort of row; never its content.
        what: &'static str,
    },
    /// The database failed.
    Backend {
        /// What it says, which is no user data. A text and not its error: each of those who shared a transaction is told.
        said: Arc<str>,
        /// Whether the connection may be broken for good, so that only a new one can help.
        broken: bool,
    },
}

impl StoreError {
    /// The database failed, and the connection to it holds.
    pub fn backend(said: &str) -> Self {
        Self::Backend { said: said.into(), broken: false }
    }
}

impl Part for StoreError {
    fn add_to(&self, text: &mut String) {
        *text += &match self {
            Self::Fenced => joined!["another tab or process has taken over"],
            Self::Full => joined!["the device's storage is full"],
            Self::Closed => joined!["the store is closed"],
            Self::TooNew { found, known } => {
                joined!["the database has schema version ", found, ", this program knows ", known]
            }
            Self::Corrupt { what } => joined!["a stored row cannot be read (", what, ")"],
            Self::Backend { said, .. } => joined!["the database failed: ", **said],
        };
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&joined![self])
    }
}

/// Names a flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlightId(pub Uuid);

/// One batch that is about to leave.
#[derive(Debug, Clone)]
pub struct Flight {
    /// Its name, new for each flight.
    pub flight_id: FlightId,
    /// The leaseholder's.
    pub fence: Fence,
    /// Its commands, in order of seq.
    pub commands: Vec<CommandId>,
    /// When.
    pub at: Timestamp,
}

/// The end of a flight.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which flight.
    pub flight_id: FlightId,
    /// The leaseholder's.
    pub fence: Fence,
    /// When.
    pub at: Timestamp,
    /// What happens to its commands; those that are not named go back to PENDING as they were.
    pub changes: Vec<(CommandId, Change)>,
}

/// What a settlement does to one command.
#[derive(Debug, Clone)]
pub enum Change {
    /// Leaves the outbox for the journal, as [`JournalEntry::applied`].
    Applied(Applied),
    /// To FAILED.
    Failed {
        /// Why.
        error: Failure,
        /// How often it has been sent now.
        attempts: u32,
    },
    /// To CONFLICT.
    Conflict {
        /// Why.
        error: Failure,
        /// What stands on the server.
        conflict: Box<Conflict>,
        /// How often it has been sent now.
        attempts: u32,
    },
    /// Back to PENDING.
    Requeue {
        /// How often it has been sent now.
        attempts: u32,
        /// Not to be sent before this.
        next_attempt_at: Option<Timestamp>,
        /// Why; `None` leaves what stood there.
        error: Option<Failure>,
    },
}

/// The server's word on an applied command.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The versions of the records it wrote.
    pub versions: Vec<RecordVersion>,
    /// Its place in the workspace's log.
    pub change_seq: ChangeSeq,
    /// Whether the answer was a repetition.
    pub replayed: bool,
    /// How often it has been sent now.
    pub attempts: u32,
}

/// What a person decided about one command.
#[derive(Debug, Clone)]
pub struct Resolve {
    /// Which command.
    pub command_id: CommandId,
    /// When.
    pub at: Timestamp,
    /// What he decided.
    pub resolution: Resolution,
}

/// What a person decided.
#[derive(Clone)]
pub enum Resolution {
    /// From FAILED or CONFLICT to PENDING, in its old place, with no wait, error and conflict, and under a new key with no attempts.
    Retry {
        /// A new key when the old one has its verdict for ever, else the old one.
        idempotency_key: IdempotencyKey,
        /// The version it is now made against.
        expected: Option<Expected>,
        /// The edited payload with what it touches; `None` keeps both.
        edited: Option<(Payload, Vec<RecordKey>)>,
    },
    /// Out of the outbox, as [`JournalEntry::discarded`].
    Discard {
        /// Others that go with it.
        also: Vec<CommandId>,
        /// Commands that stay and came after a discarded one.
        rebase: Vec<Rebase>,
    },
}

impl std::fmt::Debug for Resolution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Retry { expected, edited, .. } => {
                write!(f, "Retry(expected {expected:?}, edited: {})", edited.is_some())
            }
            Self::Discard { also, rebase } => write!(f, "Discard(also {also:?}, rebase {rebase:?})"),
        }
    }
}

/// New predecessors for a command that stays when another is discarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebase {
    /// Which command.
    pub command_id: CommandId,
    /// Its `expected` from now on.
    pub expected: Option<Expected>,
    /// Its `dependsOn` from now on.
    pub depends_on: Vec<CommandId>,
}

/// Which unsettled commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxQuery {
    /// Those after `after` (`None`: from the first), at most `limit`.
    Seq {
        /// The last one already known.
        after: Option<Seq>,
        /// How many at most.
        limit: usize,
    },
    /// These, as far as they are in the outbox.
    Ids(Vec<CommandId>),
    /// Those that touch this record.
    Record(RecordKey),
    /// Those that are FAILED or CONFLICT.
    Parked,
}

/// Which entries of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalQuery {
    /// The latest `limit`, newest first.
    Latest {
        /// How many at most.
        limit: usize,
    },
    /// Those of these commands, as far as they are there, in the order of the ids.
    Ids(Vec<CommandId>),
}

/// The durable, ordered list of one partition's commands, and their journal.
///
/// An implementation must guarantee:
/// - **Atomicity.** Each method is one transaction: all of it is there afterwards or nothing, whenever the program dies. (`prune_journal` may take
///   several, so that nobody waits for it long.)
/// - **Durability.** A write has reached the medium, as far as its [`Durability`] asks, when its future resolves with `Ok`. All but
///   `append` are at least relaxed; `settle` and `resolve` are strict, and so is `take_off`: a power cut must not let a command that was sent
///   stand as one that never left the device. An error means that nothing was written.
/// - **Order.** `seq` starts at 1 and grows by one per appended command without gaps or repetition, over all openers and for ever (a
///   discarded command's number is not given again). Lists are in the order of `seq`.
/// - **Concurrency.** Several openers (tabs, processes) work on one partition at a time; each method is serialised against all of them.
///   What one has written, all see.
/// - **Fence.** `take_off`, `settle` and `recover` compare the fence with the partition's lease in the same transaction and fail with
///   [`StoreError::Fenced`] when it is not the current one.
/// - **Missing is not an error**: `Ok(false)`, or it is absent from the answer. Values come back exactly as they were stored.
/// - A failed or dropped call leaves the store usable; a dead database handle is reopened, a bounded number of times.
pub trait OutboxStore: MaybeSend + MaybeSync {
    /// Adds commands at the end, in this order, and says where they stand. An id that the outbox or the journal holds already is reported as
    /// a duplicate, the others are added.
    ///
    /// [`crate::Chain::AfterOwn`]: when an unsettled command of the outbox (or an earlier one of this call) touches the first of
    /// `touches`, `expected` is stored as `after` the one with the highest seq. Else, when the journal holds applied commands that wrote this record,
    /// `expected` is stored as `after` the one that gave it its highest version, if it was a lower version or `after` another command.
    fn append(
        &self,
        commands: Vec<NewCommand>,
        durability: Durability,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>>;

    /// Unsettled commands.
    fn list(&self, query: OutboxQuery) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>>;

    /// How many there are, in a time that does not grow with their number.
    fn counts(&self) -> BoxFuture<'_, Result<Counts, StoreError>>;

    /// Writes down the flight and makes those of its commands that are still PENDING IN_FLIGHT. Returns these as they are then, in order
    /// of seq; when there are none, no flight is written.
    fn take_off(&self, flight: Flight) -> BoxFuture<'_, Result<Vec<OutboxCommand>, StoreError>>;

    /// Ends a flight. False when there is no such flight; then nothing is changed.
    fn settle(&self, settlement: Settlement) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Puts the commands of every flight back to PENDING with one attempt more, for they may have been sent, and forgets the flights. Returns
    /// the commands' ids.
    fn recover(&self, fence: Fence) -> BoxFuture<'_, Result<Vec<CommandId>, StoreError>>;

    /// Does what a person decided. False, and nothing is changed, when any command is missing or its status does not allow it
    /// (see [`crate::Status::on`]).
    fn resolve(&self, resolve: Resolve) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// What became of commands.
    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalEntry>, StoreError>>;

    /// Forgets all but the latest `keep` entries of the journal. Returns how many it forgot.
    fn prune_journal(&self, keep: usize) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Deletes everything of the partition, for every opener: their next call fails with [`StoreError::Closed`]. False, and nothing is
    /// changed, when the outbox holds commands and `unsynced` asks to keep them.
    fn wipe(&self, unsynced: Unsynced) -> BoxFuture<'_, Result<bool, StoreError>>;
}
