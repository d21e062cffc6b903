//! One sample of every command version that was ever shipped. The folder may only grow, and no sample ever changes.

use std::{collections::BTreeSet, fs, path::PathBuf};

use offline_domain::{Execution, Record, Records, execute};
use offline_protocol::{CommandType, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::{context, key};

/// A command, the records it finds, and what it did when it was shipped.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sample {
    #[serde(skip, default = "nameless")]
    pub(crate) command_type: CommandType,
    /// What there is, all of it at version 1.
    given: Vec<SampleRecord>,
    pub(crate) payload: Value,
    /// What it wrote; absent until it is recorded, once.
    #[serde(default)]
    writes: Vec<SampleRecord>,
    #[serde(default)]
    pub(crate) result: Value,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct SampleRecord {
    kind: String,
    id: String,
    data: Value,
}

fn nameless() -> CommandType {
    CommandType::new("NAMELESS_V1").unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// All samples, in the order of their names.
pub(crate) fn samples() -> Vec<Sample> {
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let sample: Sample =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Sample {
            command_type: CommandType::new(path.file_stem().unwrap().to_str().unwrap()).unwrap(),
            ..sample
        }
    };
    files.iter().map(read).collect()
}

pub(crate) fn sample(name: &str) -> Sample {
    samples().into_iter().find(|sample| sample.command_type.as_str() == name).unwrap()
}

impl Sample {
    pub(crate) fn records(&self) -> Records {
        let record = |given: &SampleRecord| {
            let (updated_by, updated_at) = (UserId::new("ben").unwrap(), Timestamp::EPOCH);
            let version = Version::new(1).unwrap();
            let data = Some(given.data.clone());
            (key(&given.kind, &given.id), Record { version, data, updated_by, updated_at })
        };
        self.given.iter().map(record).collect()
    }

    /// The first record that it wrote.
    pub(crate) fn written(&self) -> &Value {
        &self.writes[0].data
    }

    /// What it writes and answers now.
    fn executed(&self) -> (Vec<SampleRecord>, Value) {
        let name = &self.command_type;
        let prepared = erp::registry()
            .prepare(name, &self.payload)
            .unwrap_or_else(|error| panic!("what was shipped is no longer accepted: {error}"));
        let records = self.records();
        let expected = records.version(&prepared.touches()[0].key);
        match execute(&prepared, &context("ana"), &records, Some(expected)) {
            Execution::Applied(effect) => {
                let write = |write: offline_domain::Write| SampleRecord {
                    kind: write.key.kind.to_string(),
                    id: write.key.id.to_string(),
                    data: write.data.unwrap_or_default(),
                };
                (effect.writes.into_iter().map(write).collect(), effect.result)
            }
            Execution::Rejected(problem) => panic!("{name} was rejected: {problem:?}"),
            Execution::Conflict { reason, key, .. } => panic!("{name}: {reason:?} on {key}"),
        }
    }
}

#[test]
fn every_version_that_is_accepted_has_its_sample() {
    let seen: BTreeSet<_> = samples().iter().map(|sample| sample.command_type.to_string()).collect();
    let accepted: BTreeSet<_> = erp::registry().accepted().iter().map(ToString::to_string).collect();
    let lacking: Vec<_> = accepted.difference(&seen).collect();
    assert!(lacking.is_empty(), "no sample in corpus/: {lacking:?}");
}

/// To record what a new sample comes to, leave `writes` out and run this with `RECORD_SAMPLES=1`. What is recorded is never overwritten.
#[test]
fn every_version_that_was_ever_shipped_does_what_it_did() {
    for mut sample in samples() {
        let (writes, result) = sample.executed();
        if sample.writes.is_empty() && std::env::var_os("RECORD_SAMPLES").is_some() {
            let file = folder().join(format!("{}.json", sample.command_type));
            (sample.writes, sample.result) = (writes, result);
            fs::write(file, serde_json::to_string_pretty(&sample).unwrap() + "\n").unwrap();
            continue;
        }
        assert_eq!((&writes, &result), (&sample.writes, &sample.result), "{}", sample.command_type);
    }
}
