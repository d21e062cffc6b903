//! A server on a free port, over an empty store, with a clock that the test drives.

pub(crate) mod forge;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use offline_domain::{Registry, Resource};
use offline_protocol::{ChangeTerms, CommandType, Limits, Retention, Timestamp, UserId, WorkspaceId};
use offline_server::{
    CachedMembers, ChangeLog, Clock, Identity, KEY_WAIT, Live, Members, Rates, Role, Server, Shutdown,
    SqlHandlers, Store, StreamLimits, Tokens, api, not_found, resources, serve, with_protocol,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::place::Place;

mod events;

pub(crate) use events::EventStream;

/// 2026-11-22T18:00:00Z.
pub(crate) const START: i64 = 1_795_370_400_000;

pub(crate) const SECRET: &[u8] = b"a secret that only the tests know";

/// Who belongs where, and as what.
const MEMBERS: [(&str, &str, &str); 4] = [
    ("acme", "ana", "manager"),
    ("acme", "ben", "member"),
    ("globex", "ben", "member"),
    ("globex", "cleo", "manager"),
];

/// A store that has been opened, and its list of members.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) members: Arc<dyn Members>,
    pub(crate) log: Arc<dyn ChangeLog>,
}

impl Opened {
    pub(crate) fn of<S: Store + Members + ChangeLog + 'static>(store: S) -> Self {
        let store = Arc::new(store);
        Self { store: store.clone(), members: store.clone(), log: store }
    }
}

pub(crate) struct TestServer {
    pub(crate) url: String,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) members: Arc<dyn Members>,
    pub(crate) log: Arc<dyn ChangeLog>,
    pub(crate) tokens: Tokens,
    pub(crate) client: Client,
    clock: Arc<AtomicI64>,
    ids: AtomicU64,
    pub(crate) place: Place,
    pub(crate) shutdown: Shutdown,
    /// Ends when the server has ended.
    pub(crate) served: tokio::task::JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|store| store, Limits::default()).await
    }

    /// With another store in front of the real one.
    pub(crate) async fn start_with(
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
        limits: Limits,
    ) -> Self {
        let place = Place::new().await;
        let opened = place.open().await;
        Self::over(place, opened, wrap, limits).await
    }

    /// With something else about it.
    pub(crate) async fn adapted(adapt: impl AsyncFnOnce(&mut Server)) -> Self {
        let place = Place::new().await;
        let opened = place.open().await;
        Self::serve(place, opened, adapt).await
    }

    /// Over a store that has been opened already.
    pub(crate) async fn over(
        place: Place,
        opened: Opened,
        wrap: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
        limits: Limits,
    ) -> Self {
        let adapt = async |server: &mut Server| {
            server.store = wrap(Arc::clone(&server.store));
            server.limits = limits;
        };
        Self::serve(place, opened, adapt).await
    }

    async fn serve(
        place: Place,
        Opened { store, members, log }: Opened,
        adapt: impl AsyncFnOnce(&mut Server),
    ) -> Self {
        for (workspace, user, role) in MEMBERS {
            let (workspace, user) = (WorkspaceId::new(workspace).unwrap(), UserId::new(user).unwrap());
            members.put_member(&workspace, &user, &Role::new(role).unwrap()).await.unwrap();
        }
        let millis = Arc::new(AtomicI64::new(START));
        let ticking = Arc::clone(&millis);
        let clock: Arc<dyn Clock> = Arc::new(move || Timestamp::from_millis(ticking.load(Ordering::SeqCst)));
        let members: Arc<dyn Members> = Arc::new(CachedMembers::new(members, Arc::clone(&clock)));
        let tokens = Tokens::new(SECRET, Arc::clone(&clock));
        let mut server = Server {
            store: Arc::clone(&store),
            memberships: members.clone(),
            registry: erp::registry(),
            sql: SqlHandlers::new(),
            tokens: tokens.clone(),
            clock,
            limits: Limits::default(),
            retention: Retention::default(),
            key_wait: KEY_WAIT,
            live: Some(Live {
                log: Arc::clone(&log),
                terms: ChangeTerms::default(),
                streams: StreamLimits::default(),
            }),
            rates: Rates::default(),
            metrics: Default::default(),
            traces: Default::default(),
        };
        adapt(&mut server).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rest = resources(server.clone(), &table(&server.registry)).unwrap();
        let router = with_protocol(api(server).merge(rest).fallback(not_found));
        let shutdown = Shutdown::default();
        let served = tokio::spawn(serve(listener, router, shutdown.clone()));
        let client = Client::builder().no_gzip().build().unwrap();
        Self {
            url,
            store,
            members,
            log,
            tokens,
            client,
            clock: millis,
            ids: AtomicU64::new(1),
            place,
            shutdown,
            served,
        }
    }

    /// The store beneath it.
    pub(crate) fn opened(&self) -> Opened {
        Opened {
            store: Arc::clone(&self.store),
            members: Arc::clone(&self.members),
            log: Arc::clone(&self.log),
        }
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.clock.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn token(&self, user: &str, workspace: &str) -> String {
        let identity = Identity {
            workspace_id: WorkspaceId::new(workspace).unwrap(),
            user_id: UserId::new(user).unwrap(),
        };
        self.tokens.issue(&identity, Duration::from_secs(3600)).unwrap().0
    }

    /// A new id, never the same twice in one test.
    pub(crate) fn id(&self) -> String {
        Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 | u128::from(self.next())).to_string()
    }

    fn next(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::SeqCst)
    }

    /// A command of acme with an id and key of its own.
    pub(crate) fn command(&self, command_type: &str, payload: Value) -> Value {
        let number = self.next();
        json!({
            "commandId": self.id(),
            "workspaceId": "acme",
            "deviceId": "device-1",
            "seq": number,
            "type": command_type,
            "payload": payload,
            "idempotencyKey": format!("key-{number}"),
            "createdAt": "2026-11-22T17:59:00.000Z",
            "clientTraceId": format!("trace-{number}"),
        })
    }

    pub(crate) fn create(&self, expense: &str) -> Value {
        self.command("EXPENSE_CREATE_V1", expense_payload(expense))
    }

    pub(crate) fn update(&self, expense: &str, expected: Value) -> Value {
        let mut command = self.command(
            "EXPENSE_UPDATE_V1",
            json!({ "expenseId": expense, "description": format!("by {}", self.next()) }),
        );
        command["expected"] = expected;
        command
    }

    pub(crate) fn post(&self, token: &str) -> RequestBuilder {
        self.client
            .post(format!("{}/sync/commands", self.url))
            .bearer_auth(token)
            .header("content-type", "application/json")
    }

    /// Sends a batch as ana of acme; the outcomes.
    pub(crate) async fn send(&self, commands: &[Value]) -> Vec<Value> {
        self.send_as(&self.token("ana", "acme"), commands).await
    }

    pub(crate) async fn send_as(&self, token: &str, commands: &[Value]) -> Vec<Value> {
        let response =
            self.post(token).body(json!({ "commands": commands }).to_string()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body: Value = body(response).await;
        body["outcomes"].as_array().unwrap().clone()
    }

    /// Sends one command as ana of acme; its outcome.
    pub(crate) async fn send_one(&self, command: &Value) -> Value {
        self.send(std::slice::from_ref(command)).await.remove(0)
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).bearer_auth(token).send().await.unwrap()
    }

    /// A single write of ana to a path below acme, with this key.
    pub(crate) fn write(&self, method: Method, path: &str, key: &str, payload: &Value) -> RequestBuilder {
        self.write_as(&self.token("ana", "acme"), method, &format!("/workspaces/acme{path}"), payload)
            .header("idempotency-key", key)
    }

    /// A single write, without a key.
    pub(crate) fn write_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        payload: &Value,
    ) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(payload.to_string())
    }

    /// Makes an expense of acme by a single write.
    pub(crate) fn post_expense(&self, id: &str, key: &str) -> RequestBuilder {
        self.write(Method::POST, "/expenses", key, &expense_payload(id))
    }

    /// A record of acme as ana sees it.
    pub(crate) async fn expense(&self, id: &str) -> Option<Value> {
        let path = format!("/workspaces/acme/records/expense/{id}");
        let response = self.get(&self.token("ana", "acme"), &path).await;
        if response.status() == StatusCode::NOT_FOUND { None } else { Some(body(response).await) }
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        self.place.count(table).await
    }
}

/// The ERP's resources, and those of the commands that a test adds to it.
fn table(registry: &Registry) -> Vec<Resource> {
    let added = |name| registry.accepts(&CommandType::new(name).unwrap());
    let mut table = erp::resources();
    if added("EXPENSE_DROP_V1") {
        let expenses = table.iter().position(|resource| resource.path == "expenses").unwrap();
        table[expenses] = table[expenses].clone().delete("EXPENSE_DROP_V1");
    }
    if added("TICKET_SELL_V1") {
        table.push(crate::cases::own_sql::shop::resource());
    }
    if added("SEAL_V1") {
        table.push(Resource::new("seals", "seal", "seal").create("SEAL_V1"));
    }
    table
}

pub(crate) fn expense_payload(id: &str) -> Value {
    json!({
        "expenseId": id, "description": "Train to Basel", "amountMinor": 4990, "currency": "CHF",
        "spentOn": "2026-11-20", "category": "travel",
    })
}

pub(crate) async fn body(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

pub(crate) fn statuses(outcomes: &[Value]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome["status"].as_str().unwrap()).collect()
}

pub(crate) fn code(outcome: &Value) -> &str {
    outcome["problem"]["code"].as_str().unwrap_or("")
}

/// Asserts that a response is problem details with this status and code, and says that it is ours.
pub(crate) async fn assert_problem(response: Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["sync-protocol"], "1");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = body(response).await;
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], format!("urn:offline:problem:{code}"));
    problem
}
