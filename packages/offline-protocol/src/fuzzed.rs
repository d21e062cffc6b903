//! What the fuzzer feeds: everything that comes over the wire. What is read is written, and is the same when it is read again; the reader of parsed
//! values reads the same as serde's own.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Applied, ChangedUpTo, ChangesPage, CommandBatch, ConflictProblem, Hello, KindChanged, Outcomes, Problem,
    RecordPage, Timestamp, read_value,
};

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

/// The name of a corpus, and what reads it.
pub type Target = (&'static str, fn(&str));

/// Each target.
pub const TARGETS: [Target; 2] = [("wire", wire), ("timestamp", timestamp)];

fn wire(text: &str) {
    again::<CommandBatch>(text);
    again::<Outcomes>(text);
    again::<Hello>(text);
    again::<ChangesPage>(text);
    again::<RecordPage>(text);
    again::<KindChanged>(text);
    again::<ChangedUpTo>(text);
    again::<Applied>(text);
    again::<Problem>(text);
    again::<ConflictProblem>(text);
}

fn again<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) {
    let Ok(read) = serde_json::from_str::<T>(text) else { return };
    let written = serde_json::to_string(&read).expect("what was read can be written");
    assert_eq!(serde_json::from_str::<T>(&written).ok().as_ref(), Some(&read), "{written}");
    let value: Value = serde_json::from_str(&written).expect("what was written is JSON");
    assert_eq!(read_value::<T>(&value), Ok(read));
}

fn timestamp(text: &str) {
    let Ok(read) = Timestamp::parse(text) else { return };
    let written = read.to_string();
    assert_eq!((Timestamp::parse(&written), written.len()), (Ok(read), 24), "{written}");
    assert_eq!(Timestamp::from_millis(read.as_millis()), read);
    // Day and minute are those of the text; a leap second counts as the one before it.
    let day_and_minute =
        |text: &str| [text.get(..10).map(str::to_owned), text.get(11..17).map(str::to_owned)];
    assert_eq!(day_and_minute(&written), day_and_minute(text));
}
