//! What happens to a batch between its body and its outcomes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use offline_protocol::{Command, Outcome, Outcomes, Problem, TraceId, Verdict};

use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::{
    Fold, Identity, Loaded, Membership, Server, Step, StoreError, Work,
    envelope::read_batch,
    fold::{Batch, BatchFold, Item},
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
    let verdicts = server.store.run(work).await.inspect_err(|_| server.metrics.store_failed())?;
    server.metrics.stored(fold.waited(), fold.handed_over.elapsed());
    let outcome = |(item, verdict): (&Item, Verdict)| {
        log(&batch, item, &verdict);
        server.metrics.command(type_label(server, item), &verdict);
        Outcome { command_id: item.command_id(), verdict }
    };
    Ok(batch.items.iter().zip(verdicts).map(outcome).collect())
}

/// The type of a command as a label: what clients make up is all one.
fn type_label<'a>(server: &Server, item: &'a Item) -> &'a str {
    let known = |command: &&Command| server.registry.accepts(&command.command_type);
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

/// The W3C trace id that follows from the client's: itself when it is one, else the first half of its SHA-256.
fn trace_of(client: &TraceId) -> String {
    let text = client.as_str();
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == 32 && text.bytes().all(hex) && text.bytes().any(|byte| byte != b'0') {
        return text.to_owned();
    }
    Sha256::digest(text.as_bytes())[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One line for each command; never a payload.
fn log(batch: &Batch, item: &Item, verdict: &Verdict) {
    let (code, replayed) = match verdict {
        Verdict::Rejected { problem, replayed } => (problem.code.as_str(), *replayed),
        Verdict::Conflict(conflict) => ("", conflict.replayed),
        Verdict::Applied { replayed, .. } => ("", *replayed),
        Verdict::Held { .. } | Verdict::Retry { .. } => ("", false),
    };
    let command = item.command();
    tracing::info!(
        workspaceId = %batch.membership.workspace_id(),
        userId = %batch.membership.user_id(),
        commandId = item.command_id().map(tracing::field::display),
        idempotencyKey = command.map(|command| command.idempotency_key.as_str()),
        clientTraceId = command.map(|command| command.client_trace_id.as_str()),
        traceId = command.map(|command| trace_of(&command.client_trace_id)),
        commandType = command.map(|command| command.command_type.as_str()),
        status = verdict.status(),
        code,
        replayed,
        "command"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_trace_id_becomes_one_of_the_w3c() {
        let of = |text: &str| trace_of(&TraceId::new(text).unwrap());
        assert_eq!(of("4bf92f3577b34da6a3ce929d0e0e4736"), "4bf92f3577b34da6a3ce929d0e0e4736");
        for text in ["trace-1", "4BF92F3577B34DA6A3CE929D0E0E4736", &"0".repeat(32), &"x".repeat(128)] {
            let derived = of(text);
            assert!(derived.len() == 32 && derived != text && derived == of(text), "{text}: {derived}");
        }
        assert_ne!(of("trace-1"), of("trace-2"));
    }
}
