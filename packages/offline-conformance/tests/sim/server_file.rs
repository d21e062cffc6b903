//! The server's database as a real SQLite file, for the short days on which the server dies.

use std::{
    mem::take,
    sync::{Arc, Mutex},
};

use futures_executor::block_on;
use offline_protocol::Verdict;
use offline_server::{Changes, Fold, Loaded, SqliteStore, Step, Store as _, StoreError, Work};
use tempfile::TempDir;

use crate::{file::left_behind, shared::locked};

/// The real store. Each transaction is finished within one poll: its thread's answers would come whenever they like.
pub(crate) struct ServerFile {
    /// Closed before its folder goes.
    store: SqliteStore,
    folder: TempDir,
}

/// What was read for a transaction, and what was written in it.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) loaded: Loaded,
    pub(crate) changes: Changes,
}

impl ServerFile {
    pub(crate) fn new() -> Self {
        Self::open(TempDir::new().expect("a folder can be made"))
    }

    fn open(folder: TempDir) -> Self {
        let store = SqliteStore::open(&folder.path().join("server.db")).expect("the file can be opened");
        Self { store, folder }
    }

    /// The program is killed: the next one finds the files as they are.
    pub(crate) fn killed(&self) -> Self {
        Self::open(left_behind(self.folder.path()))
    }

    pub(crate) fn run(&self, work: &Work) -> Result<(Vec<Verdict>, Seen), StoreError> {
        let watched = Arc::new(Watched { fold: Arc::clone(&work.fold), seen: Mutex::default() });
        let verdicts = block_on(self.store.run(Work { fold: watched.clone(), ..work.clone() }))?;
        Ok((verdicts, take(&mut locked(&watched.seen))))
    }
}

struct Watched {
    fold: Arc<dyn Fold>,
    seen: Mutex<Seen>,
}

impl Fold for Watched {
    fn begin(&self, loaded: Loaded) -> Step {
        let step = self.fold.begin(loaded.clone());
        if let Step::Done(folded) = &step {
            *locked(&self.seen) = Seen { loaded, changes: folded.changes.clone() };
        }
        step
    }
}
