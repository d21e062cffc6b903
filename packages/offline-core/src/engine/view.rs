use offline_protocol::{CommandId, Seq};
use serde::{Deserialize, Serialize};

use super::{Engine, Inner};
use crate::{
    BoxFuture, EngineError, JournalEntry, JournalQuery, OutboxCommand, OutboxQuery, Status, StoreError,
    lanes::{Lanes, Moment, Standing},
    platform::Visit,
};

/// How many commands are read at a time.
pub(super) const PAGE: usize = 1000;

/// An unsettled command as a person sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxEntry {
    /// The command.
    #[serde(flatten)]
    pub command: OutboxCommand,
    /// The parked command that it waits behind.
    pub held_by: Option<CommandId>,
}

impl Engine {
    /// Unsettled commands in the order of `seq`, with what they wait behind.
    pub async fn list(&self, query: OutboxQuery) -> Result<Vec<OutboxEntry>, EngineError> {
        let inner = &*self.0;
        let commands = inner.ports.outbox.list(query).await?;
        let last = commands
            .iter()
            .filter(|command| command.status == Status::Pending)
            .map(|command| command.seq)
            .max();
        let held = match last {
            Some(last) => inner.held_until(last).await?,
            None => Vec::new(),
        };
        // Both are in the order of seq.
        let mut held = held.iter().peekable();
        let entry = |command: OutboxCommand| {
            while held.next_if(|(seq, _)| *seq < command.seq).is_some() {}
            let held_by = held.next_if(|(seq, _)| *seq == command.seq).map(|(_, root)| *root);
            OutboxEntry { command, held_by }
        };
        Ok(commands.into_iter().map(entry).collect())
    }

    /// What became of settled commands.
    pub async fn journal(&self, query: JournalQuery) -> Result<Vec<JournalEntry>, EngineError> {
        Ok(self.0.ports.outbox.journal(query).await?)
    }
}

impl Inner {
    /// Every command up to `last` that waits behind a parked one, with that one. Free of charge when nothing is parked.
    async fn held_until(&self, last: Seq) -> Result<Vec<(Seq, CommandId)>, StoreError> {
        let parked = self.ports.outbox.list(OutboxQuery::Parked).await?;
        let Some(first) = parked.first() else {
            return Ok(Vec::new());
        };
        let mut lanes = Lanes::default();
        let (now, longest_wait) = (self.ports.clock.now(), self.config.retry.cap);
        let moment = Moment { now, ignore_waits: true, longest_wait, paused_types: &[] };
        let mut held = Vec::new();
        self.each_from(Some(first.seq), &mut |command| {
            if command.seq > last {
                return false;
            }
            if let Standing::Blocked(blocker) = lanes.judge(command, moment)
                && blocker.parked
            {
                held.push((command.seq, blocker.root));
            }
            true
        })
        .await?;
        Ok(held)
    }

    /// Shows every unsettled command from `first` on, in the order of `seq`, until `visit` has seen enough.
    pub(super) fn each_from<'a>(
        &'a self,
        first: Option<Seq>,
        visit: &'a mut Visit<'_>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let mut after = first.and_then(|seq| Seq::of(seq.get() - 1));
        Box::pin(async move {
            loop {
                let page = self.ports.outbox.list(OutboxQuery::Seq { after, limit: PAGE }).await?;
                after = page.last().map(|command| command.seq);
                #[cfg(planted)]
                let page = {
                    let mut page = page;
                    if offline_protocol::planted::is(offline_protocol::planted::Bug::OrderByTime) {
                        page.sort_by_key(|command| command.created_at);
                    }
                    page
                };
                if !page.iter().all(&mut *visit) || page.len() < PAGE {
                    return Ok(());
                }
            }
        })
    }
}
