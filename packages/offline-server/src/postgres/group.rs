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

use crate::{StoreError, Work};

use super::{
    connection::{Connections, Lease},
    known::Writes,
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
    /// A workspace is in here as long as a task serves it.
    waiting: Mutex<HashMap<WorkspaceId, Vec<Job>>>,
}

impl Groups {
    pub(crate) fn new(connections: Arc<Connections>) -> Self {
        Self { connections, waiting: Mutex::default() }
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
            Err(StoreError::Backend(_)) if works.len() > 1 => {
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
            for work in works {
                let loaded = known.loaded(work);
                let folded = catch_unwind(AssertUnwindSafe(|| (work.fold)(loaded)));
                results.push(match folded {
                    Ok(folded) => {
                        known.absorb(work.membership.user_id(), folded.changes, &mut writes);
                        Ok(folded.verdicts)
                    }
                    Err(_) => Err(StoreError::Backend("the fold panicked".into())),
                });
            }
            if writes.is_empty() {
                client.batch_execute("ROLLBACK").await?;
            } else {
                rows::commit(&client, workspace, known.change_seq, &writes).await?;
            }
            Ok(results)
        };
        self.connections.with(run).await
    }
}
