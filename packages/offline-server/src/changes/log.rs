use std::sync::Arc;

use futures_util::future::BoxFuture;
use offline_protocol::{ChangeSeq, RecordKey, RecordKind, Timestamp, UserId, Version, WorkspaceId};
use uuid::Uuid;

use crate::{CursorKey, Hub, Membership, StoreError};

/// Tells what changed since a place in a workspace's order.
///
/// An implementation must guarantee:
/// - **Isolation**: every look-up is confined to the membership's workspace;
/// - **Order**: the records of a page come in the order of their last changes;
/// - **One moment**: a page and its extent are read as of one moment, in which every change up to `extent.head` is visible: what is neither
///   on the page nor behind it has been changed again later, and has its place there;
/// - **Missing**: a workspace that was never written to is empty, and no error.
pub trait ChangeLog: Send + Sync {
    /// The records whose last change lies behind `query.since`, each as it is now.
    ///
    /// Stops at `query.limit` records, or once their contents have come to `query.max_bytes`; there is one at least when there are any.
    fn changed<'a>(
        &'a self,
        membership: &'a Membership,
        query: &'a ChangesQuery,
    ) -> BoxFuture<'a, Result<Changed, StoreError>>;

    /// What there is to tell of in a workspace.
    fn extent<'a>(&'a self, workspace: &'a WorkspaceId) -> BoxFuture<'a, Result<Extent, StoreError>>;

    /// The kinds that changed behind a place.
    fn kinds_since<'a>(
        &'a self,
        workspace: &'a WorkspaceId,
        after: ChangeSeq,
    ) -> BoxFuture<'a, Result<Kinds, StoreError>>;

    /// The places of the last changes of these workspaces; of one that was never written to there may be none.
    fn heads<'a>(
        &'a self,
        workspaces: &'a [WorkspaceId],
    ) -> BoxFuture<'a, Result<Vec<(WorkspaceId, ChangeSeq)>, StoreError>>;

    /// Is told of each commit, soon after it, wherever it was made. A commit that it is not told of is found a little later.
    fn hub(&self) -> &Arc<Hub>;

    /// Signs the cursors: made with the database, so that every server over it reads the others' ones.
    fn cursors(&self) -> &CursorKey;

    /// Drops what the log holds of changes made before, and notes how far it reaches since. What records there are, and which were deleted, stays known.
    fn prune_log(&self, before: Timestamp) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Which kinds changed.
#[derive(Debug, Clone)]
pub struct Kinds {
    /// The place up to which that has been looked at.
    pub head: ChangeSeq,
    /// Each kind once, with the place of its last change.
    pub kinds: Vec<(RecordKind, ChangeSeq)>,
}

/// Names one life of a database: made with its schema, changed when a backup is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lineage(pub Uuid);

impl Lineage {
    /// A new one, from the operating system's random bytes.
    pub(crate) fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Backend(Box::new(error)))?;
        Ok(Self(Uuid::from_bytes(bytes)))
    }
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// With nothing: the first page of a snapshot. Deleted records are left out.
    Start,
    /// Within a snapshot that was begun when the workspace was at `until`: what was deleted up to then is left out.
    Snapshot {
        /// The place that the page begins behind.
        after: ChangeSeq,
        /// Where the workspace was when the snapshot was begun.
        until: ChangeSeq,
    },
    /// With all that was there at `after`.
    Log {
        /// The place that the page begins behind.
        after: ChangeSeq,
    },
}

/// Which page of changes.
#[derive(Debug, Clone)]
pub struct ChangesQuery {
    /// The kinds; all when there are none.
    pub kinds: Vec<RecordKind>,
    /// Where the page begins.
    pub since: Since,
    /// The most records.
    pub limit: u32,
    /// The bytes of contents after which it ends.
    pub max_bytes: u32,
}

impl ChangesQuery {
    /// The place that the page begins behind.
    pub(crate) fn after(&self) -> ChangeSeq {
        match self.since {
            Since::Start => ChangeSeq::FIRST,
            Since::Snapshot { after, .. } | Since::Log { after } => after,
        }
    }

    /// The place up to which deleted records are left out; `None` for all of them.
    pub(crate) fn no_tombstones_until(&self) -> Option<ChangeSeq> {
        match self.since {
            Since::Start => None,
            Since::Snapshot { until, .. } => Some(until),
            Since::Log { .. } => Some(ChangeSeq::FIRST),
        }
    }
}

/// What there is to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// The life of the database.
    pub lineage: Lineage,
    /// Up to where the log has been dropped.
    pub pruned: ChangeSeq,
    /// The place of the workspace's last change.
    pub head: ChangeSeq,
}

/// A page of changes.
#[derive(Debug, Clone)]
pub struct Changed {
    /// What there was when it was read.
    pub extent: Extent,
    /// In the order of their last changes.
    pub records: Vec<ChangedRecord>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

/// A record as a page of changes shows it.
#[derive(Clone)]
pub struct ChangedRecord {
    /// Which one.
    pub key: RecordKey,
    /// Its version.
    pub version: Version,
    /// The place of its last change.
    pub change_seq: ChangeSeq,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// Who wrote it last.
    pub updated_by: UserId,
    /// Its content, as JSON text; `None` when it was deleted.
    pub data: Option<String>,
}

impl std::fmt::Debug for ChangedRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChangedRecord({} at version {})", self.key, self.version)
    }
}
