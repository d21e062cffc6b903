//! The shapes on the wire, as files that may be added to and never changed.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use offline_protocol::{
    Applied, ChangedUpTo, ChangesPage, CommandBatch, CommandType, ConflictProblem, Expected, Fingerprint,
    Hello, KindChanged, Outcomes, Problem, ProblemCode, RecordPage, RecordSnapshot,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Reads the file as a type and writes the value again: nothing is lost in either direction.
fn golden<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(file: &str) {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let value: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(serde_json::to_value(&value).unwrap(), json, "{file} written");
    assert_eq!(serde_json::from_value::<T>(json).unwrap(), value, "{file} read from a tree");
    assert_eq!(serde_json::from_slice::<T>(&serde_json::to_vec(&value).unwrap()).unwrap(), value);
}

type Check = fn(&str);

const FILES: [(&str, Check); 17] = [
    ("applied.json", golden::<Applied>),
    ("changes-delta.json", golden::<ChangesPage>),
    ("changes-snapshot.json", golden::<ChangesPage>),
    ("command-batch.json", golden::<CommandBatch>),
    ("conflict-problem.json", golden::<ConflictProblem>),
    ("fingerprints.json", golden::<Vec<Value>>),
    ("event-changed.json", golden::<KindChanged>),
    ("event-ready.json", golden::<ChangedUpTo>),
    ("hello-changes.json", golden::<Hello>),
    ("hello.json", golden::<Hello>),
    ("outcomes-replayed.json", golden::<Outcomes>),
    ("outcomes.json", golden::<Outcomes>),
    ("problem-codes.json", golden::<Vec<ProblemCode>>),
    ("problem.json", golden::<Problem>),
    ("record-page-last.json", golden::<RecordPage>),
    ("record-page.json", golden::<RecordPage>),
    ("record.json", golden::<RecordSnapshot>),
];

#[test]
fn every_shape_reads_and_writes_as_it_always_did() {
    let found: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let known: BTreeSet<_> = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(found, known, "each golden file has its type");
    for (file, check) in FILES {
        check(file);
    }
}

#[test]
fn a_response_may_say_more_tomorrow_and_a_request_may_not() {
    let with_more = |file: &str, pointer: &str| {
        let text = fs::read_to_string(folder().join(file)).unwrap();
        let mut json: Value = serde_json::from_str(&text).unwrap();
        json.pointer_mut(pointer).unwrap()["fieldOf2031"] = Value::from(1);
        json
    };
    for pointer in ["", "/outcomes/0", "/outcomes/1", "/outcomes/2/problem", "/outcomes/3"] {
        assert!(serde_json::from_value::<Outcomes>(with_more("outcomes.json", pointer)).is_ok(), "{pointer}");
    }
    assert!(serde_json::from_value::<Hello>(with_more("hello.json", "/limits")).is_ok());
    assert!(serde_json::from_value::<RecordPage>(with_more("record-page.json", "/records/0")).is_ok());
    for pointer in ["", "/commands/0", "/commands/2/expected"] {
        assert!(
            serde_json::from_value::<CommandBatch>(with_more("command-batch.json", pointer)).is_err(),
            "{pointer}"
        );
    }
}

#[derive(Deserialize)]
struct Vector {
    #[serde(rename = "type")]
    command_type: CommandType,
    payload: Value,
    expected: Option<Expected>,
    fingerprint: String,
}

/// The vectors were computed by another program (sorted keys, SHA-256), not by this crate.
#[test]
fn fingerprints_are_those_of_the_canonical_json() {
    let text = fs::read_to_string(folder().join("fingerprints.json")).unwrap();
    let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
    assert!(vectors.len() >= 4);
    for vector in vectors {
        let found = Fingerprint::of(&vector.command_type, &vector.payload, vector.expected.as_ref());
        assert_eq!(found.to_string(), vector.fingerprint, "{}", vector.command_type);
    }
}
