//! What the fuzzer feeds: the readers of text that comes from a database, the server or another tab. They may refuse whatever they like; they
//! must not panic, and what they read is what serde's code for the same types reads.

use offline_core::{
    Connectivity, EnqueueRequest, JournalEntry, OutboxCommand, OutboxEntry, SyncStatus, Terms,
};
use offline_protocol::{Outcomes, RecordSnapshot, from_json, parse_json, read_value};
use serde_json::Value;

use crate::store;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

/// The name of a corpus, and what reads it.
pub type Target = (&'static str, fn(&str));

/// Each target.
pub const TARGETS: [Target; 3] = [("json", json), ("page", page), ("indexeddb", store::fuzzed)];

fn json(text: &str) {
    // Written out, because minus zero and zero are equal as values.
    let written = |value: Option<Value>| value.map(|value| value.to_string());
    assert_eq!(written(parse_json(text)), written(serde_json::from_str(text).ok()));
}

/// What the database holds, the server answers, and the page itself and other tabs say.
fn page(text: &str) {
    macro_rules! agree {
        ($value:expr, $($type:ty),*) => {$({
            let ours = from_json::<$type>(text).map(|read| serde_json::to_value(read).ok());
            let serdes = read_value::<$type>($value).map(|read| serde_json::to_value(read).ok()).ok();
            assert!(ours == serdes, "{}: ours {}, serde's {}", stringify!($type), ours.is_some(), serdes.is_some());
        })*};
    }
    let Some(value) = parse_json(text) else { return };
    agree!(&value, OutboxCommand, JournalEntry, Outcomes, EnqueueRequest);
    if read_value::<OutboxCommand>(&value).is_ok() {
        // Where serde flattens, it takes lists for objects too.
        agree!(&value, OutboxEntry);
    }
    agree!(&value, SyncStatus, Connectivity, RecordSnapshot, Terms);
}
