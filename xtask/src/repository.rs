//! Where things are in this repository.

use std::path::{Path, PathBuf};

use crate::failure::{Outcome, file_failure};

/// The root of the repository and the folder that cargo builds into.
pub(crate) struct Repository {
    /// The folder of the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// The folder that cargo builds into, wherever flags, variables or configuration put it.
    pub(crate) target: PathBuf,
    /// The folder of the binaries of cargo's dev profile.
    binaries: PathBuf,
}

impl Repository {
    /// Finds the repository that this program was started from.
    pub(crate) fn find() -> Self {
        let manifest =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let manifest = PathBuf::from(manifest);
        let root = manifest.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        // Cargo has put this very program where it puts all binaries of this workspace.
        let own = std::env::current_exe().ok();
        let binaries = own
            .as_deref()
            .and_then(Path::parent)
            .map_or_else(|| root.join("target/debug"), Path::to_path_buf);
        let target = binaries.parent().map_or_else(|| root.join("target"), Path::to_path_buf);
        Self { root, target, binaries }
    }

    /// Whether a path, relative to the root, is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// A binary of this workspace, once it is built.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// Creates a folder below the target folder and returns it.
    pub(crate) fn target_dir(&self, name: &str) -> Outcome<PathBuf> {
        let dir = self.target.join(name);
        std::fs::create_dir_all(&dir).map_err(|error| file_failure("create", &dir, &error))?;
        Ok(dir)
    }
}
