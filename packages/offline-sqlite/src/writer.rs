//! The one thread that owns the database. Everything that waits when it is ready goes into one transaction: one sync of the disk serves
//! many calls.

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use offline_core::{Durability, StoreError};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::{
    error::{WriterError, is_broken, store_error},
    memory::Memory,
    schema,
    transaction::Transaction,
};

/// The most calls of one transaction; a bound on how long the first one waits.
const MAX_GROUP: usize = 256;

/// What a call does to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    Read,
    Write(Durability),
    /// Writes, and gives back the room of what it has deleted.
    Wipe,
}

/// A call on its way to the thread.
pub(crate) struct Queue(Sender<Box<dyn Job>>);

impl Queue {
    /// Starts the thread over an open connection. It ends, and closes the database, when the queue is dropped and empty.
    pub(crate) fn start(file: PathBuf, connection: Connection, generation: u64) -> Result<Self, StoreError> {
        let (sender, receiver) = channel();
        let memory = Memory::default();
        let writer = Writer { file, connection, generation, receiver, memory, synchronous: None };
        let thread = thread::Builder::new().name("outbox-sqlite".into());
        thread.spawn(move || writer.serve()).map_err(WriterError::Start)?;
        Ok(Self(sender))
    }

    /// Does the work in a transaction, and resolves when that is on the disk. The work may be done a second time, after the first was
    /// rolled back.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        access: Access,
        work: impl FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let call = Call { access, work, done: None, sender };
        self.0.send(Box::new(call)).map_err(|_| WriterError::Ended)?;
        answer.await.map_err(|_| WriterError::Ended)?
    }
}

/// A call without its types, so that different ones fit into one queue.
trait Job: Send {
    fn access(&self) -> Access;
    /// Does the work. The error says that the transaction must be rolled back, and is kept for [`Job::answer`].
    fn run(&mut self, transaction: &mut Transaction<'_>, open: bool) -> Result<(), RollBack>;
    /// Answers with what [`Job::run`] found, unless the transaction failed as a whole.
    fn answer(self: Box<Self>, failed: Option<StoreError>);
}

/// The transaction cannot be committed.
struct RollBack {
    broken: bool,
}

struct Call<T, F> {
    access: Access,
    work: F,
    done: Option<Result<T, StoreError>>,
    sender: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnMut(&mut Transaction<'_>) -> Result<T, StoreError> + Send,
{
    fn access(&self) -> Access {
        self.access
    }

    fn run(&mut self, transaction: &mut Transaction<'_>, open: bool) -> Result<(), RollBack> {
        let done = if open { (self.work)(transaction) } else { Err(StoreError::Closed) };
        let verdict = match &done {
            // These two are found before anything is written.
            Ok(_) | Err(StoreError::Fenced | StoreError::Closed) => Ok(()),
            Err(error) => Err(RollBack { broken: is_broken(error) }),
        };
        self.done = Some(done);
        verdict
    }

    fn answer(self: Box<Self>, failed: Option<StoreError>) {
        let answer = match (failed, self.done) {
            (Some(error), _) => Err(error),
            (None, Some(done)) => done,
            (None, None) => Err(WriterError::Ended.into()),
        };
        // A caller who has gone away does not want to know.
        let _ = self.sender.send(answer);
    }
}

struct Writer {
    file: PathBuf,
    connection: Connection,
    /// Which life of the partition was opened; it is closed when a wipe has begun another one.
    generation: u64,
    receiver: Receiver<Box<dyn Job>>,
    memory: Memory,
    /// What the connection was told last.
    synchronous: Option<&'static str>,
}

impl Writer {
    fn serve(mut self) {
        while let Ok(first) = self.receiver.recv() {
            let mut group = vec![first];
            group.extend(self.receiver.try_iter().take(MAX_GROUP - 1));
            match self.attempt(&mut group) {
                Ok(()) => group.into_iter().for_each(|job| job.answer(None)),
                // One call's trouble must not be another's: each once more, alone.
                Err(_) if group.len() > 1 => group.into_iter().for_each(|job| self.alone(job)),
                Err(failed) => self.give_up(group, failed),
            }
        }
    }

    fn alone(&mut self, job: Box<dyn Job>) {
        let mut group = vec![job];
        match self.attempt(&mut group) {
            Ok(()) => group.into_iter().for_each(|job| job.answer(None)),
            Err(failed) => self.give_up(group, failed),
        }
    }

    /// Answers a call whose transaction failed; a broken connection is replaced, once, for those to come.
    fn give_up(&mut self, group: Vec<Box<dyn Job>>, failed: Failed) {
        if failed.broken
            && let Ok(connection) = schema::open(&self.file)
        {
            (self.connection, self.synchronous) = (connection, None);
        }
        let mut error = failed.error;
        group.into_iter().for_each(|job| job.answer(error.take()));
    }

    fn attempt(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        // What is remembered may be of what was rolled back.
        self.transact(group).inspect_err(|_| self.memory = Memory::default())
    }

    /// All of the group in one transaction: everything is on the disk afterwards, or nothing.
    fn transact(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        let access = group.iter().map(|job| job.access()).max().unwrap_or(Access::Read);
        let (behavior, synchronous) = match access {
            Access::Read => (TransactionBehavior::Deferred, None),
            // The log is synced by the next strict commit, and before it is written back: until then a power cut can undo, never tear.
            Access::Write(Durability::Relaxed) => (TransactionBehavior::Immediate, Some("NORMAL")),
            Access::Write(Durability::Strict) | Access::Wipe => {
                (TransactionBehavior::Immediate, Some("FULL"))
            }
        };
        if synchronous.is_some_and(|synchronous| self.synchronous != Some(synchronous)) {
            self.connection.pragma_update(None, "synchronous", synchronous).map_err(Failed::of)?;
            self.synchronous = synchronous;
        }
        let sqlite = self.connection.transaction_with_behavior(behavior).map_err(Failed::of)?;
        let mut transaction = Transaction::new(&sqlite, &mut self.memory).map_err(Failed::from)?;
        for job in group.iter_mut() {
            let open = transaction.partition.generation == self.generation;
            job.run(&mut transaction, open).map_err(|RollBack { broken }| Failed { error: None, broken })?;
        }
        transaction.finish().map_err(Failed::from)?;
        sqlite.commit().map_err(Failed::of)?;
        if access == Access::Wipe {
            // The rows are gone already; this gives back their room, and another process's reading may put it off.
            let _ = self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
        }
        Ok(())
    }
}

/// A transaction that was rolled back.
struct Failed {
    /// Why; `None` when a call has found it, and keeps it.
    error: Option<StoreError>,
    broken: bool,
}

impl Failed {
    fn of(error: rusqlite::Error) -> Self {
        Self::from(store_error(error))
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self { broken: is_broken(&error), error: Some(error) }
    }
}
