//! What a group of batches of one workspace knows while it is folded: what was loaded, and on top of it what the earlier ones did.

use std::collections::{BTreeMap, HashMap};

use offline_domain::Record;
use offline_protocol::{ChangeSeq, CommandId, IdempotencyKey, RecordKey, UserId};

use crate::{Change, Changes, Loaded, Receipt, StoredRecord, StoredVerdict, Work};

/// The state that the group's folds see.
pub(crate) struct Known {
    pub(crate) change_seq: ChangeSeq,
    pub(crate) records: HashMap<RecordKey, Record>,
    pub(crate) receipts: HashMap<(UserId, IdempotencyKey), Receipt>,
    pub(crate) applied: HashMap<(UserId, CommandId), Receipt>,
}

/// What the group writes, in the order in which it came about; of each record the last state.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) receipts: Vec<(UserId, Receipt)>,
    pub(crate) records: BTreeMap<RecordKey, StoredRecord>,
    pub(crate) log: Vec<(UserId, Change)>,
}

impl Known {
    /// What this batch wants to know.
    pub(crate) fn loaded(&self, work: &Work) -> Loaded {
        let user = work.membership.user_id();
        let mut loaded = Loaded { change_seq: Some(self.change_seq), ..Loaded::default() };
        for key in &work.wanted.records {
            if let Some(record) = self.records.get(key) {
                loaded.records.insert(key.clone(), record.clone());
            }
        }
        if !work.wanted.kinds.is_empty() {
            let wanted = |(key, _): &(&RecordKey, &Record)| work.wanted.kinds.contains(&key.kind);
            for (key, record) in self.records.iter().filter(wanted) {
                loaded.records.insert(key.clone(), record.clone());
            }
        }
        for key in &work.wanted.keys {
            if let Some(receipt) = self.receipts.get(&(user.clone(), key.clone())) {
                loaded.receipts.insert(key.clone(), receipt.clone());
            }
        }
        for id in &work.wanted.commands {
            if let Some(receipt) = self.applied.get(&(user.clone(), *id)) {
                loaded.applied.insert(*id, receipt.clone());
            }
        }
        loaded
    }

    /// Takes up what a batch of this user changed, for those behind it.
    pub(crate) fn absorb(&mut self, user: &UserId, changes: &Changes) {
        for receipt in &changes.receipts {
            if matches!(receipt.verdict, StoredVerdict::Applied { .. }) {
                self.applied.insert((user.clone(), receipt.command_id), receipt.clone());
            }
            self.receipts.insert((user.clone(), receipt.idempotency_key.clone()), receipt.clone());
        }
        for stored in &changes.records {
            self.records.insert(stored.key.clone(), stored.record.clone());
        }
        if let Some(change) = changes.log.last() {
            self.change_seq = change.seq;
        }
    }
}

impl Writes {
    pub(crate) fn add(&mut self, user: &UserId, changes: Changes) {
        self.receipts.extend(changes.receipts.into_iter().map(|receipt| (user.clone(), receipt)));
        self.records.extend(changes.records.into_iter().map(|stored| (stored.key.clone(), stored)));
        self.log.extend(changes.log.into_iter().map(|change| (user.clone(), change)));
    }

    /// The place of the last change.
    pub(crate) fn change_seq(&self) -> Option<ChangeSeq> {
        self.log.last().map(|(_, change)| change.seq)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.records.is_empty() && self.log.is_empty()
    }
}
