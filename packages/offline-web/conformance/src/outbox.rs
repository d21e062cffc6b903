use std::{cell::Cell, time::Duration};

use offline_conformance::samples;
use offline_core::{
    Appended, Change, Clock, Durability, Fence, Flight, FlightId, Ids, JournalQuery, LeaseStore,
    OutboxCommand, OutboxQuery, OutboxStore, Settlement, StoreError, Takeover, Unsynced,
};
use offline_protocol::{CommandId, Seq, UserId, WorkspaceId};
use offline_web::{BrowserClock, BrowserIds, IndexedDbStore};
use serde_json::json;
use wasm_bindgen::prelude::*;

/// The store of the partition (`conformance`, `user`) for tests that bring the browser into trouble. Numbers name sample commands.
#[wasm_bindgen]
pub struct Outbox {
    store: IndexedDbStore,
    fence: Cell<Fence>,
}

/// A text that does not compress well, always the same.
fn noise(length: usize) -> String {
    let mut state = 1_u32;
    let letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + (state >> 24) as u8 % 26)
    };
    std::iter::repeat_with(letter).take(length).collect()
}

/// How a store fails, by name: what a test looks for.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn thrown(error: StoreError) -> JsError {
    let name = match &error {
        StoreError::Fenced => "Fenced",
        StoreError::Full => "Full",
        StoreError::Closed => "Closed",
        StoreError::TooNew { .. } => "TooNew",
        StoreError::Corrupt { .. } => "Corrupt",
        StoreError::Backend { .. } => "Backend",
    };
    JsError::new(&format!("{name}: {error}"))
}

#[wasm_bindgen]
impl Outbox {
    /// Opens the partition of a user.
    pub async fn open(user: String) -> Result<Outbox, JsError> {
        let user = UserId::new(user)?;
        let store = IndexedDbStore::new(&WorkspaceId::new("conformance")?, &user);
        store.device_id().await.map_err(thrown)?;
        Ok(Self { store, fence: Cell::new(Fence(0)) })
    }

    /// Appends the sample commands `first..first + count` in one call, each with `padding` more bytes. Resolves with the seqs.
    pub async fn append(
        &self,
        first: u32,
        count: u32,
        padding: usize,
        relaxed: bool,
    ) -> Result<Vec<f64>, JsError> {
        let numbers = u64::from(first)..u64::from(first) + u64::from(count);
        let mut commands = samples::commands(numbers);
        for new in &mut commands {
            new.command.payload = json!({ "description": noise(padding), "amountMinor": 1250 }).into();
        }
        let durability = if relaxed { Durability::Relaxed } else { Durability::Strict };
        let appended = self.store.append(commands, durability).await.map_err(thrown)?;
        Ok(appended.iter().map(|appended: &Appended| appended.seq.get() as f64).collect())
    }

    /// The seqs of everything in the outbox.
    pub async fn seqs(&self) -> Result<Vec<f64>, JsError> {
        let everything = OutboxQuery::Seq { after: None, limit: usize::MAX };
        let commands = self.store.list(everything).await.map_err(thrown)?;
        Ok(commands.iter().map(|command| command.seq.get() as f64).collect())
    }

    /// The counts, as JSON.
    pub async fn counts(&self) -> Result<String, JsError> {
        let counts = self.store.counts().await.map_err(thrown)?;
        Ok(json!(counts).to_string())
    }

    /// Takes the lease from whomever.
    pub async fn lead(&self) -> Result<(), JsError> {
        let (now, ttl) = (BrowserClock.now(), Duration::from_secs(15));
        let lease = self.store.acquire("outbox", now, ttl, Takeover::Always).await.map_err(thrown)?;
        let lease = lease.ok_or_else(|| JsError::new("the lease was refused"))?;
        self.fence.set(lease.fence);
        Ok(())
    }

    /// Reads, takes off and settles as applied everything there is, so many at a time. Resolves with how many that were.
    pub async fn drain(&self, batch: usize) -> Result<u32, JsError> {
        let mut drained = 0;
        let mut after: Option<Seq> = None;
        loop {
            let page = self.store.list(OutboxQuery::Seq { after, limit: batch }).await.map_err(thrown)?;
            let Some(last) = page.last() else { return Ok(drained) };
            after = Some(last.seq);
            drained += self.fly(&page).await?;
        }
    }

    async fn fly(&self, page: &[OutboxCommand]) -> Result<u32, JsError> {
        let flight_id = FlightId(BrowserIds.uuid(BrowserClock.now()));
        let commands: Vec<CommandId> = page.iter().map(|command| command.command_id).collect();
        let (fence, at) = (self.fence.get(), BrowserClock.now());
        let flight = Flight { flight_id, fence, commands, at };
        let taken = self.store.take_off(flight).await.map_err(thrown)?;
        let change = |command: &OutboxCommand| -> (CommandId, Change) {
            let name = command.touches.first().map(|key| key.id.as_str().to_owned()).unwrap_or_default();
            (command.command_id, samples::applied(&[(&name, 1)]))
        };
        let changes = taken.iter().map(change).collect();
        let settlement = Settlement { flight_id, fence, at, changes };
        self.store.settle(settlement).await.map_err(thrown)?;
        Ok(u32::try_from(taken.len()).unwrap_or(u32::MAX))
    }

    /// The journal, newest first, as JSON.
    pub async fn journal(&self) -> Result<String, JsError> {
        let everything = JournalQuery::Latest { limit: usize::MAX };
        Ok(json!(self.store.journal(everything).await.map_err(thrown)?).to_string())
    }

    /// Forgets all but the latest `keep` entries of the journal. Resolves with how many it forgot.
    #[wasm_bindgen(js_name = pruneJournal)]
    pub async fn prune_journal(&self, keep: usize) -> Result<f64, JsError> {
        Ok(self.store.prune_journal(keep).await.map_err(thrown)? as f64)
    }

    /// Wipes the partition.
    pub async fn wipe(&self) -> Result<(), JsError> {
        self.store.wipe(Unsynced::Lose).await.map(drop).map_err(thrown)
    }

    /// Gives the handle back.
    pub fn close(&self) {
        self.store.close();
    }
}
