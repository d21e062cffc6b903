use std::{
    cell::{Cell, OnceCell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use offline_core::{
    Bell, BoxFuture, Clock, Election, Engine, EngineConfig, EngineError, Ids, Ports, Signal, overlay,
};
use offline_domain::Registry;
use offline_protocol::{
    DeviceId, Fields, FromJson, ProblemCode, ToJson, UserId, WorkspaceId, from_json, joined,
};
use wasm_bindgen::{JsValue, prelude::*};

use crate::{
    BrowserClock, BrowserIds, BrowserNetwork, IndexedDbStore,
    browser::{has_locks, next_task},
    calls::{Call, FREE, HINT, OVERLAY, SIGNED_IN, Shown, not_readable},
    error::PublicError,
    host::EngineHost,
    leadership::Leadership,
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
            base_url: fields.text("baseUrl").into_owned(),
        }
    }
}

/// Opens a partition in this tab: `openEngine` of `EngineModule` in `ts/types.ts`.
#[wasm_bindgen(js_name = openEngine, unchecked_return_type = "Promise<import('offline-web').EngineHandle>")]
pub fn open_engine(options: String, host: EngineHost) -> JsValue {
    promised(Box::pin(async move {
        let unreadable = || PublicError::invalid(ProblemCode::InvalidRequest, "The options are not valid.");
        let options: Options = from_json(&options).ok_or_else(unreadable)?;
        let store = IndexedDbStore::new(&options.workspace_id, &options.user_id);
        let device_id = store.device_id().await?;
        Ok(handle_of(Open::new(options, device_id, store, host)))
    }))
}

#[wasm_bindgen(module = "/src/handle.js")]
extern "C" {
    /// `EngineHandle` in `ts/types.ts`, which says what each method takes and gives. `ask` is given a call's number, its text, and what more it takes.
    fn handle(ask: JsValue) -> JsValue;
}

fn handle_of(open: Open) -> JsValue {
    let open = RefCell::new(Some(Rc::new(open)));
    let ask = move |call: u32, text: String, more: Option<String>| {
        if call == FREE {
            open.take();
            return JsValue::UNDEFINED;
        }
        let asked = open.borrow().clone();
        match asked {
            Some(open) => open.ask(call, &text, more.as_deref()),
            None => promised(Box::pin(async { Err(EngineError::Closed.into()) })),
        }
    };
    handle(Closure::<dyn Fn(u32, String, Option<String>) -> JsValue>::new(ask).into_js_value())
}

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
        let name = joined!["offline:", workspace_id.as_str(), ":", user_id.as_str()];
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
            // What was told last is carried first, as far as it goes at once.
            next_task().await;
            self.relay.stop();
            self.store.close();
        })
    }

    /// Answers at once, or with a promise.
    fn ask(self: &Rc<Self>, call: u32, text: &str, more: Option<&str>) -> JsValue {
        match call {
            OVERLAY => return JsValue::from_str(&self.overlay(text)),
            SIGNED_IN => self.engine.signed_in(),
            HINT if text == "offline" => self.network.hint_offline(),
            HINT => {
                if text == "online" {
                    self.network.hint_online();
                }
                self.engine.wake(Signal::Hint);
            }
            _ => {
                let (open, call) = (Rc::clone(self), Call::of(call, text, more));
                return promised(Box::pin(async move {
                    Ok(open.perform(call?).await?.map_or(JsValue::UNDEFINED, JsValue::from))
                }));
            }
        }
        JsValue::UNDEFINED
    }

    /// `OverlaidRecord[]`, or an error.
    fn overlay(&self, text: &str) -> String {
        let Some(Shown { kind, records, entries, journal }) = from_json(text) else {
            return not_readable().to_text();
        };
        overlay(self.engine.registry(), &kind, &records, &entries, &journal).to_text()
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

type Answer = Option<String>;

fn text<T: ToJson>(value: &T) -> Answer {
    Some(value.to_text())
}
