use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use offline_domain::{Record, Records};
use offline_protocol::{
    ChangeSeq, CommandId, IdempotencyKey, RecordId, RecordKey, RecordKind, RecordSnapshot, Timestamp, Verdict,
};

use crate::{Membership, Receipt, SqlAnswer, SqlCall, StoreError};

/// How many bytes the contents of the records may have that a batch touches. In memory they take some four times as much.
pub(crate) const MAX_LOADED_BYTES: usize = 32 * 1024 * 1024;

/// Keeps the records, receipts and changes of all workspaces.
///
/// An implementation must guarantee:
/// - **Isolation**: every look-up and every write is confined to the membership's workspace, receipts also to its user;
/// - **Atomicity**: what a fold changes is stored as a whole or not at all, and `run` resolves with the verdicts only after it is on the disk;
/// - **Order**: two folds of one workspace never overlap, the later one is given what the earlier one wrote;
/// - **Bounds**: a batch whose records come to more than 32 MiB is [`StoreError::TooLarge`], and nothing of it takes effect;
/// - **Missing**: what is not there is absent from [`Loaded`], or `Ok(None)`, never an error;
/// - **Pure folds**: a fold may be run again with other loaded values when a transaction has to be repeated; only the last run counts.
///
/// A dropped `run` may or may not take effect: the sender finds out by sending again.
pub trait Store: Send + Sync {
    /// Loads what the work wants, folds, and stores the changes, in one transaction.
    fn run(&self, work: Work) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>>;

    /// One live record.
    fn record<'a>(
        &'a self,
        membership: &'a Membership,
        key: &'a RecordKey,
    ) -> BoxFuture<'a, Result<Option<RecordSnapshot>, StoreError>>;

    /// The live records of a kind whose ids come after `query.after`, in the order of the bytes of their ids.
    ///
    /// Stops at `query.limit`, or earlier when a page becomes large; the page says whether there are more.
    fn page<'a>(
        &'a self,
        membership: &'a Membership,
        query: &'a PageQuery,
    ) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// Drops the results of receipts received before `results_before`, and whole receipts received before `receipts_before`.
    fn prune(
        &self,
        results_before: Timestamp,
        receipts_before: Timestamp,
    ) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// A batch on its way into the store.
#[derive(Clone)]
pub struct Work {
    /// For whom.
    pub membership: Membership,
    /// What the fold needs to know.
    pub wanted: Wanted,
    /// Decides; pure.
    pub fold: Arc<dyn Fold>,
}

/// What a fold needs to know.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Records, deleted ones included.
    pub records: Vec<RecordKey>,
    /// Kinds of which all records are wanted, deleted ones included.
    pub kinds: Vec<RecordKind>,
    /// The user's receipts with these keys.
    pub keys: Vec<IdempotencyKey>,
    /// The user's receipts of these commands, as far as they were applied.
    pub commands: Vec<CommandId>,
}

/// What the store knows of what was wanted.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The place of the workspace's last change.
    pub change_seq: Option<ChangeSeq>,
    /// The records that exist or existed.
    pub records: Records,
    /// The receipts that exist, by key.
    pub receipts: HashMap<IdempotencyKey, Receipt>,
    /// The receipts of applied commands, by command.
    pub applied: HashMap<CommandId, Receipt>,
}

/// Decides over what was loaded. Every function from [`Loaded`] to [`Folded`] does.
pub trait Fold: Send + Sync {
    /// Decides as far as it can without own SQL.
    fn begin(&self, loaded: Loaded) -> Step;
}

impl<F: Fn(Loaded) -> Folded + Send + Sync> Fold for F {
    fn begin(&self, loaded: Loaded) -> Step {
        Step::Done(self(loaded))
    }
}

/// How far a fold has come.
pub enum Step {
    /// To its end.
    Done(Folded),
    /// To a command that needs SQL of its own.
    Sql(Pause),
}

/// A fold that waits for own SQL. The store runs it in the open transaction, undoes what it wrote unless it is done, and goes on.
pub struct Pause {
    /// What is to be run.
    pub call: SqlCall,
    /// The rest of the fold.
    pub resume: Box<dyn FnOnce(SqlAnswer) -> Step + Send>,
}

/// What a fold decided.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// One for each item, in order.
    pub verdicts: Vec<Verdict>,
    /// What is to be stored.
    pub changes: Changes,
}

/// What is to be stored, as a whole.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// New receipts.
    pub receipts: Vec<Receipt>,
    /// The final state of each record that was written.
    pub records: Vec<StoredRecord>,
    /// The log of changes, in their order, following on the workspace's last one without a gap.
    pub log: Vec<Change>,
}

impl Changes {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.records.is_empty() && self.log.is_empty()
    }
}

/// A record as it is stored.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// Which one.
    pub key: RecordKey,
    /// Its new state.
    pub record: Record,
    /// The place of the change that made it.
    pub change_seq: ChangeSeq,
}

/// An entry of a workspace's log: a record got a new version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place.
    pub seq: ChangeSeq,
    /// Which record.
    pub key: RecordKey,
    /// The version it got.
    pub version: offline_protocol::Version,
    /// The command that did it.
    pub command_id: CommandId,
    /// When.
    pub changed_at: Timestamp,
}

/// Which page of records.
#[derive(Debug, Clone)]
pub struct PageQuery {
    /// The kind.
    pub kind: RecordKind,
    /// The id that the page begins behind.
    pub after: Option<RecordId>,
    /// The most records.
    pub limit: u32,
}

/// A page of records.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In the order of their ids.
    pub records: Vec<RecordSnapshot>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

/// The step of its schema's history that a database has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The database's; 0 when there is none yet.
    pub found: i64,
    /// The newest that this program knows, and brings the database to at its start.
    pub known: i64,
}
