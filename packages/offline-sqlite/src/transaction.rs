use offline_core::{Counts, Fence, Lease, Status, StoreError};
use offline_protocol::{Seq, Timestamp};
use rusqlite::{Connection, Row, named_params};

use crate::{error::store_error, memory::Memory};

/// One transaction: the connection, and the partition's row as it will stand at its end.
pub(crate) struct Transaction<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) partition: PartitionRow,
    pub(crate) memory: &'c mut Memory,
    found: PartitionRow,
}

/// What is true of the partition as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionRow {
    pub(crate) generation: u64,
    pub(crate) device_id: Option<String>,
    pub(crate) last_seq: u64,
    pub(crate) counts: Counts,
    pub(crate) last_fence: Fence,
    pub(crate) lease: Option<Lease>,
    /// The number of the journal's last entry.
    pub(crate) last_entry: u64,
    /// No command before this seq is unsettled.
    pub(crate) head: u64,
    /// Grows when a command of the outbox is changed or settled.
    pub(crate) edits: u64,
}

impl<'c> Transaction<'c> {
    /// In a transaction that has begun.
    pub(crate) fn new(connection: &'c Connection, memory: &'c mut Memory) -> Result<Self, StoreError> {
        let mut statement =
            connection.prepare_cached("SELECT * FROM partition WHERE one = 1").map_err(store_error)?;
        let found = statement.query_row([], PartitionRow::read).map_err(store_error)?;
        Ok(Self { connection, partition: found.clone(), memory, found })
    }

    /// Writes the partition's row, if it has changed. To be called before the transaction is committed.
    pub(crate) fn finish(self) -> Result<(), StoreError> {
        if self.partition == self.found {
            return Ok(());
        }
        let PartitionRow {
            generation,
            device_id,
            last_seq,
            counts,
            last_fence,
            lease,
            last_entry,
            head,
            edits,
        } = &self.partition;
        let sql =
            "UPDATE partition SET generation = :generation, device_id = :device_id, last_seq = :last_seq,
            pending = :pending, in_flight = :in_flight, failed = :failed, conflict = :conflict,
            last_fence = :last_fence, lease_holder = :holder, lease_expires_at = :expires_at,
            last_entry = :last_entry, head = :head, edits = :edits WHERE one = 1";
        let mut statement = self.connection.prepare_cached(sql).map_err(store_error)?;
        let values = named_params! {
            ":generation": signed(*generation),
            ":device_id": device_id,
            ":last_seq": signed(*last_seq),
            ":pending": signed(counts.pending),
            ":in_flight": signed(counts.in_flight),
            ":failed": signed(counts.failed),
            ":conflict": signed(counts.conflict),
            ":last_fence": signed(last_fence.0),
            ":holder": lease.as_ref().map(|lease| &lease.holder),
            ":expires_at": lease.as_ref().map_or(0, |lease| lease.expires_at.as_millis()),
            ":last_entry": signed(*last_entry),
            ":head": signed(*head),
            ":edits": signed(*edits),
        };
        statement.execute(values).map(drop).map_err(store_error)
    }

    /// The next number, which is taken.
    pub(crate) fn next_seq(&mut self) -> Result<Seq, StoreError> {
        self.partition.last_seq += 1;
        Seq::new(self.partition.last_seq).map_err(|_| StoreError::Corrupt { what: "partition" })
    }

    /// The number that was taken last was not needed.
    pub(crate) const fn give_back_seq(&mut self) {
        self.partition.last_seq -= 1;
    }

    pub(crate) fn check(&self, fence: Fence) -> Result<(), StoreError> {
        match &self.partition.lease {
            Some(current) if current.fence == fence => Ok(()),
            _ => Err(StoreError::Fenced),
        }
    }

    /// How many commands have this status, to be changed with them.
    pub(crate) fn count(&mut self, status: Status) -> Result<&mut u64, StoreError> {
        let counts = &mut self.partition.counts;
        match status {
            Status::Pending => Ok(&mut counts.pending),
            Status::InFlight => Ok(&mut counts.in_flight),
            Status::Failed => Ok(&mut counts.failed),
            Status::Conflict => Ok(&mut counts.conflict),
            Status::Succeeded => Err(StoreError::Corrupt { what: "command" }),
        }
    }

    pub(crate) fn came(&mut self, status: Status) -> Result<(), StoreError> {
        *self.count(status)? += 1;
        Ok(())
    }

    pub(crate) fn went(&mut self, status: Status) -> Result<(), StoreError> {
        let count = self.count(status)?;
        *count = count.saturating_sub(1);
        Ok(())
    }
}

impl PartitionRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let number = |name| row.get::<_, i64>(name).map(unsigned);
        let last_fence = Fence(number("last_fence")?);
        let holder: Option<String> = row.get("lease_holder")?;
        let expires_at = Timestamp::from_millis(row.get("lease_expires_at")?);
        let counts = Counts {
            pending: number("pending")?,
            in_flight: number("in_flight")?,
            failed: number("failed")?,
            conflict: number("conflict")?,
        };
        Ok(Self {
            generation: number("generation")?,
            device_id: row.get("device_id")?,
            last_seq: number("last_seq")?,
            counts,
            last_fence,
            lease: holder.map(|holder| Lease { holder, fence: last_fence, expires_at }),
            last_entry: number("last_entry")?,
            head: number("head")?,
            edits: number("edits")?,
        })
    }
}

/// As SQLite keeps it. Nothing here grows past 2^63.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
