//! How Rust types become a TypeScript module, and how a test notices that the module has drifted.

use std::path::Path;

use ts_rs::{Config, TS};

/// The declarations of one generated TypeScript file, in the order in which they are added.
pub struct TypeScriptModule {
    text: String,
    config: Config,
}

impl TypeScriptModule {
    /// Starts a file: where its types come from, then `preamble` (imports), which may be empty.
    pub fn new(source: &str, preamble: &str) -> Self {
        let mut text = format!(
            "// Generated from the Rust types of `{source}`. Change those, then run its tests with UPDATE_GENERATED=1.\n"
        );
        if !preamble.is_empty() {
            text.push_str(preamble);
            text.push('\n');
        }
        Self { text, config: Config::new().with_large_int("number") }
    }

    /// Adds a type with its documentation.
    #[must_use]
    pub fn with<T: TS + 'static>(mut self) -> Self {
        let docs = T::docs().unwrap_or_default();
        let declaration = format!("{docs}export {}", T::decl(&self.config));
        self.text.push('\n');
        for line in declaration.lines() {
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
        self
    }

    /// Compares with the file, or writes it: [`assert_generated`].
    ///
    /// # Panics
    /// When the file differs or cannot be read: this is the assertion of a test.
    pub fn assert_current(&self, file: &Path) {
        assert_generated(file, &self.text);
    }
}

/// Compares a generated text with the file, or writes it when the environment has `UPDATE_GENERATED=1`.
///
/// # Panics
/// When the file differs or cannot be read: this is the assertion of a test.
pub fn assert_generated(file: &Path, text: &str) {
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).expect("the folder of the generated file can be made");
        }
        std::fs::write(file, text).expect("the generated file can be written");
    }
    let current = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        current == text,
        "{} has drifted from the Rust code: run this test with UPDATE_GENERATED=1",
        file.display()
    );
}
