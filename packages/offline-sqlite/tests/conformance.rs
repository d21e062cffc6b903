//! The store proves the suites of its ports.

use std::{
    fs,
    io::ErrorKind,
    path::Path,
    sync::{Arc, Mutex},
};

use offline_conformance::{Partition, StoreHarness, native, samples};
use offline_core::{BoxFuture, StoreError};
use offline_protocol::DeviceId;
use offline_sqlite::SqliteStore;
use tempfile::TempDir;

/// The folder of the partition, which a restart replaces.
struct Folder(Mutex<TempDir>);

impl StoreHarness for Folder {
    fn open(&self) -> BoxFuture<'_, Result<Partition, StoreError>> {
        let command = samples::command(1).command;
        let device = DeviceId::new("device").expect("a device id");
        let folder = self.0.lock().expect("the folder is there");
        let store = SqliteStore::open(folder.path(), &command.workspace_id, &command.user_id, &device);
        Box::pin(async {
            let store = Arc::new(store?);
            Ok(Partition { outbox: store.clone(), lease: store })
        })
    }

    /// What a killed process leaves behind: the files as they are, log and all, without the memory that its readers share.
    fn restart(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut folder = self.0.lock().expect("the folder is there");
        *folder = copied(folder.path());
        Box::pin(async { Ok(()) })
    }
}

/// A copy of the files as they are at one moment. A store whose last handle has just been dropped may still be folding its log into the
/// database and deleting it: then the copy is of two moments, and made again.
fn copied(from: &Path) -> TempDir {
    loop {
        let left = TempDir::new().expect("a folder can be made");
        match copy(from, left.path()) {
            Ok(()) => return left,
            Err(error) if error.kind() == ErrorKind::NotFound && from.is_dir() => {}
            Err(error) => panic!("the files cannot be copied: {error}"),
        }
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn main() {
    let folder = || {
        let folder = TempDir::new().expect("a folder can be made");
        Arc::new(Folder(Mutex::new(folder))) as Arc<dyn StoreHarness>
    };
    let mut trials = native::trials("outbox_store", offline_conformance::outbox_store(), folder);
    trials.extend(native::trials("lease_store", offline_conformance::lease_store(), folder));
    native::main(trials);
}
