use offline_protocol::{ReadError, RecordKey, Timestamp, UserId, Version, read_value};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A versioned document as a handler sees it.
#[derive(Clone, PartialEq)]
pub struct Record {
    /// Its version, from 1.
    pub version: Version,
    /// Its content; `None` when it has been deleted.
    pub data: Option<Value>,
    /// Who wrote it last.
    pub updated_by: UserId,
    /// When, by the server's clock.
    pub updated_at: Timestamp,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = if self.data.is_some() { "live" } else { "deleted" };
        write!(f, "Record(version {}, {state})", self.version)
    }
}

/// The records that a command touches, as far as they exist. One workspace's only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records(
    /// In the order of their keys, in which they mostly come.
    Vec<(RecordKey, Record)>,
);

impl Records {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The record, deleted or not; `None` when it never existed.
    pub fn get(&self, key: &RecordKey) -> Option<&Record> {
        Some(&self.0[self.place(key).ok()?].1)
    }

    fn place(&self, key: &RecordKey) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    /// The content of a live record.
    pub fn data(&self, key: &RecordKey) -> Option<&Value> {
        self.get(key)?.data.as_ref()
    }

    /// The content of a live record as a type; `None` when there is none.
    ///
    /// A stored record that does not fit its type is an error of the program that wrote it.
    pub fn read<T: DeserializeOwned>(&self, key: &RecordKey) -> Result<Option<T>, ReadError> {
        self.data(key).map(read_value).transpose()
    }

    /// The version of a record, deleted or not; zero when it never existed.
    pub fn version(&self, key: &RecordKey) -> Version {
        self.get(key).map_or(Version::FIRST, |record| record.version)
    }

    /// Puts a record in place of what stood under its key.
    pub fn insert(&mut self, key: RecordKey, record: Record) {
        match self.place(&key) {
            Ok(place) => self.0[place].1 = record,
            Err(place) => self.0.insert(place, (key, record)),
        }
    }

    /// All of them, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&RecordKey, &Record)> {
        self.0.iter().map(|(key, record)| (key, record))
    }
}

impl IntoIterator for Records {
    type Item = (RecordKey, Record);
    type IntoIter = std::vec::IntoIter<(RecordKey, Record)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(RecordKey, Record)> for Records {
    fn from_iter<I: IntoIterator<Item = (RecordKey, Record)>>(records: I) -> Self {
        let mut all = Self::new();
        records.into_iter().for_each(|(key, record)| all.insert(key, record));
        all
    }
}
