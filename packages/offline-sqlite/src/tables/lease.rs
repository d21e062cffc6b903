use std::time::Duration;

use offline_core::{Counts, Fence, Lease, StoreError, Takeover, Unsynced, store_rules};
use offline_protocol::Timestamp;

use crate::transaction::{PartitionRow, Transaction};

pub(crate) fn acquire(
    transaction: &mut Transaction<'_>,
    holder: &str,
    now: Timestamp,
    ttl: Duration,
    takeover: Takeover,
) -> Option<Lease> {
    let partition = &mut transaction.partition;
    if !store_rules::may_take(partition.lease.as_ref(), holder, now, ttl, takeover) {
        return None;
    }
    partition.last_fence = Fence(partition.last_fence.0 + 1);
    let lease = Lease { holder: holder.into(), fence: partition.last_fence, expires_at: now.plus(ttl) };
    partition.lease = Some(lease.clone());
    Some(lease)
}

pub(crate) fn renew(transaction: &mut Transaction<'_>, fence: Fence, until: Timestamp) -> bool {
    match &mut transaction.partition.lease {
        Some(current) if current.fence == fence => {
            current.expires_at = until;
            true
        }
        _ => false,
    }
}

pub(crate) fn release(transaction: &mut Transaction<'_>, fence: Fence) -> bool {
    transaction.partition.lease.take_if(|current| current.fence == fence).is_some()
}

/// Deletes every row and begins another life of the partition, if nothing is lost by it or `unsynced` agrees. Fences go on growing.
pub(crate) fn wipe(transaction: &mut Transaction<'_>, unsynced: Unsynced) -> Result<bool, StoreError> {
    if unsynced == Unsynced::Keep && transaction.partition.counts.unsettled() > 0 {
        return Ok(false);
    }
    for table in ["outbox", "touches", "flying", "settled"] {
        transaction.execute(&format!("DELETE FROM {table}"), [])?;
    }
    transaction.partition = PartitionRow {
        generation: transaction.partition.generation + 1,
        device_id: None,
        last_seq: 0,
        counts: Counts::default(),
        last_fence: transaction.partition.last_fence,
        lease: None,
        last_entry: 0,
        head: 1,
        edits: transaction.partition.edits + 1,
    };
    Ok(true)
}
