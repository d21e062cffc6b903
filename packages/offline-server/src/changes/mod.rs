//! What changed since when. There is no second copy of the records: a record's row holds the place of its last change, so the records behind
//! a place, in that order, are the delta; and those behind the first place, without the deleted ones, are a snapshot that needs no join with
//! a log, because it is a part of the same order. See `docs/adr/0011-changes-are-read-from-the-records.md`.

mod cursor;
mod hub;
mod log;
mod page;
mod streams;

use std::sync::Arc;

use offline_protocol::ChangeTerms;

pub use self::{
    cursor::CursorKey,
    hub::Hub,
    log::{ChangeLog, Changed, ChangedRecord, ChangesQuery, Extent, Kinds, Lineage, Since},
    streams::StreamLimits,
};
pub(crate) use self::{
    cursor::{At, Place},
    hub::Listener,
    page::Page,
};

/// How a server tells what changed. Without one it has no such routes.
#[derive(Clone)]
pub struct Live {
    /// What there is to tell.
    pub log: Arc<dyn ChangeLog>,
    /// How large a page may become, and how old a cursor.
    pub terms: ChangeTerms,
    /// How many streams of events may be open, and how they are kept.
    pub streams: StreamLimits,
}
