//! The engine as a native program runs it (SQLite, HTTP, the machine's clock) against the real server, which is killed on the way.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod support;

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use offline_core::{
    Engine, EngineConfig, EnqueueRequest, EventKind, JournalEntry, JournalOutcome, JournalQuery, Listener,
    Notice, OutboxQuery, OutboxStore as _, PauseReason, Phase, Ports, RetryPolicy, Status,
    memory::ManualNetwork,
};
use offline_http::{HttpOptions, HttpTransport, TokenSource};
use offline_protocol::{DeviceId, Expected, UserId, Version, WorkspaceId};
use offline_sqlite::SqliteStore;
use offline_system::{SystemClock, SystemIds};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use support::{ServerProcess, binary_on, body};

/// What takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(120);
/// Commands of the first request: small, so that a flush takes many.
const BATCH: u32 = 20;
const EXPENSES: usize = 200;
const INVOICES: usize = 10;

/// The server, which can be killed and comes back on the same folder and port.
struct Server {
    folder: tempfile::TempDir,
    address: String,
    process: Option<ServerProcess>,
}

impl Server {
    fn start(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = ServerProcess::start(folder.path(), flags);
        Self { folder, address: process.address().to_owned(), process: Some(process) }
    }

    fn process(&self) -> &ServerProcess {
        self.process.as_ref().unwrap()
    }

    fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    fn restart(&mut self) {
        let mut command = binary_on(&self.address, self.folder.path(), &["--dev"]);
        self.process = Some(ServerProcess::spawn(command.stderr(Stdio::null())));
    }

    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("server.sqlite")).unwrap()
    }

    /// As long as this lives, the server can commit nothing and so gives no verdict.
    fn lock(&self) -> rusqlite::Connection {
        let connection = self.database();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
    }

    /// Whether the kill came before the client had heard of what was committed.
    async fn restart_and_kill_after_a_commit(&mut self, client: &Client) -> bool {
        let database = self.database();
        let before = changes(&database);
        self.restart();
        let committed = async {
            while changes(&database) == before {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, committed).await.expect("something is committed after the restart");
        self.kill();
        // Whatever was sent before has come to its end when nothing is in flight, and nothing new can be committed.
        client.until("the flight has ended", async |client| client.in_flight().await == 0).await;
        client.journal().await.len() < changes(&database)
    }

    /// Every record of a kind by its id: its version and its data.
    async fn records(&self, token: &str, kind: &str) -> BTreeMap<String, (u64, Value)> {
        let process = self.process();
        let get = process.client.get(format!("{}/workspaces/acme/records/{kind}?limit=1000", process.url));
        let page = body(get.bearer_auth(token).send().await.unwrap()).await;
        let records = page["records"].as_array().unwrap().iter();
        let record = |record: &Value| {
            let id = record["id"].as_str().unwrap().to_owned();
            (id, (record["version"].as_u64().unwrap(), record["data"].clone()))
        };
        records.map(record).collect()
    }
}

/// How many changes the server has ever committed.
fn changes(database: &rusqlite::Connection) -> usize {
    let count: i64 = database.query_row("SELECT count(*) FROM change", [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

fn partition() -> (WorkspaceId, UserId) {
    (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap())
}

fn open(folder: &Path) -> SqliteStore {
    let (workspace, user) = partition();
    SqliteStore::open(folder, &workspace, &user, &DeviceId::new("a-till").unwrap()).unwrap()
}

/// A native program with an engine that runs.
struct Client {
    engine: Engine,
    store: Arc<SqliteStore>,
    run: JoinHandle<()>,
    notices: Listener,
}

impl Client {
    fn start(folder: &Path, address: &str, token: impl TokenSource + 'static) -> Self {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let (workspace, user) = partition();
        let store = Arc::new(open(folder));
        let holder = format!("program-{}", STARTS.fetch_add(1, Ordering::Relaxed));
        let mut config = EngineConfig::new(workspace, user, store.device_id().clone(), holder);
        config.limits.max_items = BATCH;
        config.lease_ttl = Duration::from_secs(1);
        config.journal_keep = 5000;
        let short = Duration::from_millis(200);
        config.retry = RetryPolicy { base: short, cap: short, probe_cap: short };
        let transport = HttpTransport::new(&format!("http://{address}"), token, HttpOptions::default());
        let ports = Ports {
            outbox: store.clone(),
            lease: store.clone(),
            transport: Arc::new(transport.unwrap()),
            network: Arc::new(ManualNetwork::default()),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
        };
        let engine = Engine::new(config, erp::registry(), ports);
        let notices = engine.subscribe();
        let running = engine.clone();
        Self { engine, store, run: tokio::spawn(async move { running.run().await }), notices }
    }

    /// Ends it wherever it is, as a crash would; what was on the wire stays a flight in the file.
    async fn crash(self) {
        self.run.abort();
        assert!(self.run.await.unwrap_err().is_cancelled());
    }

    async fn enqueue(&self, requests: impl IntoIterator<Item = EnqueueRequest>, seqs: &mut Vec<u64>) {
        for request in requests {
            seqs.push(self.engine.enqueue(request).await.unwrap().seq.get());
        }
    }

    /// Looks again whenever the engine tells something.
    async fn until(&self, what: &str, reached: impl AsyncFn(&Self) -> bool) {
        let mut notices = self.engine.subscribe();
        let wait = async {
            while !reached(self).await {
                // A listener that lags behind looks again too.
                notices.wait().await;
                notices.take(usize::MAX);
            }
        };
        let waited = timeout(DEADLINE, wait).await;
        assert!(waited.is_ok(), "{what}: never; {:?}", self.engine.status());
    }

    async fn in_flight(&self) -> u64 {
        self.store.counts().await.unwrap().in_flight
    }

    /// Until all that the server has committed is known, and something else is on the wire. Under the server's lock it then stays there.
    async fn until_unanswerable(&self, server: &rusqlite::Connection) {
        let committed = changes(server);
        let unanswerable =
            async |client: &Self| client.in_flight().await > 0 && client.journal().await.len() == committed;
        self.until("a flight without an answer", unanswerable).await;
    }

    async fn until_settled(&self, parked: u64) {
        let settled = async |client: &Self| {
            let counts = client.store.counts().await.unwrap();
            counts.unsettled() == parked && counts.failed + counts.conflict == parked
        };
        self.until("the outbox is settled", settled).await;
    }

    /// Until the engine asks once more.
    async fn until_asked_for_a_login(&mut self) {
        let asked = async {
            let asks = |notice: &Notice| matches!(notice, Notice::Event(event) if event.kind == EventKind::LoginNeeded);
            while !self.notices.take(usize::MAX).notices.iter().any(|notice| asks(notice)) {
                assert!(self.notices.wait().await);
            }
        };
        timeout(DEADLINE, asked).await.expect("the engine asks for a login");
        // It asks as soon as it knows; the flight is put back before it rests.
        self.until("paused", async |client| client.engine.status().phase == Phase::Paused).await;
    }

    /// What has left the outbox, in the order of `seq`.
    async fn journal(&self) -> Vec<JournalEntry> {
        let mut journal = self.engine.journal(JournalQuery::Latest { limit: 5000 }).await.unwrap();
        journal.sort_by_key(|entry| entry.command.seq);
        journal
    }
}

fn new_expense(id: &str, amount: i64) -> EnqueueRequest {
    let payload = json!({ "expenseId": id, "description": "Taxi", "amountMinor": amount, "currency": "EUR",
        "spentOn": "2026-11-20" });
    EnqueueRequest::new("EXPENSE_CREATE_V1", payload)
}

/// What the author saw is the first version, whatever he has done to it since.
fn edit(command_type: &str, payload: Value) -> EnqueueRequest {
    EnqueueRequest::new(command_type, payload).expecting(Expected::Version(Version::new(1).unwrap()))
}

/// All that is done to one expense: a creation, one to five edits, and for every second one the submission.
fn expense_lane(number: usize) -> VecDeque<EnqueueRequest> {
    let id = format!("e{number}");
    let mut lane = VecDeque::from([new_expense(&id, 1000)]);
    lane.extend(
        (0..=number % 5)
            .map(|nth| edit("EXPENSE_UPDATE_V1", json!({ "expenseId": id, "amountMinor": 1001 + nth }))),
    );
    if number % 2 == 1 {
        lane.push_back(EnqueueRequest::new("EXPENSE_SUBMIT_V1", json!({ "expenseId": id })));
    }
    lane
}

fn invoice_lane(number: usize) -> VecDeque<EnqueueRequest> {
    let id = format!("i{number}");
    let lines = |quantity: usize| json!([{ "description": "Hours", "quantity": quantity, "unitPriceMinor": 12000, "taxRateBp": 1900 }]);
    let create = json!({ "invoiceId": id, "customer": "Globex", "currency": "EUR", "lines": lines(1) });
    let mut lane = VecDeque::from([EnqueueRequest::new("INVOICE_DRAFT_CREATE_V1", create)]);
    lane.extend((2..=10).map(|quantity| {
        edit("INVOICE_DRAFT_UPDATE_V1", json!({ "invoiceId": id, "lines": lines(quantity) }))
    }));
    lane
}

/// 1,000 commands, those on one record in their order, those on different ones mixed; always the same.
fn a_day_of_work() -> VecDeque<EnqueueRequest> {
    let mut lanes: Vec<_> = (0..EXPENSES).map(expense_lane).chain((0..INVOICES).map(invoice_lane)).collect();
    let mut commands = VecDeque::new();
    let mut dice: usize = 7;
    while !lanes.is_empty() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chosen = (dice >> 33) % lanes.len();
        match lanes[chosen].pop_front() {
            Some(command) => commands.push_back(command),
            None => drop(lanes.swap_remove(chosen)),
        }
    }
    assert_eq!(commands.len(), 1000);
    commands
}

async fn each_effect_is_there_once(server: &Server, token: &str) {
    let expenses = server.records(token, "expense").await;
    assert_eq!(expenses.len(), EXPENSES);
    for number in 0..EXPENSES {
        let (edits, submitted) = (1 + number % 5, number % 2 == 1);
        let (version, data) = &expenses[&format!("e{number}")];
        assert_eq!(*version, (1 + edits + usize::from(submitted)) as u64, "e{number}");
        assert_eq!(data["amountMinor"], json!(1000 + edits), "the last edit of e{number} is the last");
        assert_eq!(data["state"], json!(if submitted { "submitted" } else { "draft" }), "e{number}");
    }
    let invoices = server.records(token, "invoice").await;
    assert_eq!(invoices.len(), INVOICES);
    for (id, (version, data)) in invoices {
        assert_eq!((version, &data["totalMinor"]), (10, &json!(10 * 14280)), "{id}");
    }
    assert_eq!(changes(&server.database()), 1000);
}

/// Every applied command is journaled with the version it made, and these are the record's versions from 1 on without gaps.
fn the_journal_tells_all(journal: &[JournalEntry]) {
    assert_eq!(journal.len(), 1000);
    let mut versions = BTreeMap::new();
    for JournalEntry { command, outcome, .. } in journal {
        let JournalOutcome::Applied { versions: made, .. } = outcome else {
            panic!("{command:?}: {outcome:?}")
        };
        let [made] = made.as_slice() else { panic!("{command:?} made {made:?}") };
        let version = versions.entry(command.touches[0].clone()).or_insert(0);
        *version += 1;
        assert_eq!(made.version.get(), *version, "{command:?}");
        assert!(command.status == Status::Succeeded && command.attempts > 0, "{command:?}");
    }
    let replayed =
        |entry: &&JournalEntry| matches!(entry.outcome, JournalOutcome::Applied { replayed: true, .. });
    assert!(journal.iter().filter(replayed).count() > 0, "what was committed unheard is answered again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_commands_take_effect_once_whoever_is_killed() {
    let mut server = Server::start(&[]);
    let token = server.process().sign_in("ana", "acme").await;
    let device = tempfile::tempdir().unwrap();
    let start = |server: &Server| {
        let token = token.clone();
        Client::start(device.path(), &server.address, move || Some(token.clone()))
    };
    let client = start(&server);
    let (mut work, mut seqs) = (a_day_of_work(), Vec::new());
    client.enqueue(work.drain(..150), &mut seqs).await;

    // The server is killed before it can commit what is on the wire. The user works on.
    let lock = server.lock();
    client.enqueue(work.drain(..1), &mut seqs).await;
    client.until_unanswerable(&lock).await;
    // The flight was on its way before this request, and this one is answered.
    server.process().get("/sync/hello").await;
    server.kill();
    drop(lock);
    client.enqueue(work.drain(..100), &mut seqs).await;
    client.enqueue([new_expense("refused", -5)], &mut seqs).await;
    client.enqueue(work.drain(..149), &mut seqs).await;

    // The server is killed after a commit, before the client has the answer. Should the answer have been quicker: again.
    while !server.restart_and_kill_after_a_commit(&client).await {
        assert!(work.len() > 200, "every answer was quicker than the kill");
        client.enqueue(work.drain(..50), &mut seqs).await;
    }
    let unheard = changes(&server.database());
    server.restart();
    client.enqueue(work.drain(..100), &mut seqs).await;
    client.until("it is heard", async |client| client.journal().await.len() >= unheard).await;

    // The client is killed in the middle of a flight.
    let lock = server.lock();
    client.enqueue(work.drain(..1), &mut seqs).await;
    client.until_unanswerable(&lock).await;
    client.crash().await;
    assert!(open(device.path()).counts().await.unwrap().in_flight > 0);
    drop(lock);
    let client = start(&server);
    client.enqueue(work.drain(..), &mut seqs).await;
    client.until_settled(1).await;

    each_effect_is_there_once(&server, &token).await;
    let journal = client.journal().await;
    the_journal_tells_all(&journal);
    let [refused] = &client.engine.list(OutboxQuery::Parked).await.unwrap()[..] else { panic!("not one") };
    assert_eq!(refused.command.touches[0].id.as_str(), "refused");
    assert_eq!(refused.command.status, Status::Failed);
    assert_eq!(refused.command.last_error.as_ref().unwrap().code, "rule-violated");
    assert!(seqs.iter().copied().eq(1..=1001), "{seqs:?}");
    let mut kept: Vec<u64> = journal.iter().map(|entry| entry.command.seq.get()).collect();
    kept.push(refused.command.seq.get());
    kept.sort_unstable();
    assert_eq!(kept, seqs);
}

/// The token as the program keeps it: how often it is still good for a request, and what is asked for after that.
struct Login {
    good: String,
    uses: usize,
    then: Option<String>,
}

impl Login {
    fn token(&mut self) -> Option<String> {
        match self.uses.checked_sub(1) {
            Some(left) => {
                self.uses = left;
                Some(self.good.clone())
            }
            None => self.then.clone(),
        }
    }
}

/// Sends 60 commands without a token, then with `login`, which is refused after `applied` of them, then with a good one.
async fn a_login_is_needed_after(applied: usize, server: &Server, login: Login) {
    let device = tempfile::tempdir().unwrap();
    let good = login.good.clone();
    let login_now = Arc::new(Mutex::new(Login { good: good.clone(), uses: 0, then: None }));
    let source = Arc::clone(&login_now);
    let mut client = Client::start(device.path(), &server.address, move || source.lock().unwrap().token());
    let sign_in = |client: &Client, login: Login| {
        *login_now.lock().unwrap() = login;
        client.engine.signed_in();
    };
    let commands = (0..60).map(|number| new_expense(&format!("e{applied}-{number}"), 100));
    client.enqueue(commands, &mut Vec::new()).await;
    client.until_asked_for_a_login().await;
    sign_in(&client, login);
    client.until_asked_for_a_login().await;

    assert_eq!(client.engine.status().paused_by, Some(PauseReason::Login));
    assert_eq!(client.journal().await.len(), applied);
    let left = client.engine.list(OutboxQuery::Seq { after: None, limit: 100 }).await.unwrap();
    assert_eq!(left.len(), 60 - applied);
    for command in left.iter().map(|entry| &entry.command) {
        assert_eq!((command.status, command.attempts), (Status::Pending, 0), "{command:?}");
    }

    sign_in(&client, Login { good, uses: usize::MAX, then: None });
    client.until_settled(0).await;
    let journal = client.journal().await;
    assert_eq!(journal.len(), 60);
    assert!(journal.iter().all(|entry| entry.command.attempts == 1), "each counts as sent once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_pauses_for_a_login_and_counts_no_attempt() {
    // Tokens outlive the process that made them: the secret is in the data folder.
    let mut server = Server::start(&["--token-ttl", "1s"]);
    let expired = server.process().sign_in("ana", "acme").await;
    server.kill();
    server.restart();
    let process = server.process();
    let status = async || {
        let get = process.client.get(format!("{}/workspaces/acme/records/expense", process.url));
        get.bearer_auth(&expired).send().await.unwrap().status().as_u16()
    };
    // Real time: the binary has no other clock.
    let over = async { while status().await != 401 {} };
    timeout(DEADLINE, over).await.expect("the token expires");
    let good = server.process().sign_in("ana", "acme").await;

    let refused = Login { good: good.clone(), uses: 0, then: Some(expired) };
    a_login_is_needed_after(0, &server, refused).await;
    let revoked = Login { good: good.clone(), uses: 1, then: Some("not.a.token".into()) };
    a_login_is_needed_after(BATCH as usize, &server, revoked).await;
    let records = server.records(&good, "expense").await;
    assert_eq!(records.len(), 120);
    assert!(records.values().all(|(version, _)| *version == 1));
    assert_eq!(changes(&server.database()), 120);
}
