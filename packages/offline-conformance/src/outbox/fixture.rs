//! What the cases of the outbox say often.

use std::{sync::Arc, time::Duration};

use offline_core::{
    Appended, Change, Counts, Durability, Fence, Flight, FlightId, JournalEntry, JournalQuery, Lease,
    NewCommand, OutboxCommand, OutboxQuery, Resolution, Resolve, Settlement, StoreError, Takeover,
};
use offline_protocol::{CommandId, RecordKey};
use uuid::Uuid;

use crate::{Failed, Partition, StoreHarness, samples::at};

pub(crate) type Harness = Arc<dyn StoreHarness>;

/// As long as no case lasts.
pub(crate) const TTL: Duration = Duration::from_secs(60);

/// Everything that can be seen of a partition.
#[derive(Debug, PartialEq)]
pub(crate) struct Everything {
    outbox: Vec<OutboxCommand>,
    counts: Counts,
    journal: Vec<JournalEntry>,
}

impl Partition {
    pub(crate) async fn append(&self, commands: Vec<NewCommand>) -> Result<Vec<Appended>, StoreError> {
        self.outbox.append(commands, Durability::Strict).await
    }

    /// Takes the lease, whoever has it.
    pub(crate) async fn take_lease(&self, holder: &str) -> Result<Lease, Failed> {
        let lease = self.lease.acquire(holder, at(0), TTL, Takeover::Always).await?;
        lease.ok_or_else(|| Failed::new("a takeover of the lease was refused"))
    }

    pub(crate) async fn fence(&self) -> Result<Fence, Failed> {
        Ok(self.take_lease("test").await?.fence)
    }

    pub(crate) async fn take_off(
        &self,
        fence: Fence,
        flight: u128,
        commands: &[CommandId],
    ) -> Result<Vec<OutboxCommand>, StoreError> {
        let (flight_id, commands) = (FlightId(Uuid::from_u128(flight)), commands.to_vec());
        self.outbox.take_off(Flight { flight_id, fence, commands, at: at(10) }).await
    }

    pub(crate) async fn settle(
        &self,
        fence: Fence,
        flight: u128,
        changes: Vec<(CommandId, Change)>,
    ) -> Result<bool, StoreError> {
        let flight_id = FlightId(Uuid::from_u128(flight));
        self.outbox.settle(Settlement { flight_id, fence, at: at(20), changes }).await
    }

    /// Sends these commands and settles them so.
    pub(crate) async fn fly(&self, changes: Vec<(CommandId, Change)>) -> Result<(), Failed> {
        let fence = self.fence().await?;
        let commands: Vec<_> = changes.iter().map(|(id, _)| *id).collect();
        let taken = self.take_off(fence, 0xf1, &commands).await?;
        ensure_all(taken.len() == commands.len(), "not every command took off")?;
        ensure_all(self.settle(fence, 0xf1, changes).await?, "the flight was not found")
    }

    pub(crate) async fn resolve(
        &self,
        command_id: CommandId,
        resolution: Resolution,
    ) -> Result<bool, StoreError> {
        self.outbox.resolve(Resolve { command_id, at: at(30), resolution }).await
    }

    pub(crate) async fn discard(&self, command_id: CommandId) -> Result<bool, StoreError> {
        self.resolve(command_id, Resolution::Discard { also: Vec::new(), rebase: Vec::new() }).await
    }

    pub(crate) async fn all(&self) -> Result<Vec<OutboxCommand>, StoreError> {
        self.outbox.list(OutboxQuery::Seq { after: None, limit: 100_000 }).await
    }

    pub(crate) async fn one(&self, id: CommandId) -> Result<OutboxCommand, Failed> {
        let found = self.outbox.list(OutboxQuery::Ids(vec![id])).await?;
        found.into_iter().next().ok_or_else(|| Failed::new("a command is missing from the outbox"))
    }

    pub(crate) async fn on(&self, record: RecordKey) -> Result<Vec<CommandId>, StoreError> {
        Ok(ids(&self.outbox.list(OutboxQuery::Record(record)).await?))
    }

    pub(crate) async fn latest(&self) -> Result<Vec<JournalEntry>, StoreError> {
        self.outbox.journal(JournalQuery::Latest { limit: 100_000 }).await
    }

    pub(crate) async fn everything(&self) -> Result<Everything, StoreError> {
        let (outbox, counts) = (self.all().await?, self.outbox.counts().await?);
        Ok(Everything { outbox, counts, journal: self.latest().await? })
    }
}

pub(crate) fn ids(commands: &[OutboxCommand]) -> Vec<CommandId> {
    commands.iter().map(|command| command.command_id).collect()
}

pub(crate) fn seqs(appended: &[Appended]) -> Vec<u64> {
    appended.iter().map(|appended| appended.seq.get()).collect()
}

#[track_caller]
fn ensure_all(condition: bool, message: &str) -> Result<(), Failed> {
    if condition { Ok(()) } else { Err(Failed::new(message)) }
}

/// Crashes everything and opens the partition again.
pub(crate) async fn reopened(harness: &Harness, partition: Partition) -> Result<Partition, StoreError> {
    drop(partition);
    harness.restart().await?;
    harness.open().await
}
