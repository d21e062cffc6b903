//! What a fold over a transaction is shown, and what it asks for. `driver.js` knows stores, indexes and kinds of answers by their numbers here.

use offline_core::{Durability, StoreError};

/// An object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Store {
    /// Rows of unsettled commands by the seq of the last one, and of the journal by the number of the last entry, negative.
    Commands,
    /// A text for each flight, by its id.
    Flights,
    /// The lease, the tally and the device's id, as texts by name.
    Meta,
}

/// How a store is looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    /// By the rows' own keys.
    Primary,
    /// Of `commands`: by the command ids, each of which stands in one row only.
    Id,
    /// Of `commands`: by the records that unsettled commands touch.
    Touches,
    /// Of `commands`: only rows with parked commands, under 1.
    Parked,
    /// Of `commands`: by what the journal's commands wrote, `<record> <version> <command id>`.
    Versions,
}

/// What is wanted of the rows in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// The rows.
    Rows,
    /// Their own keys.
    Keys,
    /// The last row.
    LastRow,
    /// Where the last one stands: its own key, and as its text the index's key.
    LastKey,
}

/// A bound of a range, which is included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// Numbers come before texts.
    Number(i64),
    /// A text.
    Text(String),
}

impl From<i64> for Key {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A row as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its own key; 0 when it is a text.
    pub(crate) key: i64,
    /// Its body.
    pub(crate) text: String,
    /// How many ids it has in the index.
    pub(crate) size: usize,
}

/// What was found. A row that was added is told by its key.
pub(crate) type Answer = Vec<Row>;

/// A row of `commands` that is written. Lists are texts with a line for each item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewRow {
    /// Its key; 0: the browser's next number.
    pub(crate) key: i64,
    /// For [`Index::Id`].
    pub(crate) ids: String,
    /// For [`Index::Touches`].
    pub(crate) touches: String,
    /// For [`Index::Versions`].
    pub(crate) versions: String,
    /// For [`Index::Parked`].
    pub(crate) parked: bool,
    /// Its text.
    pub(crate) body: String,
}

/// What a fold asks for.
#[derive(Debug)]
pub(crate) enum Request {
    /// Has an answer.
    Read { want: Want, store: Store, index: Index, from: Key, to: Key, limit: u32 },
    /// Has an answer; fails when its key or one of its ids is there already.
    Add(NewRow),
    /// In place of what stands under its key.
    Put(NewRow),
    /// A text under a name.
    Text { store: Store, name: String, text: String },
    /// Everything in the range.
    Delete { store: Store, from: Key, to: Key },
}

/// What a fold asks for in one turn. Reading requests and additions are answered in their order.
#[derive(Debug, Default)]
pub(crate) struct Plan(pub(crate) Vec<Request>);

impl Plan {
    /// Reads what lies between two keys.
    pub(crate) fn read(
        &mut self,
        want: Want,
        (store, index): (Store, Index),
        (from, to): (impl Into<Key>, impl Into<Key>),
        limit: usize,
    ) {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        self.0.push(Request::Read { want, store, index, from: from.into(), to: to.into(), limit });
    }

    /// Reads a text.
    pub(crate) fn text(&mut self, store: Store, name: &str) {
        self.read(Want::Rows, (store, Index::Primary), (name, name), 1);
    }

    /// Writes a text.
    pub(crate) fn put_text(&mut self, store: Store, name: &str, text: String) {
        self.0.push(Request::Text { store, name: name.to_owned(), text });
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: NewRow) {
        self.0.push(Request::Add(row));
    }

    /// Deletes what lies between two keys.
    pub(crate) fn delete(&mut self, store: Store, (from, to): (impl Into<Key>, impl Into<Key>)) {
        self.0.push(Request::Delete { store, from: from.into(), to: to.into() });
    }
}

/// What a fold is shown.
pub(crate) struct Seen<'a> {
    /// Everything that was answered in this transaction, in the order in which it was asked for; nothing at its beginning.
    pub(crate) answers: &'a [Answer],
    /// Whether an earlier transaction has failed, maybe because something that was added was there already.
    pub(crate) again: bool,
}

/// How a fold goes on, once it has said what it asks for.
pub(crate) enum Step<T> {
    /// It wants to see each answer as it comes. There is at least one to come.
    Each,
    /// It wants to see the answers, once all have come. There is at least one to come.
    More,
    /// The transaction may end with this turn's one addition, whose answer the fold wants to see.
    Seal,
    /// Nothing is missing but that the transaction is complete.
    Done(T),
}

/// Decides what one transaction reads and writes. It may begin anew at any time: then it is shown no answers.
#[cfg(target_arch = "wasm32")]
pub(crate) type Fold<T> = Box<dyn FnMut(Seen<'_>, &mut Plan) -> Result<Step<T>, StoreError>>;
/// Decides what one transaction reads and writes. It may begin anew at any time: then it is shown no answers.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Fold<T> = Box<dyn FnMut(Seen<'_>, &mut Plan) -> Result<Step<T>, StoreError> + Send>;

/// What a transaction may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read.
    Read,
    /// Write, so that it survives a crash of the program.
    Relaxed,
    /// Write, so that it survives a power cut.
    Strict,
}

impl From<Durability> for Mode {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Relaxed => Self::Relaxed,
            Durability::Strict => Self::Strict,
        }
    }
}
