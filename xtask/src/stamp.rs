//! Stamps: small files that remember from which inputs something was made, so that it is not made again.

use std::path::{Path, PathBuf};

use crate::failure::{Outcome, file_failure};

/// A 64-bit FNV-1a over everything fed to it: enough to notice a change, not meant against an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digest(u64);

impl Digest {
    /// The digest of nothing.
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds one input; the length goes in too, so that two inputs never run into each other.
    pub(crate) fn with(self, input: &[u8]) -> Self {
        let length = (input.len() as u64).to_le_bytes();
        let bytes = length.iter().chain(input);
        Self(bytes.fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    /// Adds the content of a file; a missing one counts as empty.
    pub(crate) fn with_file(self, path: &Path) -> Self {
        self.with(&std::fs::read(path).unwrap_or_default())
    }

    /// Sixteen hexadecimal digits.
    pub(crate) fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// A stamp file and the digest it should hold.
pub(crate) struct Stamp {
    path: PathBuf,
    wanted: String,
}

impl Stamp {
    /// A stamp at `path` for inputs of this digest.
    pub(crate) fn new(path: PathBuf, inputs: Digest) -> Self {
        Self { path, wanted: inputs.hex() }
    }

    /// Whether the work was done for these very inputs.
    pub(crate) fn is_fresh(&self) -> bool {
        std::fs::read_to_string(&self.path).is_ok_and(|found| found.trim() == self.wanted)
    }

    /// Remembers that the work is done; call it last.
    pub(crate) fn set(&self) -> Outcome {
        std::fs::write(&self.path, &self.wanted).map_err(|error| file_failure("write", &self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_fresh_only_for_the_inputs_it_was_set_for() {
        let path = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let old = Stamp::new(path.clone(), Digest::new().with(b"lock 1"));
        assert!(!old.is_fresh());
        old.set().unwrap();
        assert!(old.is_fresh());
        assert!(!Stamp::new(path.clone(), Digest::new().with(b"lock 2")).is_fresh());
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn inputs_do_not_run_into_each_other() {
        assert_ne!(Digest::new().with(b"ab").with(b"c"), Digest::new().with(b"a").with(b"bc"));
    }

    #[test]
    fn a_missing_file_counts_as_an_empty_one() {
        assert_eq!(Digest::new().with_file(Path::new("/no/such/file")), Digest::new().with(b""));
    }
}
