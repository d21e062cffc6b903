use std::{
    cell::{Cell, OnceCell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use offline_core::{
    Bell, BoxFuture, Clock, Dependants, Election, Engine, EngineConfig, EngineError, EnqueueRequest, Ids,
    JournalEntry, JournalQuery, OutboxEntry, OutboxQuery, Ports, Signal, Unsynced, overlay,
};
use offline_domain::Registry;
use offline_protocol::{
    CommandId, DeviceId, ProblemCode, RecordKey, RecordKind, RecordSnapshot, Seq, ToJson, UserId,
    WorkspaceId, joined,
};
use serde_json::Value;
use wasm_bindgen::{JsValue, prelude::*};

use crate::{
    BrowserClock, BrowserIds, BrowserNetwork, IndexedDbStore,
    browser::has_locks,
    error::PublicError,
    host::EngineHost,
    leadership::Leadership,
    read::{Fields, FromJson, parse, read, read_list},
    relay::Relay,
    task::{promised, spawn},
    transport::FetchTransport,
};

/// How long `close` waits for an exchange that is under way. What is cut off then is sent again later, under the same key.
const FAREWELL: Duration = Duration::from_secs(2);

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
#[wasm_bindgen(js_name = openEngine, unchecked_return_type = "Promise<EngineHandle>")]
pub fn open_engine(options: String, host: EngineHost) -> JsValue {
    promised(Box::pin(async move {
        let unreadable = || PublicError::invalid(ProblemCode::InvalidRequest, "The options are not valid.");
        let options: Options = read(&options).ok_or_else(unreadable)?;
        let store = IndexedDbStore::new(&options.workspace_id, &options.user_id);
        let device_id = store.device_id().await?;
        Ok(EngineHandle(Rc::new(Open::new(options, device_id, store, host))).into())
    }))
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
    life: Rc<Life>,
    closed: Cell<bool>,
}

/// What the task that runs the engine shares with the one that closes it.
#[derive(Default)]
struct Life {
    ended: Cell<bool>,
    cut_off: Cell<bool>,
    bell: Bell,
}

impl Open {
    fn new(options: Options, device_id: DeviceId, store: IndexedDbStore, host: EngineHost) -> Self {
        let Options { workspace_id, user_id, base_url } = options;
        let name = ["offline:", workspace_id.as_str(), ":", user_id.as_str()].concat();
        let holder = joined![BrowserIds.uuid(BrowserClock.now())];
        let mut config = EngineConfig::new(workspace_id, user_id, device_id, holder);
        // Without locks, on pages that are not secure, the lease alone decides.
        let election = if has_locks() { Election::PlatformLock } else { Election::Lease };
        config.election = election;

        let (host, network) = (Rc::new(host), Arc::new(BrowserNetwork::new()));
        let shared = Arc::new(store.clone());
        let ports = Ports {
            outbox: shared.clone(),
            lease: shared,
            transport: Arc::new(FetchTransport::new(&base_url, Rc::clone(&host))),
            network: network.clone(),
            clock: Arc::new(BrowserClock),
            ids: Arc::new(BrowserIds),
        };
        let engine = Engine::new(config, registry(), ports);
        let notices = engine.subscribe();
        let relay = Relay::start(engine.clone(), host, &name);
        let leadership = match election {
            Election::PlatformLock => Some(Leadership::seek(&name, engine.clone())),
            Election::Lease => None,
        };
        let life = Rc::<Life>::default();
        spawn(Box::pin(Rc::clone(&relay).carry(notices)));
        spawn(Box::pin(Rc::clone(&relay).watch_others()));
        spawn(Box::pin(run(engine.clone(), Rc::clone(&life))));
        let leadership = RefCell::new(leadership);
        Self { engine, store, network, relay, leadership, life, closed: Cell::new(false) }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.closed.replace(true) {
                return;
            }
            self.engine.close();
            let mut patience = BrowserClock.sleep(FAREWELL);
            poll_fn(|context| {
                self.life.bell.hear(context);
                if self.life.ended.get() { Poll::Ready(()) } else { patience.as_mut().poll(context) }
            })
            .await;
            self.life.cut_off.set(true);
            self.life.bell.ring();
            self.leadership.take();
            self.relay.stop();
            self.store.close();
        })
    }

    async fn perform(&self, call: Call) -> Result<Answer, EngineError> {
        let engine = &self.engine;
        Ok(match call {
            Call::Enqueue(request) => text(&engine.enqueue(request).await?),
            Call::List(query) => text(&engine.list(query).await?),
            Call::Journal(query) => text(&engine.journal(query).await?),
            Call::SyncNow => text(&engine.sync_now().await?),
            Call::Retry(id, payload) => {
                engine.retry_with_latest(id, payload).await?;
                None
            }
            Call::BlastRadius(id) => text(&engine.blast_radius(id).await?),
            Call::Discard(id, dependants) => text(&engine.discard(id, dependants).await?),
            Call::Wipe(unsynced) => {
                engine.wipe(unsynced).await?;
                self.close().await;
                None
            }
            Call::Close => {
                self.close().await;
                None
            }
        })
    }
}

/// Runs the engine until it is closed or cut off.
async fn run(engine: Engine, life: Rc<Life>) {
    let mut runs: BoxFuture<'_, ()> = Box::pin(engine.run());
    poll_fn(|context| {
        life.bell.hear(context);
        if life.cut_off.get() { Poll::Ready(()) } else { runs.as_mut().poll(context) }
    })
    .await;
    life.ended.set(true);
    life.bell.ring();
}

/// What is asked of an open partition; JSON, if there is an answer.
enum Call {
    Enqueue(EnqueueRequest),
    List(OutboxQuery),
    Journal(JournalQuery),
    SyncNow,
    Retry(CommandId, Option<Value>),
    BlastRadius(CommandId),
    Discard(CommandId, Option<Dependants>),
    Wipe(Unsynced),
    Close,
}

type Answer = Option<String>;

#[wasm_bindgen]
impl EngineHandle {
    /// `NewCommand` -> `EnqueuedCommand`.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn enqueue(&self, command: &str) -> JsValue {
        let message = "The command has a missing, malformed or unknown field.";
        let unreadable = || PublicError::invalid(ProblemCode::InvalidCommand, message);
        self.perform(read(command).map(Call::Enqueue).ok_or_else(unreadable))
    }

    /// A query -> `OutboxEntry[]`.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn list(&self, query: &str) -> JsValue {
        self.perform(read(query).map(Call::List).ok_or_else(not_readable))
    }

    /// A query -> `JournalEntry[]`.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn journal(&self, query: &str) -> JsValue {
        self.perform(read(query).map(Call::Journal).ok_or_else(not_readable))
    }

    /// kind, `RecordSnapshot[]`, `OutboxEntry[]`, `JournalEntry[]` -> `OverlaidRecord[]`.
    pub fn overlay(
        &self,
        kind: &str,
        records: &str,
        entries: &str,
        journal: &str,
    ) -> Result<String, JsValue> {
        let overlaid = || {
            let kind = RecordKind::new(kind).ok()?;
            let records: Vec<RecordSnapshot> = read_list(records)?;
            let entries: Vec<OutboxEntry> = read_list(entries)?;
            let journal: Vec<JournalEntry> = read_list(journal)?;
            text(&overlay(self.0.engine.registry(), &kind, &records, &entries, &journal))
        };
        overlaid().ok_or_else(|| not_readable().into())
    }

    /// -> `SyncStatus`.
    #[wasm_bindgen(js_name = syncNow, unchecked_return_type = "Promise<string>")]
    pub fn sync_now(&self) -> JsValue {
        self.perform(Ok(Call::SyncNow))
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
    #[wasm_bindgen(js_name = retryWithLatest, unchecked_return_type = "Promise<void>")]
    pub fn retry_with_latest(&self, command_id: &str, payload: Option<String>) -> JsValue {
        let call = named(command_id).and_then(|id| {
            let payload = payload.map(|payload| parse(&payload).ok_or_else(not_readable)).transpose()?;
            Ok(Call::Retry(id, payload))
        });
        self.perform(call)
    }

    /// -> `OutboxEntry[]`.
    #[wasm_bindgen(js_name = blastRadius, unchecked_return_type = "Promise<string>")]
    pub fn blast_radius(&self, command_id: &str) -> JsValue {
        self.perform(named(command_id).map(Call::BlastRadius))
    }

    /// -> `DiscardReport`.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn discard(&self, command_id: &str, dependants: Option<String>) -> JsValue {
        let call = named(command_id).and_then(|id| {
            let dependants = match dependants.as_deref() {
                None => None,
                Some("discard") => Some(Dependants::Discard),
                Some("keep") => Some(Dependants::Keep),
                Some(_) => return Err(not_readable()),
            };
            Ok(Call::Discard(id, dependants))
        });
        self.perform(call)
    }

    /// Stops this tab's part; the data stays.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn close(&self) -> JsValue {
        self.perform(Ok(Call::Close))
    }

    /// Deletes the partition's outbox in all tabs.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn wipe(&self, even_unsynced: bool) -> JsValue {
        self.perform(Ok(Call::Wipe(if even_unsynced { Unsynced::Lose } else { Unsynced::Keep })))
    }
}

impl EngineHandle {
    /// All calls go this way, so that it is compiled once.
    fn perform(&self, call: Result<Call, PublicError>) -> JsValue {
        let open = Rc::clone(&self.0);
        promised(Box::pin(
            async move { Ok(open.perform(call?).await?.map_or(JsValue::UNDEFINED, JsValue::from)) },
        ))
    }
}

fn text<T: ToJson>(value: &T) -> Answer {
    Some(value.to_text())
}

fn not_readable() -> PublicError {
    PublicError::invalid(ProblemCode::InvalidRequest, "The engine was asked in a form that it does not know.")
}

fn named(command_id: &str) -> Result<CommandId, PublicError> {
    let unknown = |_| PublicError::from(offline_core::EngineError::NotFound);
    CommandId::new(command_id).map_err(unknown)
}
