//! Group commit: what of one workspace waits while a transaction runs is folded into the next one. A workspace's transactions wait for each
//! other anyway, so waiting here costs nothing and saves a commit for each.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::FutureExt as _;
use offline_protocol::{Verdict, WorkspaceId};
use tokio::sync::oneshot;
use tokio_postgres::Client;

use crate::{
    Folded, Hub, Loaded, Pause, SqlAnswer, SqlCall, SqlError, Step, StoreError, Work,
    sql::{NO_SQL, PANICKED, log_broken},
};

use super::{
    connection::{Connections, Lease},
    failure::Failure,
    known::Writes,
    notices::Notices,
    rows,
};

/// The most batches of one transaction; a bound on how long the first one waits.
const MAX_GROUP: usize = 64;

/// How many looked-up keys make a transaction large enough, so that 64 batches of 1,000 commands do not become one.
const MAX_KEYS: usize = 4000;

type Verdicts = Result<Vec<Verdict>, StoreError>;

/// A batch that waits, and where its answer goes.
struct Job {
    work: Work,
    answer: oneshot::Sender<Verdicts>,
}

/// The queues of the workspaces that have something to do.
pub(crate) struct Groups {
    connections: Arc<Connections>,
    hub: Arc<Hub>,
    notices: Notices,
    /// A workspace is in here as long as a task serves it.
    waiting: Mutex<HashMap<WorkspaceId, Vec<Job>>>,
}

impl Groups {
    pub(crate) fn new(connections: Arc<Connections>, hub: Arc<Hub>, notices: Notices) -> Self {
        Self { connections, hub, notices, waiting: Mutex::default() }
    }

    /// Runs a batch, together with others of its workspace when there are any. A caller who goes away stops nothing.
    pub(crate) async fn run(self: Arc<Self>, work: Work) -> Verdicts {
        let (sender, answer) = oneshot::channel();
        self.put(Job { work, answer: sender });
        answer.await.map_err(|_| StoreError::Closed)?
    }

    fn put(self: &Arc<Self>, job: Job) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let workspace = job.work.membership.workspace_id().clone();
        if let Some(queue) = waiting.get_mut(&workspace) {
            queue.push(job);
        } else {
            waiting.insert(workspace.clone(), vec![job]);
            tokio::spawn(Arc::clone(self).serve(workspace));
        }
    }

    async fn serve(self: Arc<Self>, workspace: WorkspaceId) {
        while let Some(group) = self.next_group(&workspace) {
            // Whatever goes wrong in here, the workspace must be served on.
            if AssertUnwindSafe(self.run_group(&workspace, group)).catch_unwind().await.is_err() {
                tracing::error!("a group of batches panicked");
            }
        }
    }

    fn next_group(&self, workspace: &WorkspaceId) -> Option<Vec<Job>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = waiting.get_mut(workspace)?;
        let mut keys = 0;
        let fits = queue.iter().take(MAX_GROUP).take_while(|job| {
            let before = keys;
            keys +=
                job.work.wanted.records.len() + job.work.wanted.keys.len() + job.work.wanted.commands.len();
            before < MAX_KEYS
        });
        let group: Vec<_> = queue.drain(..fits.count()).collect();
        if group.is_empty() {
            waiting.remove(workspace);
            return None;
        }
        Some(group)
    }

    /// Runs the batches in one transaction; when that fails for a reason that may be one batch's own, each in its own.
    async fn run_group(&self, workspace: &WorkspaceId, group: Vec<Job>) {
        let (works, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|job| (job.work, job.answer)).unzip();
        let results = match self.transact(workspace, &works).await {
            Ok(results) => results,
            Err(error) if error.may_be_one_batchs_own() && works.len() > 1 => {
                let mut results = Vec::with_capacity(works.len());
                for work in &works {
                    let one = self.transact(workspace, std::slice::from_ref(work)).await;
                    results.push(one.and_then(|mut one| one.pop().unwrap_or(Err(StoreError::Closed))));
                }
                results
            }
            Err(error) => {
                let others = works.iter().skip(1).map(|_| Err(error.again())).collect::<Vec<_>>();
                std::iter::once(Err(error)).chain(others).collect()
            }
        };
        for (answer, result) in answers.into_iter().zip(results) {
            // Whoever asked may have gone away; he will ask again.
            let _ = answer.send(result);
        }
    }

    /// One transaction, tried again when that may help. What was committed before an answer got lost is found by its receipts.
    async fn transact(&self, workspace: &WorkspaceId, works: &[Work]) -> Result<Vec<Verdicts>, StoreError> {
        let run = |client: Lease| async move {
            let mut known = rows::begin(&client, workspace, works).await?;
            let mut writes = Writes::default();
            let mut results = Vec::with_capacity(works.len());
            for (place, work) in works.iter().enumerate() {
                let loaded = known.loaded(work);
                results.push(match fold(&client, work, loaded).await? {
                    Some(folded) => {
                        let user = work.membership.user_id();
                        if place + 1 < works.len() {
                            known.absorb(user, &folded.changes);
                        }
                        writes.add(user, folded.changes);
                        Ok(folded.verdicts)
                    }
                    None => Err(StoreError::Backend("the fold panicked".into())),
                });
            }
            if writes.is_empty() {
                client.batch_execute("ROLLBACK").await?;
            } else {
                let written = writes.change_seq();
                rows::commit(&client, workspace, written.unwrap_or(known.change_seq), &writes).await?;
                if let Some(place) = written {
                    self.hub.tell(workspace, place);
                    self.notices.send(workspace, place);
                }
            }
            Ok(results)
        };
        self.connections.with(run).await
    }
}

/// Folds, with own SQL where it is asked for; `None` when the fold panicked. The error ends the transaction.
async fn fold(client: &Client, work: &Work, loaded: Loaded) -> Result<Option<Folded>, Failure> {
    let guarded = |step: Box<dyn FnOnce() -> Step + Send + '_>| catch_unwind(AssertUnwindSafe(step)).ok();
    let mut step = guarded(Box::new(|| work.fold.begin(loaded)));
    let mut paused = false;
    loop {
        let Pause { call, resume } = match step {
            Some(Step::Done(folded)) => return Ok(Some(folded)),
            // What its own SQL has written must not stay without a receipt.
            None if paused => {
                return Err(Failure::Final(StoreError::Backend("the fold panicked".into())));
            }
            None => return Ok(None),
            Some(Step::Sql(pause)) => pause,
        };
        paused = true;
        let answer = own_sql(client, &call).await?;
        step = guarded(Box::new(move || resume(answer)));
    }
}

/// Runs a command's own SQL, and undoes it unless it is done. The error ends the transaction.
async fn own_sql(client: &Client, call: &SqlCall) -> Result<SqlAnswer, Failure> {
    let Some(run) = &call.handler.postgres else { return Ok(log_broken(call, NO_SQL)) };
    client.batch_execute("SAVEPOINT own_sql").await?;
    // A panic may come before the first await, too.
    let running = AssertUnwindSafe(async { run(client, call).await }).catch_unwind().await;
    let answer = match running {
        Ok(Ok(result)) => SqlAnswer::Done(result),
        Ok(Err(SqlError::Refused(rejection))) => SqlAnswer::Refused(rejection),
        Ok(Err(SqlError::Postgres(error))) => match Failure::from(error) {
            Failure::Final(StoreError::Backend(_)) => log_broken(call, "PostgreSQL refused it"),
            trouble => return Err(trouble),
        },
        Ok(Err(other)) => log_broken(call, &other.to_string()),
        Err(_) => log_broken(call, PANICKED),
    };
    let end = match answer {
        SqlAnswer::Done(_) => "RELEASE SAVEPOINT own_sql",
        _ => "ROLLBACK TO SAVEPOINT own_sql; RELEASE SAVEPOINT own_sql",
    };
    client.batch_execute(end).await?;
    Ok(answer)
}
