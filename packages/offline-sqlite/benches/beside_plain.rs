//! The engine on SQLite beside plain rusqlite: the same bytes, the same durability, in the same run, one after the other in each round.
#![allow(clippy::unwrap_used, reason = "a benchmark ends with its first surprise")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use offline_conformance::fakes::{thing_create, things};
use offline_core::{
    BoxFuture, Engine, EngineConfig, EnqueueRequest, NetworkVerdict, OutgoingBatch, Phase, Ports, Terms,
    Transport, TransportError, memory::ManualNetwork,
};
use offline_protocol::{
    ChangeSeq, CommandId, DeviceId, Outcome, RecordId, RecordKind, RecordVersion, Seq, UserId, Verdict,
    Version, WorkspaceId,
};
use offline_sqlite::SqliteStore;
use offline_system::{SystemClock, SystemIds};
use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::Value;

/// A server on the same machine that applies everything at once: what remains is the engine and its store.
#[derive(Default)]
struct Instantly(AtomicUsize);

impl Transport for Instantly {
    fn send(&self, batch: OutgoingBatch) -> BoxFuture<'_, Result<Vec<Outcome>, TransportError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let batch: Batch<'_> = serde_json::from_str(&batch.body).unwrap();
            Ok(batch.commands.iter().map(applied).collect())
        })
    }

    fn hello(&self) -> BoxFuture<'_, Result<Terms, TransportError>> {
        Box::pin(async { Err(TransportError::Offline) })
    }
}

/// As little of a request as an answer needs.
#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    commands: Vec<Sent<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    command_id: CommandId,
    seq: Seq,
    #[serde(borrow)]
    payload: Thing<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thing<'a> {
    thing_id: &'a str,
}

fn applied(command: &Sent<'_>) -> Outcome {
    let id = RecordId::new(command.payload.thing_id).unwrap();
    let version =
        RecordVersion { kind: RecordKind::new("thing").unwrap(), id, version: Version::new(1).unwrap() };
    let change_seq = ChangeSeq::new(command.seq.get()).unwrap();
    let verdict =
        Verdict::Applied { versions: vec![version], result: Value::Null, replayed: false, change_seq };
    Outcome { command_id: Some(command.command_id), verdict }
}

struct Outbox {
    engine: Engine,
    transport: Arc<Instantly>,
    run: Option<tokio::task::JoinHandle<()>>,
}

impl Outbox {
    fn open(folder: &Path, verdict: NetworkVerdict) -> Self {
        let (workspace, user) = (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap());
        let device = DeviceId::new("a-till").unwrap();
        let store = Arc::new(SqliteStore::open(folder, &workspace, &user, &device).unwrap());
        let transport = Arc::new(Instantly::default());
        let ports = Ports {
            outbox: store.clone(),
            lease: store,
            transport: transport.clone(),
            network: Arc::new(ManualNetwork::new(verdict)),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
        };
        let config = EngineConfig::new(workspace, user, device, "bench".to_owned());
        Self { engine: Engine::new(config, things(), ports), transport, run: None }
    }

    fn start(&mut self) {
        let engine = self.engine.clone();
        self.run = Some(tokio::spawn(async move { engine.run().await }));
    }

    /// Until the counts are known and so many commands are unsettled.
    async fn until(&self, unsettled: u64) {
        let mut notices = self.engine.subscribe();
        loop {
            let status = self.engine.status();
            if status.phase != Phase::Starting && status.counts.unsettled() == unsettled {
                return;
            }
            notices.wait().await;
            notices.take(usize::MAX);
        }
    }

    /// Its lease is given back, so that the next one need not wait for it; and the database is closed, so that the next one's time is not that of copying
    /// the log back, of deleting it, and of giving back memory, all of which goes on after the log's name is gone.
    async fn close(self, folder: &Path) {
        self.engine.close();
        let Self { engine, run, .. } = self;
        if let Some(run) = run {
            run.await.unwrap();
        }
        drop(engine);
        let has_log =
            |file: &Path| file.extension().is_some_and(|name| name.to_string_lossy().ends_with("-wal"));
        while std::fs::read_dir(folder).unwrap().any(|file| has_log(&file.unwrap().path()))
            || has_store_thread()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Whether the thread of a store is still there, where that can be known.
fn has_store_thread() -> bool {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads.into_iter().any(|thread| {
        std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.trim() == "outbox-sqlite")
    })
}

fn request(number: usize) -> EnqueueRequest {
    let text = "Bread, rolls and a coffee to go, paid in cash at the till by the door. ".repeat(3);
    EnqueueRequest::new("THING_CREATE_V1", thing_create(&format!("thing-{number:08}"), &text))
}

/// What a plain outbox would hold: one row with as many bytes, and the index that finds what is pending.
fn plain(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("plain.sqlite")).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY, status TEXT NOT NULL, body TEXT NOT NULL) STRICT;
             CREATE INDEX IF NOT EXISTS pending ON outbox (status, seq);",
        )
        .unwrap();
    connection
}

fn row(number: usize) -> String {
    let payload = request(number).payload;
    let id = format!("0197a1b2-c3d4-7e5f-8a9b-{number:012}");
    serde_json::json!({ "commandId": id, "idempotencyKey": id, "createdAt": "2026-11-24T10:00:00.000Z", "payload": payload,
        "seq": number + 1, "type": "THING_CREATE_V1", "workspaceId": "acme", "userId": "ana", "deviceId": "a-till", "attempts": 0 })
    .to_string()
}

fn insert(connection: &Connection, number: usize) {
    let sql = "INSERT INTO outbox (status, body) VALUES ('PENDING', ?1)";
    connection.prepare_cached(sql).unwrap().execute([row(number)]).unwrap();
}

/// Reads, posts and deletes a hundred at a time, until nothing is left. The same server answers; the rows go to it as the texts that they are, and of
/// its answer only whether each was applied is looked at.
async fn flush_plain(connection: &Connection) {
    let server = Instantly::default();
    loop {
        let sql = "SELECT seq, body FROM outbox WHERE status = 'PENDING' ORDER BY seq LIMIT 100";
        let mut statement = connection.prepare_cached(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let rows: Vec<(i64, String)> = rows.map(Result::unwrap).collect();
        let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) else { return };
        let bodies: Vec<&str> = rows.iter().map(|(_, body)| &**body).collect();
        let body = format!("{{\"commands\":[{}]}}", bodies.join(","));
        let outcomes = server.send(OutgoingBatch { command_ids: Vec::new(), body }).await.unwrap();
        assert_eq!(outcomes.len(), rows.len());
        assert!(outcomes.iter().all(|outcome| matches!(outcome.verdict, Verdict::Applied { .. })));
        let sql = "DELETE FROM outbox WHERE seq BETWEEN ?1 AND ?2";
        connection.prepare_cached(sql).unwrap().execute(params![first, last]).unwrap();
    }
}

/// What something took, in milliseconds.
#[derive(Clone, Copy, Default)]
struct Took {
    clock: f64,
    /// Of the processors, for all threads; 0 where that cannot be known. It says more than the clock where others are at work, too.
    processors: f64,
}

/// When something began.
struct Since(Instant, f64);

impl Since {
    fn now() -> Self {
        let processors = processors();
        Self(Instant::now(), processors)
    }

    fn took(&self) -> Took {
        Took { clock: self.0.elapsed().as_secs_f64() * 1000.0, processors: processors() - self.1 }
    }
}

/// The processors' time of all threads there are, in milliseconds.
fn processors() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e6
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const EACH: usize = 500;

/// One round: for each measure, ours and plain.
async fn round(many: usize) -> [[Took; 2]; 4] {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let connection = plain(theirs.path());
    let outbox = Outbox::open(ours.path(), NetworkVerdict::Offline);
    let each = each(&outbox, &connection).await;
    let since = Since::now();
    let enqueued = join_all((EACH..EACH + many).map(|number| outbox.engine.enqueue(request(number)))).await;
    let burst = since.took();
    assert!(enqueued.iter().all(Result::is_ok));
    let since = Since::now();
    connection.execute_batch("BEGIN").unwrap();
    (EACH..EACH + many).for_each(|number| insert(&connection, number));
    connection.execute_batch("COMMIT").unwrap();
    let burst_plain = since.took();
    outbox.close(ours.path()).await;

    let start = start(ours.path(), (EACH + many) as u64).await;
    let empty = tempfile::tempdir().unwrap();
    Outbox::open(empty.path(), NetworkVerdict::Offline).close(empty.path()).await;
    let start_empty = self::start(empty.path(), 0).await;

    let mut outbox = Outbox::open(ours.path(), NetworkVerdict::Online);
    let since = Since::now();
    outbox.start();
    outbox.until(0).await;
    let flush = since.took();
    println!("  flush: {} requests", outbox.transport.0.load(Ordering::Relaxed));
    outbox.close(ours.path()).await;
    let since = Since::now();
    flush_plain(&connection).await;
    let flush_plain = since.took();
    [each, [burst, burst_plain], [start, start_empty], [flush, flush_plain]]
}

/// One after the other, ours and plain in turn: the middle one of each.
async fn each(outbox: &Outbox, connection: &Connection) -> [Took; 2] {
    let mut took = [Vec::new(), Vec::new()];
    for number in 0..EACH {
        let request = request(number);
        let since = Since::now();
        outbox.engine.enqueue(request).await.unwrap();
        took[0].push(since.took());
        let since = Since::now();
        insert(connection, number);
        took[1].push(since.took());
    }
    took.map(|took| middle(&took))
}

async fn start(folder: &Path, unsettled: u64) -> Took {
    let since = Since::now();
    let mut outbox = Outbox::open(folder, NetworkVerdict::Offline);
    outbox.start();
    outbox.until(unsettled).await;
    let time = since.took();
    outbox.close(folder).await;
    time
}

/// The medians.
fn middle(took: &[Took]) -> Took {
    let of = |which: fn(&Took) -> f64| median(&mut took.iter().map(which).collect::<Vec<_>>());
    Took { clock: of(|took| took.clock), processors: of(|took| took.processors) }
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (rounds, many) = (number("ROUNDS", 5), number("MANY", 10_000));
    let mut all = Vec::new();
    for round in 1..=rounds {
        println!("round {round} of {rounds}");
        all.push(self::round(many).await);
    }
    let names = [
        "one awaited enqueue; plain: one insert, one transaction".to_owned(),
        format!("{many} enqueues at once; plain: {many} inserts in one transaction"),
        format!("start with {} pending; beside it: with none", many + EACH),
        format!("flush of {}; plain: read, post, delete in hundreds", many + EACH),
    ];
    println!("\nSQLite, synchronous=FULL; medians of {rounds} rounds, ms");
    for (index, name) in names.iter().enumerate() {
        let [ours, plain] =
            [0, 1].map(|side| middle(&all.iter().map(|round| round[index][side]).collect::<Vec<_>>()));
        let ratio = ours.clock / plain.clock;
        println!("{name}: {:.2} beside {:.2}, ratio {ratio:.2}", ours.clock, plain.clock);
        println!("  of the processors: {:.2} beside {:.2}", ours.processors, plain.processors);
    }
}
