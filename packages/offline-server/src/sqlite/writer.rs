//! The one thread that writes. Everything that waits when it is ready is folded into one transaction: one fsync serves many requests.

use std::{
    collections::{HashMap, hash_map::Entry},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use offline_protocol::Verdict;
use rusqlite::{Connection, TransactionBehavior, ffi};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Folded, Hub, Loaded, Pause, SqlAnswer, SqlCall, SqlError, Step, StoreError, Work,
    sql::{NO_SQL, PANICKED, log_broken},
};

use super::{connection::store_error, rows};

/// The most batches of one transaction; a bound on how long the first one waits.
const MAX_GROUP: usize = 64;

/// How many batches may wait before further ones wait to be let in.
const QUEUE: usize = 256;

/// How long the end waits for those who still read.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Where an answer goes.
type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Batches that share a transaction.
type Group = Vec<(Work, Answer<Vec<Verdict>>)>;

/// Something for the writer to do.
pub(crate) enum Job {
    /// A batch; joins others in a transaction.
    Run(Work, Answer<Vec<Verdict>>),
    /// Anything else; has a transaction of its own.
    Alone(AloneJob, Answer<()>),
}

pub(crate) type AloneJob = Box<dyn FnOnce(&Connection) -> Result<(), StoreError> + Send>;

/// Starts the thread. It ends, and closes the database, when the last sender is gone and the queue is empty.
pub(crate) fn start(
    connection: Connection,
    hub: Arc<Hub>,
) -> std::io::Result<(mpsc::Sender<Job>, thread::JoinHandle<()>)> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let thread = thread::Builder::new().name("store-writer".into());
    Ok((sender, thread.spawn(move || Writer { connection, receiver, hub }.serve())?))
}

struct Writer {
    connection: Connection,
    receiver: mpsc::Receiver<Job>,
    hub: Arc<Hub>,
}

impl Writer {
    fn serve(mut self) {
        let mut waiting = None;
        while let Some(job) = waiting.take().or_else(|| self.receiver.blocking_recv()) {
            let healthy = match job {
                Job::Alone(job, answer) => {
                    let done = alone(&mut self.connection, job);
                    let healthy = is_healthy(done.as_ref().err());
                    let _ = answer.send(done);
                    healthy
                }
                Job::Run(work, answer) => {
                    let mut group = vec![(work, answer)];
                    waiting = self.gather(&mut group);
                    self.run_group(group)
                }
            };
            if !healthy {
                // What a failed fsync left on the disk is unknown, and a second one would lie about it (fsyncgate).
                tracing::error!("the database could not be flushed to the disk: the store is closed");
                return;
            }
        }
        // While somebody reads yet, closing alone would leave the log as it is. When it cannot be copied back now, the next start finds it.
        let copied = self
            .connection
            .busy_timeout(LAST_WAIT)
            .and_then(|()| self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        if let Err(error) = copied {
            tracing::warn!(%error, "the log of the database stays beside its file");
        }
    }

    /// Takes what else is waiting; returns the first job that cannot join the group.
    fn gather(&mut self, group: &mut Group) -> Option<Job> {
        while group.len() < MAX_GROUP {
            match self.receiver.try_recv().ok()? {
                Job::Run(work, answer) => group.push((work, answer)),
                other => return Some(other),
            }
        }
        None
    }

    /// Runs the batches in one transaction; when that fails for a reason that may be one batch's own, each in its own.
    fn run_group(&mut self, group: Group) -> bool {
        let (works, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let mut healthy = true;
        let results = match transact(&mut self.connection, &self.hub, &works) {
            Ok(verdicts) => verdicts.into_iter().map(Ok).collect(),
            Err(error) if error.may_be_one_batchs_own() && works.len() == 1 => vec![Err(error)],
            Err(error) if error.may_be_one_batchs_own() => {
                works.iter().map(|work| self.run_one(work)).collect()
            }
            Err(error) => {
                healthy = is_healthy(Some(&error));
                let message = error.to_string();
                let mut results: Vec<_> = works.iter().skip(1).map(|_| Err(unavailable(&message))).collect();
                results.insert(0, Err(error));
                results
            }
        };
        for (answer, result) in answers.into_iter().zip(results) {
            // Whoever asked may have gone away; he will ask again.
            let _ = answer.send(result);
        }
        healthy
    }

    fn run_one(&mut self, work: &Work) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts = transact(&mut self.connection, &self.hub, std::slice::from_ref(work))?;
        Ok(verdicts.pop().unwrap_or_default())
    }
}

fn transact(connection: &mut Connection, hub: &Hub, works: &[Work]) -> Result<Vec<Vec<Verdict>>, StoreError> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
    let mut verdicts = Vec::with_capacity(works.len());
    let mut changed = false;
    // Where the workspaces are, and to where they come.
    let (mut heads, mut places) = (HashMap::new(), HashMap::new());
    for work in works {
        let workspace = work.membership.workspace_id();
        let head = match heads.entry(workspace) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => *unknown.insert(rows::change_seq(&transaction, workspace)?),
        };
        let loaded = rows::load(&transaction, &work.membership, &work.wanted, head)?;
        let folded = fold(&transaction, work, loaded)?;
        if !folded.changes.is_empty() {
            changed = true;
            rows::store(&transaction, &work.membership, &folded.changes)?;
            if let Some(last) = folded.changes.log.last() {
                heads.insert(workspace, last.seq);
                places.insert(workspace, last.seq);
            }
        }
        verdicts.push(folded.verdicts);
    }
    for (workspace, place) in &places {
        rows::put_change_seq(&transaction, workspace, *place)?;
    }
    if changed {
        transaction.commit().map_err(store_error)?;
    }
    for (workspace, place) in places {
        hub.tell(workspace, place);
    }
    Ok(verdicts)
}

fn fold(connection: &Connection, work: &Work, loaded: Loaded) -> Result<Folded, StoreError> {
    let mut step = guarded(|| work.fold.begin(loaded))?;
    loop {
        let Pause { call, resume } = match step {
            Step::Done(folded) => return Ok(folded),
            Step::Sql(pause) => pause,
        };
        let answer = own_sql(connection, &call)?;
        step = guarded(|| resume(answer))?;
    }
}

fn guarded(step: impl FnOnce() -> Step) -> Result<Step, StoreError> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|_| StoreError::Backend("the fold panicked".into()))
}

/// Runs a command's own SQL, and undoes it unless it is done. The error ends the transaction.
fn own_sql(connection: &Connection, call: &SqlCall) -> Result<SqlAnswer, StoreError> {
    let Some(run) = &call.handler.sqlite else { return Ok(log_broken(call, NO_SQL)) };
    let execute = |sql| connection.execute_batch(sql).map_err(store_error);
    execute("SAVEPOINT own_sql")?;
    let answer = match catch_unwind(AssertUnwindSafe(|| run(connection, call))) {
        Ok(Ok(result)) => SqlAnswer::Done(result),
        Ok(Err(SqlError::Refused(rejection))) => SqlAnswer::Refused(rejection),
        Ok(Err(SqlError::Sqlite(error))) => match store_error(error) {
            trouble @ StoreError::Unavailable(_) => return Err(trouble),
            _ => log_broken(call, "SQLite refused it"),
        },
        Ok(Err(other)) => log_broken(call, &other.to_string()),
        Err(_) => log_broken(call, PANICKED),
    };
    if !matches!(answer, SqlAnswer::Done(_)) {
        execute("ROLLBACK TO own_sql")?;
    }
    execute("RELEASE own_sql")?;
    Ok(answer)
}

fn alone(connection: &mut Connection, job: AloneJob) -> Result<(), StoreError> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(store_error)?;
    job(&transaction)?;
    transaction.commit().map_err(store_error)
}

fn unavailable(message: &str) -> StoreError {
    StoreError::Unavailable(message.into())
}

/// Whether the database can be trusted after this error.
fn is_healthy(error: Option<&StoreError>) -> bool {
    let Some(StoreError::Unavailable(source)) = error else { return true };
    let failed_fsync =
        source.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error).is_some_and(
            |error| [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC].contains(&error.extended_code),
        );
    !failed_fsync
}
