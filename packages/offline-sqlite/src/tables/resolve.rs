use std::collections::BTreeSet;

use offline_core::{Rebase, Resolution, Resolve, StoreError, store_rules};
use offline_protocol::{CommandId, Timestamp};

use super::{journal, outbox};
use crate::transaction::Transaction;

pub(crate) fn resolve(transaction: &mut Transaction<'_>, resolve: &Resolve) -> Result<bool, StoreError> {
    match resolve.resolution.clone() {
        Resolution::Retry { idempotency_key, expected, edited } => {
            let Some(before) = outbox::get(transaction, &resolve.command_id)? else { return Ok(false) };
            let retried = store_rules::retried(before.clone(), idempotency_key, expected, edited);
            let Some(command) = retried else { return Ok(false) };
            outbox::put(transaction, before.status, &command)?;
            outbox::untouch(transaction, &before)?;
            outbox::touch(transaction, &command)?;
            Ok(true)
        }
        Resolution::Discard { also, rebase } => {
            let leaving = std::iter::once(resolve.command_id).chain(also).collect();
            discard(transaction, leaving, rebase, resolve.at)
        }
    }
}

fn discard(
    transaction: &mut Transaction<'_>,
    leaving: Vec<CommandId>,
    rebase: Vec<Rebase>,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let mut gone = BTreeSet::new();
    let mut entries = Vec::new();
    for id in leaving {
        if !gone.insert(id) {
            continue;
        }
        let Some(command) = outbox::get(transaction, &id)? else { return Ok(false) };
        let before = command.status;
        let Some(entry) = store_rules::discarded(command, at) else { return Ok(false) };
        entries.push((before, entry));
    }
    let mut rebased = Vec::new();
    for rebase in rebase {
        let command = outbox::get(transaction, &rebase.command_id)?;
        let Some(before) = command.filter(|command| !gone.contains(&command.command_id)) else {
            return Ok(false);
        };
        let Some(command) = store_rules::rebased(before, rebase) else { return Ok(false) };
        rebased.push(command);
    }
    for (before, entry) in &entries {
        journal::discarded(transaction, entry)?;
        transaction.went(*before)?;
    }
    for command in &rebased {
        outbox::put(transaction, command.status, command)?;
    }
    Ok(true)
}
