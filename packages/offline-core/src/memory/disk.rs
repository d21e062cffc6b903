use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use offline_protocol::{CommandId, RecordKey, Seq, Timestamp};

use crate::{
    Appended, Counts, Fence, Flight, FlightId, JournalEntry, JournalQuery, Lease, NewCommand, OutboxCommand,
    OutboxQuery, Rebase, Resolution, Resolve, Settlement, Status, StoreError, Takeover, Unsynced,
    store_rules::{self, Settled},
};

/// What a partition's database holds. Each method is one transaction: it changes everything or nothing.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) wipes: u64,
    pub(super) counts: Counts,
    last_seq: Option<Seq>,
    outbox: BTreeMap<Seq, OutboxCommand>,
    /// Where a command of the outbox stands.
    places: HashMap<CommandId, Seq>,
    lanes: BTreeMap<RecordKey, BTreeSet<Seq>>,
    flights: HashMap<FlightId, BTreeSet<CommandId>>,
    journal: Journal,
    last_fence: Fence,
    lease: Option<Lease>,
}

/// The journal in the order of settling.
#[derive(Default)]
struct Journal {
    entries: BTreeMap<u64, JournalEntry>,
    last: u64,
    places: HashMap<CommandId, u64>,
}

impl Disk {
    /// Becomes an empty one, which those who opened this one no longer may use.
    pub(super) fn wipe(&mut self, unsynced: Unsynced) -> bool {
        let agreed = unsynced == Unsynced::Lose || self.counts.unsettled() == 0;
        if agreed {
            *self = Self { wipes: self.wipes + 1, ..Self::default() };
        }
        agreed
    }

    pub(super) fn append(&mut self, new: NewCommand) -> Appended {
        let id = new.command.command_id;
        if let Some(known) = self.known(&id) {
            return Appended { seq: known.seq, expected: known.expected, duplicate: true };
        }
        let chain = store_rules::chains_on(&new).map(|key| {
            let own = self.lanes.get(key).and_then(|lane| lane.last()).and_then(|seq| self.outbox.get(seq));
            let journaled = self.journal.entries.values().filter_map(|entry| {
                Some((entry.command.command_id, store_rules::version_given(entry, key)?))
            });
            (own.map(|own| own.command_id), journaled.max_by_key(|(_, version)| *version))
        });
        let mut command = new.command;
        if let Some((own, journaled)) = chain {
            command.expected = store_rules::chained(command.expected, own, journaled);
        }
        command.seq = self.last_seq.map_or(Seq::FIRST, Seq::next);
        self.last_seq = Some(command.seq);
        let appended = Appended { seq: command.seq, expected: command.expected, duplicate: false };
        self.put(command);
        appended
    }

    fn known(&self, id: &CommandId) -> Option<&OutboxCommand> {
        self.get(id).or_else(|| {
            self.journal.places.get(id).and_then(|place| self.journal.entries.get(place)).map(|e| &e.command)
        })
    }

    pub(super) fn list(&self, query: &OutboxQuery) -> Vec<OutboxCommand> {
        match query {
            OutboxQuery::Seq { after, limit } => {
                let first = after.map_or(Seq::FIRST, Seq::next);
                let mut commands = Vec::with_capacity(self.outbox.len().min(*limit));
                commands.extend(self.outbox.range(first..).take(*limit).map(|(_, command)| command.clone()));
                commands
            }
            OutboxQuery::Ids(ids) => {
                let seqs: BTreeSet<_> = ids.iter().filter_map(|id| self.places.get(id)).collect();
                seqs.into_iter().filter_map(|seq| self.outbox.get(seq)).cloned().collect()
            }
            OutboxQuery::Record(key) => {
                let seqs = self.lanes.get(key).into_iter().flatten();
                seqs.filter_map(|seq| self.outbox.get(seq)).cloned().collect()
            }
            OutboxQuery::Parked => {
                self.outbox.values().filter(|command| command.status.is_parked()).cloned().collect()
            }
        }
    }

    pub(super) fn take_off(&mut self, flight: &Flight) -> Result<Vec<OutboxCommand>, StoreError> {
        self.check(flight.fence)?;
        let asked = self.list(&OutboxQuery::Ids(flight.commands.clone()));
        let taken: Vec<_> = asked.into_iter().filter_map(store_rules::taken_off).collect();
        if !taken.is_empty() {
            let ids = taken.iter().map(|command| command.command_id).collect();
            self.flights.insert(flight.flight_id, ids);
        }
        for command in &taken {
            self.put(command.clone());
        }
        Ok(taken)
    }

    pub(super) fn settle(&mut self, settlement: Settlement) -> Result<bool, StoreError> {
        self.check(settlement.fence)?;
        let Some(mut unnamed) = self.flights.remove(&settlement.flight_id) else { return Ok(false) };
        for (id, change) in settlement.changes {
            if !unnamed.remove(&id) {
                continue;
            }
            let Some(command) = self.take(&id) else { continue };
            match store_rules::settled(command, change, settlement.at) {
                Settled::Stays(command) => self.put(command),
                Settled::Leaves(entry) => self.journal.push(entry),
            }
        }
        self.put_back(unnamed);
        Ok(true)
    }

    /// Half a settlement: what it says is applied has left the outbox, and is nowhere.
    #[cfg(planted)]
    pub(super) fn half_settle(&mut self, settlement: &Settlement) -> Vec<OutboxCommand> {
        let applied =
            settlement.changes.iter().filter(|(_, change)| matches!(change, crate::Change::Applied(_)));
        let known = self.flights.contains_key(&settlement.flight_id);
        applied.filter(|_| known).filter_map(|(id, _)| self.take(id)).collect()
    }

    /// Undoes the half, so that the whole can be done.
    #[cfg(planted)]
    pub(super) fn unsettle(&mut self, half: Vec<OutboxCommand>) {
        half.into_iter().for_each(|command| self.put(command));
    }

    pub(super) fn recover(&mut self, fence: Fence) -> Result<Vec<CommandId>, StoreError> {
        self.check(fence)?;
        let flying = std::mem::take(&mut self.flights).into_values().flatten();
        let mut found: Vec<_> = flying.filter_map(|id| Some((*self.places.get(&id)?, id))).collect();
        found.sort_unstable();
        let ids: Vec<_> = found.into_iter().map(|(_, id)| id).collect();
        for id in &ids {
            if let Some(command) = self.take(id) {
                self.put(store_rules::recovered(command));
            }
        }
        Ok(ids)
    }

    pub(super) fn resolve(&mut self, resolve: Resolve) -> bool {
        match resolve.resolution {
            Resolution::Retry { idempotency_key, expected, edited } => {
                let command = self.get(&resolve.command_id).cloned();
                let retried = command
                    .and_then(|command| store_rules::retried(command, idempotency_key, expected, edited));
                retried.map(|command| self.put(command)).is_some()
            }
            Resolution::Discard { also, rebase } => {
                let leaving = std::iter::once(resolve.command_id).chain(also).collect();
                self.discard(leaving, rebase, resolve.at)
            }
        }
    }

    fn discard(&mut self, leaving: Vec<CommandId>, rebase: Vec<Rebase>, at: Timestamp) -> bool {
        let leaving: Vec<_> = {
            let mut seen = BTreeSet::new();
            leaving.into_iter().filter(|id| seen.insert(*id)).collect()
        };
        let entries: Option<Vec<_>> =
            leaving.iter().map(|id| store_rules::discarded(self.get(id)?.clone(), at)).collect();
        let rebased: Option<Vec<_>> = rebase
            .into_iter()
            .map(|rebase| {
                let stays = !leaving.contains(&rebase.command_id);
                let command = self.get(&rebase.command_id).filter(|_| stays)?;
                store_rules::rebased(command.clone(), rebase)
            })
            .collect();
        let (Some(entries), Some(rebased)) = (entries, rebased) else { return false };
        for entry in entries {
            self.take(&entry.command.command_id);
            self.journal.push(entry);
        }
        for command in rebased {
            self.put(command);
        }
        true
    }

    pub(super) fn journal(&self, query: &JournalQuery) -> Vec<JournalEntry> {
        let journal = &self.journal;
        match query {
            JournalQuery::Latest { limit } => journal.entries.values().rev().take(*limit).cloned().collect(),
            JournalQuery::Ids(ids) => {
                let places = ids.iter().filter_map(|id| journal.places.get(id));
                places.filter_map(|place| journal.entries.get(place)).cloned().collect()
            }
        }
    }

    pub(super) fn prune_journal(&mut self, keep: usize) -> u64 {
        let mut forgotten = 0;
        while self.journal.entries.len() > keep {
            let Some((_, entry)) = self.journal.entries.pop_first() else { break };
            self.journal.places.remove(&entry.command.command_id);
            forgotten += 1;
        }
        forgotten
    }

    pub(super) fn acquire(
        &mut self,
        holder: &str,
        now: Timestamp,
        ttl: Duration,
        takeover: Takeover,
    ) -> Option<Lease> {
        if !store_rules::may_take(self.lease.as_ref(), holder, now, ttl, takeover) {
            return None;
        }
        self.last_fence = Fence(self.last_fence.0 + 1);
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::LeaseWithoutToken) {
            self.last_fence = Fence(1);
        }
        let lease = Lease { holder: holder.into(), fence: self.last_fence, expires_at: now.plus(ttl) };
        self.lease = Some(lease.clone());
        Some(lease)
    }

    pub(super) fn renew(&mut self, lease: &Lease, now: Timestamp, ttl: Duration) -> bool {
        match &mut self.lease {
            Some(current) if current.fence == lease.fence => {
                current.expires_at = now.plus(ttl);
                true
            }
            _ => false,
        }
    }

    pub(super) fn release(&mut self, lease: &Lease) -> bool {
        self.lease.take_if(|current| current.fence == lease.fence).is_some()
    }

    fn check(&self, fence: Fence) -> Result<(), StoreError> {
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::NoFenceCheck) {
            return Ok(());
        }
        match &self.lease {
            Some(current) if current.fence == fence => Ok(()),
            _ => Err(StoreError::Fenced),
        }
    }

    fn get(&self, id: &CommandId) -> Option<&OutboxCommand> {
        self.places.get(id).and_then(|seq| self.outbox.get(seq))
    }

    /// Puts a command in its place, instead of what stood there.
    fn put(&mut self, command: OutboxCommand) {
        self.take(&command.command_id);
        *self.count(command.status) += 1;
        for key in &command.touches {
            self.lanes.entry(key.clone()).or_default().insert(command.seq);
        }
        self.places.insert(command.command_id, command.seq);
        self.outbox.insert(command.seq, command);
    }

    /// Takes a command out of its place.
    fn take(&mut self, id: &CommandId) -> Option<OutboxCommand> {
        let command = self.outbox.remove(&self.places.remove(id)?)?;
        *self.count(command.status) -= 1;
        for key in &command.touches {
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.remove(&command.seq);
                if lane.is_empty() {
                    self.lanes.remove(key);
                }
            }
        }
        Some(command)
    }

    fn put_back(&mut self, ids: impl IntoIterator<Item = CommandId>) {
        for id in ids {
            if let Some(command) = self.take(&id) {
                self.put(store_rules::put_back(command));
            }
        }
    }

    fn count(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Pending => &mut self.counts.pending,
            Status::InFlight => &mut self.counts.in_flight,
            Status::Failed => &mut self.counts.failed,
            Status::Conflict => &mut self.counts.conflict,
            Status::Succeeded => unreachable!("BUG: a command that succeeded has left the outbox"),
        }
    }
}

impl Journal {
    fn push(&mut self, entry: JournalEntry) {
        self.last += 1;
        self.places.insert(entry.command.command_id, self.last);
        self.entries.insert(self.last, entry);
    }
}
