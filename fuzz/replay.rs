//! What the fuzzer found worth keeping is read again: a test of each crate that has targets.

use super::TARGETS;

/// The inputs in the corpus of a target.
pub(super) fn corpus(name: &str) -> Vec<String> {
    let lines = std::fs::read_to_string(format!("../../fuzz/corpus/{name}.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_corpus_of_the_fuzzer_is_read_without_a_panic() {
    for (name, target) in TARGETS {
        corpus(name).iter().for_each(|text| target(text));
    }
}
