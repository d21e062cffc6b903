use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use futures_util::future::{Either, select};
use offline_core::{
    Clock, Dependants, Election, Engine, EngineConfig, EnqueueRequest, Ids, JournalEntry, JournalQuery,
    OutboxCommand, OutboxEntry, OutboxQuery, Ports, Signal, Unsynced, overlay,
};
use offline_domain::Registry;
use offline_protocol::{
    CommandId, ProblemCode, RecordId, RecordKey, RecordKind, RecordSnapshot, Seq, UserId, WorkspaceId,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::sync::watch;
use wasm_bindgen::{JsValue, prelude::*};
use wasm_bindgen_futures::spawn_local;

use crate::{
    BrowserClock, BrowserIds, BrowserNetwork, IndexedDbStore,
    error::PublicError,
    host::EngineHost,
    leadership::{Leadership, lock_manager},
    relay::Relay,
    transport::FetchTransport,
};

/// How long `close` waits for an exchange that is under way. What is cut off then is sent again later, under the same key.
const FAREWELL: Duration = Duration::from_secs(2);

/// How often a tab that cannot hear the others has its engine look.
const POLL: Duration = Duration::from_secs(5);

thread_local! {
    static REGISTRY: OnceCell<Registry> = const { OnceCell::new() };
}

/// Says which commands the application has. Call it once, in the `#[wasm_bindgen(start)]` function of the application's engine crate.
pub fn use_registry(registry: Registry) {
    // A second call changes nothing: engines may be open.
    let _ = REGISTRY.with(|known| known.set(registry));
}

fn registry() -> Registry {
    REGISTRY.with(|known| known.get().cloned()).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    workspace_id: WorkspaceId,
    user_id: UserId,
    base_url: String,
}

/// Every query in one: tagged enums cost too many bytes of code.
#[derive(Deserialize)]
struct ListQuery {
    by: String,
    after: Option<u64>,
    limit: Option<usize>,
    ids: Option<Vec<CommandId>>,
    kind: Option<RecordKind>,
    id: Option<RecordId>,
}

impl ListQuery {
    fn into_query(self) -> Option<OutboxQuery> {
        Some(match self.by.as_str() {
            "seq" => OutboxQuery::Seq { after: Seq::new(self.after?).ok(), limit: self.limit? },
            "ids" => OutboxQuery::Ids(self.ids?),
            "record" => OutboxQuery::Record(RecordKey::new(self.kind?, self.id?)),
            "parked" => OutboxQuery::Parked,
            _ => return None,
        })
    }
}

/// The half of an `OutboxEntry` that is not the command.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    held_by: Option<CommandId>,
}

/// Reads the text twice, for one pass over a flattened struct costs too many bytes of code.
fn read_entries(text: &str) -> Result<Vec<OutboxEntry>, PublicError> {
    let commands: Vec<OutboxCommand> = read(text)?;
    let standings: Vec<Standing> = read(text)?;
    let entry =
        |(command, standing): (OutboxCommand, Standing)| OutboxEntry { command, held_by: standing.held_by };
    Ok(commands.into_iter().zip(standings).map(entry).collect())
}

#[derive(Deserialize)]
struct JournalFilter {
    limit: Option<usize>,
    ids: Option<Vec<CommandId>>,
}

/// Opens a partition in this tab: `openEngine` of `EngineModule` in `ts/types.ts`.
#[wasm_bindgen(js_name = openEngine)]
pub async fn open_engine(options: String, host: EngineHost) -> Result<EngineHandle, JsValue> {
    Ok(EngineHandle::open(&options, host).await?)
}

/// One open partition: `EngineHandle` in `ts/types.ts`, which says what each method takes and gives.
#[wasm_bindgen]
pub struct EngineHandle {
    engine: Engine,
    store: IndexedDbStore,
    network: Arc<BrowserNetwork>,
    relay: Rc<Relay>,
    leadership: RefCell<Option<Leadership>>,
    stopped: watch::Receiver<bool>,
    cut_off: Rc<watch::Sender<bool>>,
    closed: Cell<bool>,
}

impl EngineHandle {
    async fn open(options: &str, host: EngineHost) -> Result<Self, PublicError> {
        let unreadable = |_| PublicError::invalid(ProblemCode::InvalidRequest, "The options are not valid.");
        let Options { workspace_id, user_id, base_url } =
            serde_json::from_str(options).map_err(unreadable)?;
        let name = format!("offline:{workspace_id}:{user_id}");
        let store = IndexedDbStore::new(&workspace_id, &user_id);
        let device_id = store.device_id().await?;
        let holder = BrowserIds.uuid(BrowserClock.now()).to_string();
        let mut config = EngineConfig::new(workspace_id, user_id, device_id, holder);
        let locks = lock_manager();
        config.election = if locks.is_some() { Election::PlatformLock } else { Election::Lease };

        let (host, network) = (Rc::new(host), Arc::new(BrowserNetwork::new()));
        let shared = Arc::new(store.clone());
        let engine = Engine::new(
            config,
            registry(),
            Ports {
                outbox: shared.clone(),
                lease: shared,
                transport: Arc::new(FetchTransport::new(&base_url, Rc::clone(&host))),
                network: network.clone(),
                clock: Arc::new(BrowserClock),
                ids: Arc::new(BrowserIds),
            },
        );
        let notices = engine.subscribe();
        let relay = Relay::start(engine.clone(), host, &name);
        let carrier = Rc::clone(&relay);
        spawn_local(async move { carrier.carry(notices).await });
        let leadership = match locks {
            Some(locks) => Leadership::seek(&locks, &name, engine.clone()).map_err(no_lock)?.into(),
            None => None,
        };
        let (ended, stopped) = watch::channel(false);
        let cut_off = Rc::new(watch::channel(false).0);
        spawn_local(run(engine.clone(), Rc::clone(&relay), Rc::clone(&cut_off), ended));
        let leadership = RefCell::new(leadership);
        Ok(Self { engine, store, network, relay, leadership, stopped, cut_off, closed: Cell::new(false) })
    }

    async fn shut_down(&self) {
        self.engine.close();
        let mut stopped = self.stopped.clone();
        let ended = std::pin::pin!(stopped.wait_for(|stopped| *stopped));
        let patience = BrowserClock.sleep(FAREWELL);
        if let Either::Right(_) = select(ended, patience).await {
            self.cut_off.send_replace(true);
        }
        self.leadership.take();
        self.relay.stop();
        self.store.close();
    }
}

/// Runs the engine until it is closed or cut off.
async fn run(engine: Engine, relay: Rc<Relay>, cut_off: Rc<watch::Sender<bool>>, ended: watch::Sender<bool>) {
    let mut cut = cut_off.subscribe();
    {
        let runs = std::pin::pin!(async {
            // Without the others' word this tab has to look by itself.
            let looks = std::pin::pin!(async {
                if relay.is_connected() {
                    std::future::pending::<()>().await;
                }
                loop {
                    BrowserClock.sleep(POLL).await;
                    engine.receive(&offline_core::Notice::Changed { command_ids: Vec::new() });
                    engine.wake(Signal::Enqueued);
                }
            });
            select(std::pin::pin!(engine.run()), looks).await;
        });
        let cuts = std::pin::pin!(cut.wait_for(|cut| *cut));
        select(runs, cuts).await;
    }
    ended.send_replace(true);
}

#[wasm_bindgen]
impl EngineHandle {
    /// `NewCommand` -> `EnqueuedCommand`.
    pub async fn enqueue(&self, command: String) -> Result<String, JsValue> {
        let request: EnqueueRequest = serde_json::from_str(&command).map_err(|_| {
            let message = "The command has a missing, malformed or unknown field.";
            PublicError::invalid(ProblemCode::InvalidCommand, message)
        })?;
        json(&self.engine.enqueue(request).await.map_err(PublicError::from)?)
    }

    /// A query -> `OutboxEntry[]`.
    pub async fn list(&self, query: String) -> Result<String, JsValue> {
        let query: ListQuery = read(&query)?;
        let query = query.into_query().ok_or_else(not_readable)?;
        json(&self.engine.list(query).await.map_err(PublicError::from)?)
    }

    /// A query -> `JournalEntry[]`.
    pub async fn journal(&self, query: String) -> Result<String, JsValue> {
        let JournalFilter { limit, ids } = read(&query)?;
        let query = match ids {
            Some(ids) => JournalQuery::Ids(ids),
            None => JournalQuery::Latest { limit: limit.unwrap_or(usize::MAX) },
        };
        json(&self.engine.journal(query).await.map_err(PublicError::from)?)
    }

    /// kind, `RecordSnapshot[]`, `OutboxEntry[]`, `JournalEntry[]` -> `OverlaidRecord[]`.
    pub fn overlay(
        &self,
        kind: &str,
        records: &str,
        entries: &str,
        journal: &str,
    ) -> Result<String, JsValue> {
        let kind = RecordKind::new(kind).map_err(|_| not_readable())?;
        let records: Vec<RecordSnapshot> = read(records)?;
        let entries = read_entries(entries)?;
        let journal: Vec<JournalEntry> = read(journal)?;
        json(&overlay(self.engine.registry(), &kind, &records, &entries, &journal))
    }

    /// -> `SyncStatus`.
    #[wasm_bindgen(js_name = syncNow)]
    pub async fn sync_now(&self) -> Result<String, JsValue> {
        json(&self.engine.sync_now().await.map_err(PublicError::from)?)
    }

    /// There is a new login.
    #[wasm_bindgen(js_name = signedIn)]
    pub fn signed_in(&self) {
        self.engine.signed_in();
    }

    /// The browser's hint: `online`, `offline`, `visible` or `focus`.
    pub fn hint(&self, hint: &str) {
        match hint {
            "offline" => return self.network.hint_offline(),
            "online" => self.network.hint_online(),
            _ => {}
        }
        self.engine.wake(Signal::Hint);
    }

    /// A parked command goes back to PENDING, with another payload when given.
    #[wasm_bindgen(js_name = retryWithLatest)]
    pub async fn retry_with_latest(
        &self,
        command_id: String,
        payload: Option<String>,
    ) -> Result<(), JsValue> {
        let id = named(&command_id)?;
        let payload = payload.map(|payload| read(&payload)).transpose()?;
        Ok(self.engine.retry_with_latest(id, payload).await.map_err(PublicError::from)?)
    }

    /// -> `OutboxEntry[]`.
    #[wasm_bindgen(js_name = blastRadius)]
    pub async fn blast_radius(&self, command_id: String) -> Result<String, JsValue> {
        let id = named(&command_id)?;
        json(&self.engine.blast_radius(id).await.map_err(PublicError::from)?)
    }

    /// -> `DiscardReport`.
    pub async fn discard(&self, command_id: String, dependants: Option<String>) -> Result<String, JsValue> {
        let id = named(&command_id)?;
        let dependants = match dependants.as_deref() {
            None => None,
            Some("discard") => Some(Dependants::Discard),
            Some("keep") => Some(Dependants::Keep),
            Some(_) => return Err(not_readable().into()),
        };
        json(&self.engine.discard(id, dependants).await.map_err(PublicError::from)?)
    }

    /// Stops this tab's part; the data stays.
    pub async fn close(&self) {
        if !self.closed.replace(true) {
            self.shut_down().await;
        }
    }

    /// Deletes the partition's outbox in all tabs.
    pub async fn wipe(&self, even_unsynced: bool) -> Result<(), JsValue> {
        let unsynced = if even_unsynced { Unsynced::Lose } else { Unsynced::Keep };
        self.engine.wipe(unsynced).await.map_err(PublicError::from)?;
        self.close().await;
        Ok(())
    }
}

fn json<T: Serialize>(value: &T) -> Result<String, JsValue> {
    serde_json::to_string(value).map_err(|_| not_readable().into())
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, PublicError> {
    serde_json::from_str(text).map_err(|_| not_readable())
}

fn not_readable() -> PublicError {
    PublicError::invalid(ProblemCode::InvalidRequest, "The engine was asked in a form that it does not know.")
}

fn named(command_id: &str) -> Result<CommandId, PublicError> {
    let unknown = |_| PublicError::from(offline_core::EngineError::NotFound);
    CommandId::new(command_id).map_err(unknown)
}

fn no_lock(_: JsValue) -> PublicError {
    PublicError::new("unsupported-browser", "This browser refuses to lock the outbox for one tab.")
}
