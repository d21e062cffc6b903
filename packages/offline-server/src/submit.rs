//! What happens to a batch between its body and its outcomes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use offline_protocol::{Command, Outcome, Outcomes, Problem, Verdict};
use tokio::time::Instant;
use tracing::Span;

use crate::{
    Fold, Identity, Loaded, Membership, Server, Step, StoreError, TraceParent, Work,
    batch::{Batch, Item},
    envelope::read_batch,
    fold::BatchFold,
};

/// Why a batch has no outcomes.
#[derive(Debug)]
pub enum SubmitError {
    /// It is not a batch; nothing was executed.
    Refused(Problem),
    /// The user asks for more than he may; nothing was executed. In so much time there will be enough.
    Limited(Duration),
    /// The store failed; nothing took effect.
    Store(StoreError),
}

/// Judges a batch on behalf of a user and stores what follows from it: what `POST /sync/commands` does once the body has been read and the
/// token believed. A body that is no batch is [`SubmitError::Refused`] as a whole; the rest is answered item by item.
pub async fn submit(server: &Server, identity: &Identity, body: &[u8]) -> Result<Outcomes, SubmitError> {
    let membership = Membership::verify(&*server.memberships, identity, &identity.workspace_id)
        .await
        .map_err(SubmitError::Store)?;
    let workspace = membership.as_ref().map(Membership::workspace_id);
    let items =
        read_batch(body, &server.limits, &server.registry, workspace).map_err(SubmitError::Refused)?;
    // The request itself has been paid for.
    let cost = u32::try_from(items.len().saturating_sub(1)).unwrap_or(u32::MAX);
    server.rates.take(identity, cost).map_err(SubmitError::Limited)?;
    let outcomes = match membership {
        Some(membership) => run(server, membership, items).await.map_err(SubmitError::Store)?,
        None => {
            tracing::warn!(
                workspaceId = %identity.workspace_id,
                userId = %identity.user_id,
                "a token of a workspace that its user does not belong to"
            );
            items.iter().filter_map(refused).collect()
        }
    };
    Ok(Outcomes { outcomes })
}

fn refused(item: &Item) -> Option<Outcome> {
    let Item::Refused(refused) = item else { return None };
    let verdict = Verdict::Rejected { problem: refused.problem.clone(), replayed: false };
    Some(Outcome { command_id: refused.command_id, verdict })
}

/// Folds items for a member and stores what follows.
pub(crate) async fn run(
    server: &Server,
    membership: Membership,
    items: Vec<Item>,
) -> Result<Vec<Outcome>, StoreError> {
    let batch = Arc::new(Batch {
        membership: membership.clone(),
        now: server.clock.now(),
        retention: server.retention,
        sql: server.sql.clone(),
        items,
    });
    server.metrics.batch(batch.items.len());
    let fold = Arc::new(Timed::new(BatchFold(Arc::clone(&batch))));
    let work = Work { membership, wanted: batch.wanted(), fold: Arc::clone(&fold) as Arc<dyn Fold> };
    let span = |item: &Item| server.traces.command(item.command()?, &batch.membership);
    let spans: Vec<_> = batch.items.iter().map(span).collect();
    let abandoned = Abandoned(Some(&batch));
    let ran = server.store.run(work).await;
    abandoned.not();
    let verdicts = ran.inspect_err(|error| {
        // That is the batch's fault.
        if !matches!(error, StoreError::TooLarge) {
            server.metrics.store_failed();
        }
    })?;
    server.metrics.stored(fold.waited(), fold.handed_over.elapsed());
    let outcome = |((item, span), verdict): ((&Item, Option<Span>), Verdict)| {
        log(&batch, item, &verdict, span);
        server.metrics.command(type_label(server, item), &verdict);
        Outcome { command_id: item.command_id(), verdict }
    };
    Ok(batch.items.iter().zip(spans).zip(verdicts).map(outcome).collect())
}

/// The type of a command as a label: what clients make up is all one.
fn type_label<'a>(server: &Server, item: &'a Item) -> &'a str {
    let known =
        |command: &&Command| matches!(item, Item::Ready(_)) || server.registry.accepts(&command.command_type);
    item.command().filter(known).map_or("unknown", |command| command.command_type.as_str())
}

/// A fold that knows how long it waited for its transaction.
struct Timed {
    fold: BatchFold,
    handed_over: Instant,
    waited_micros: AtomicU64,
}

impl Timed {
    fn new(fold: BatchFold) -> Self {
        Self { fold, handed_over: Instant::now(), waited_micros: AtomicU64::new(0) }
    }

    fn waited(&self) -> Duration {
        Duration::from_micros(self.waited_micros.load(Ordering::Relaxed))
    }
}

impl Fold for Timed {
    fn begin(&self, loaded: Loaded) -> Step {
        let waited = u64::try_from(self.handed_over.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.waited_micros.store(waited, Ordering::Relaxed);
        self.fold.begin(loaded)
    }
}

/// Dropped where a batch is waited for, it says of each command that nobody waits any more: what became of it is in the receipts.
struct Abandoned<'a>(Option<&'a Batch>);

impl Abandoned<'_> {
    /// Somebody is still there.
    fn not(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let Some(batch) = self.0 else { return };
        batch.items.iter().for_each(|item| line(batch, item, "abandoned", "", false));
    }
}

/// One line for each command, and the end of its span.
fn log(batch: &Batch, item: &Item, verdict: &Verdict, span: Option<Span>) {
    let (code, replayed) = match verdict {
        Verdict::Rejected { problem, replayed } => (problem.code.as_str(), *replayed),
        Verdict::Conflict(conflict) => ("", conflict.replayed),
        Verdict::Applied { replayed, .. } => ("", *replayed),
        Verdict::Held { .. } | Verdict::Retry { .. } => ("", false),
    };
    if let Some(span) = span {
        span.record("status", verdict.status()).record("code", code).record("replayed", replayed);
    }
    line(batch, item, verdict.status(), code, replayed);
}

/// Never a payload.
fn line(batch: &Batch, item: &Item, status: &str, code: &str, replayed: bool) {
    let command = item.command();
    tracing::info!(
        workspaceId = batch.membership.workspace_id().as_str(),
        userId = batch.membership.user_id().as_str(),
        commandId = item.command_id().map(tracing::field::display),
        idempotencyKey = command.map(|command| command.idempotency_key.as_str()),
        clientTraceId = command.map(|command| command.client_trace_id.as_str()),
        traceId = command.map(|command| TraceParent::trace_of_client(&command.client_trace_id)),
        commandType = command.map(|command| command.command_type.as_str()),
        status,
        code,
        replayed,
        "command"
    );
}
