use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use futures_util::future::{Either, select};
use js_sys::Promise;
use offline_core::{
    BoxFuture, Clock, Dependants, Election, Engine, EngineConfig, EnqueueRequest, Ids, JournalEntry,
    JournalQuery, OutboxEntry, OutboxQuery, Ports, Signal, Unsynced, overlay,
};
use offline_domain::Registry;
use offline_protocol::{
    CommandId, ProblemCode, RecordKey, RecordKind, RecordSnapshot, Seq, UserId, WorkspaceId,
};
use serde::Serialize;
use tokio::sync::watch;
use wasm_bindgen::{JsValue, prelude::*};
use wasm_bindgen_futures::{future_to_promise, spawn_local};

use crate::{
    BrowserClock, BrowserIds, BrowserNetwork, IndexedDbStore,
    error::PublicError,
    host::EngineHost,
    leadership::{Leadership, lock_manager},
    read::{Fields, FromJson, parse, read, read_list},
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

struct Options {
    workspace_id: WorkspaceId,
    user_id: UserId,
    base_url: String,
}

impl FromJson for Options {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self {
            workspace_id: fields.named("workspaceId"),
            user_id: fields.named("userId"),
            base_url: fields.text("baseUrl").to_owned(),
        }
    }
}

impl FromJson for OutboxQuery {
    fn from_json(fields: &Fields<'_>) -> Self {
        match fields.text("by") {
            "seq" => Self::Seq {
                after: Seq::new(fields.number("after")).ok(),
                limit: fields.number("limit") as usize,
            },
            "ids" => Self::Ids(fields.names("ids")),
            "record" => Self::Record(RecordKey::new(fields.named("kind"), fields.named("id"))),
            by => {
                if by != "parked" {
                    fields.misfit();
                }
                Self::Parked
            }
        }
    }
}

impl FromJson for JournalQuery {
    fn from_json(fields: &Fields<'_>) -> Self {
        if fields.has("ids") {
            return Self::Ids(fields.names("ids"));
        }
        Self::Latest { limit: fields.maybe_number("limit").map_or(usize::MAX, |limit| limit as usize) }
    }
}

/// Opens a partition in this tab: `openEngine` of `EngineModule` in `ts/types.ts`.
#[wasm_bindgen(js_name = openEngine)]
pub fn open_engine(options: String, host: EngineHost) -> Promise {
    promise(async move { Ok(EngineHandle(Rc::new(Open::new(&options, host).await?)).into()) })
}

/// One open partition: `EngineHandle` in `ts/types.ts`, which says what each method takes and gives.
#[wasm_bindgen]
pub struct EngineHandle(Rc<Open>);

struct Open {
    engine: Engine,
    store: IndexedDbStore,
    network: Arc<BrowserNetwork>,
    relay: Rc<Relay>,
    leadership: RefCell<Option<Leadership>>,
    stopped: watch::Receiver<bool>,
    cut_off: Rc<watch::Sender<bool>>,
    closed: Cell<bool>,
}

impl Open {
    async fn new(options: &str, host: EngineHost) -> Result<Self, PublicError> {
        let unreadable = || PublicError::invalid(ProblemCode::InvalidRequest, "The options are not valid.");
        let Options { workspace_id, user_id, base_url } = read(options).ok_or_else(unreadable)?;
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
        let watcher = Rc::clone(&relay);
        spawn_local(async move { watcher.watch_leader().await });
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

    async fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
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
    pub fn enqueue(&self, command: String) -> Promise {
        let engine = self.engine();
        promise(async move {
            let request: EnqueueRequest = read(&command).ok_or_else(|| {
                let message = "The command has a missing, malformed or unknown field.";
                PublicError::invalid(ProblemCode::InvalidCommand, message)
            })?;
            json(&engine.enqueue(request).await?)
        })
    }

    /// A query -> `OutboxEntry[]`.
    pub fn list(&self, query: String) -> Promise {
        let engine = self.engine();
        promise(async move {
            let query: OutboxQuery = read(&query).ok_or_else(not_readable)?;
            json(&engine.list(query).await?)
        })
    }

    /// A query -> `JournalEntry[]`.
    pub fn journal(&self, query: String) -> Promise {
        let engine = self.engine();
        promise(async move {
            let query: JournalQuery = read(&query).ok_or_else(not_readable)?;
            json(&engine.journal(query).await?)
        })
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
        let records: Vec<RecordSnapshot> = read_list(records).ok_or_else(not_readable)?;
        let entries: Vec<OutboxEntry> = read_list(entries).ok_or_else(not_readable)?;
        let journal: Vec<JournalEntry> = read_list(journal).ok_or_else(not_readable)?;
        Ok(text(&overlay(self.0.engine.registry(), &kind, &records, &entries, &journal))?)
    }

    /// -> `SyncStatus`.
    #[wasm_bindgen(js_name = syncNow)]
    pub fn sync_now(&self) -> Promise {
        let engine = self.engine();
        promise(async move { json(&engine.sync_now().await?) })
    }

    /// There is a new login.
    #[wasm_bindgen(js_name = signedIn)]
    pub fn signed_in(&self) {
        self.0.engine.signed_in();
    }

    /// The browser's hint: `online`, `offline`, `visible` or `focus`.
    pub fn hint(&self, hint: &str) {
        match hint {
            "offline" => return self.0.network.hint_offline(),
            "online" => self.0.network.hint_online(),
            _ => {}
        }
        self.0.engine.wake(Signal::Hint);
    }

    /// A parked command goes back to PENDING, with another payload when given.
    #[wasm_bindgen(js_name = retryWithLatest)]
    pub fn retry_with_latest(&self, command_id: String, payload: Option<String>) -> Promise {
        let engine = self.engine();
        promise(async move {
            let id = named(&command_id)?;
            let payload = payload.map(|payload| parse(&payload).ok_or_else(not_readable)).transpose()?;
            engine.retry_with_latest(id, payload).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// -> `OutboxEntry[]`.
    #[wasm_bindgen(js_name = blastRadius)]
    pub fn blast_radius(&self, command_id: String) -> Promise {
        let engine = self.engine();
        promise(async move { json(&engine.blast_radius(named(&command_id)?).await?) })
    }

    /// -> `DiscardReport`.
    pub fn discard(&self, command_id: String, dependants: Option<String>) -> Promise {
        let engine = self.engine();
        promise(async move {
            let id = named(&command_id)?;
            let dependants = match dependants.as_deref() {
                None => None,
                Some("discard") => Some(Dependants::Discard),
                Some("keep") => Some(Dependants::Keep),
                Some(_) => return Err(not_readable()),
            };
            json(&engine.discard(id, dependants).await?)
        })
    }

    /// Stops this tab's part; the data stays.
    pub fn close(&self) -> Promise {
        let open = Rc::clone(&self.0);
        promise(async move {
            open.close().await;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Deletes the partition's outbox in all tabs.
    pub fn wipe(&self, even_unsynced: bool) -> Promise {
        let open = Rc::clone(&self.0);
        promise(async move {
            let unsynced = if even_unsynced { Unsynced::Lose } else { Unsynced::Keep };
            open.engine.wipe(unsynced).await?;
            open.close().await;
            Ok(JsValue::UNDEFINED)
        })
    }
}

impl EngineHandle {
    fn engine(&self) -> Engine {
        self.0.engine.clone()
    }
}

/// Starts the work. Behind a pointer, so that the way to a `Promise` is compiled once.
fn promise(work: impl Future<Output = Result<JsValue, PublicError>> + 'static) -> Promise {
    let work: BoxFuture<'static, Result<JsValue, PublicError>> = Box::pin(work);
    future_to_promise(async move { work.await.map_err(JsValue::from) })
}

fn json<T: Serialize>(value: &T) -> Result<JsValue, PublicError> {
    Ok(text(value)?.into())
}

fn text<T: Serialize>(value: &T) -> Result<String, PublicError> {
    serde_json::to_string(value).map_err(|_| not_readable())
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
