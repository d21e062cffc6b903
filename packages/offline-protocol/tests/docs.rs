//! `docs/protocol.md` shows the golden files and names every problem code.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use std::{fs, path::PathBuf};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Puts the golden files into the places that name them.
fn with_examples(page: &str) -> String {
    let mut out = String::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let Some(file) = line.strip_prefix("<!-- golden: ").and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        if lines.peek() == Some(&"```json") {
            while lines.next().is_some_and(|line| line != "```") {}
        }
        let example = fs::read_to_string(root().join("golden").join(file)).unwrap();
        out.push_str(&format!("```json\n{}\n```\n", example.trim_end()));
    }
    out
}

#[test]
fn the_page_shows_the_golden_files_and_names_every_code() {
    let path = root().join("../../docs/protocol.md");
    let page = fs::read_to_string(&path).unwrap();
    let current = with_examples(&page);
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        fs::write(&path, &current).unwrap();
    } else {
        assert!(
            page == current,
            "an example of docs/protocol.md has drifted: run this test with UPDATE_GENERATED=1"
        );
    }
    let codes: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(root().join("golden/problem-codes.json")).unwrap()).unwrap();
    for code in codes.iter().map(|code| code.as_str().unwrap()) {
        assert!(current.contains(&format!("`{code}`")), "{code} is not explained");
    }
}
