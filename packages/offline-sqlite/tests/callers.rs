//! Many callers of one engine at once, on threads of their own.
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as expected")]

use std::{sync::Arc, thread};

use futures_util::poll;
use offline_conformance::fakes::{thing_create, things};
use offline_core::{
    BoxFuture, Engine, EngineConfig, EnqueueRequest, NetworkVerdict, OutboxQuery, OutgoingBatch, Ports,
    Terms, Transport, TransportError, memory::ManualNetwork,
};
use offline_protocol::{DeviceId, Outcome, Seq, UserId, WorkspaceId};
use offline_sqlite::SqliteStore;
use offline_system::{SystemClock, SystemIds};
use tempfile::TempDir;

struct NoServer;

impl Transport for NoServer {
    fn send(&self, _: OutgoingBatch) -> BoxFuture<'_, Result<Vec<Outcome>, TransportError>> {
        Box::pin(async { Err(TransportError::Offline) })
    }

    fn hello(&self) -> BoxFuture<'_, Result<Terms, TransportError>> {
        Box::pin(async { Err(TransportError::Offline) })
    }
}

fn engine(folder: &TempDir) -> Engine {
    let (workspace, user) = (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap());
    let device = DeviceId::new("a-till").unwrap();
    let store = Arc::new(SqliteStore::open(folder.path(), &workspace, &user, &device).unwrap());
    let ports = Ports {
        outbox: store.clone(),
        lease: store,
        transport: Arc::new(NoServer),
        network: Arc::new(ManualNetwork::new(NetworkVerdict::Offline)),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    };
    Engine::new(EngineConfig::new(workspace, user, device, "test".to_owned()), things(), ports)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

const THREADS: usize = 8;
const EACH: usize = 300;

/// Every third call is dropped as soon as it is under way. Who is not woken waits for ever.
async fn enqueue_some(engine: &Engine, thread: usize) -> Vec<Seq> {
    let mut seqs = Vec::new();
    for number in 0..EACH {
        let name = format!("thing-{thread}-{number}");
        let request = EnqueueRequest::new("THING_CREATE_V1", thing_create(&name, &name));
        let mut call = Box::pin(engine.enqueue(request));
        if number % 3 == 0 {
            let _ = poll!(&mut call);
        } else {
            seqs.push(call.await.unwrap().seq);
        }
    }
    seqs
}

#[test]
fn callers_on_many_threads_get_their_answers_whoever_goes_away() {
    let folder = TempDir::new().unwrap();
    let engine = engine(&folder);
    let answered: Vec<Vec<Seq>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let engine = &engine;
                scope.spawn(move || run(enqueue_some(engine, thread)))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(answered.iter().all(|seqs| seqs.is_sorted()), "each caller's in their order");
    let mut answered = answered.concat();
    answered.sort_unstable();
    answered.dedup();
    assert_eq!(answered.len(), THREADS * EACH / 3 * 2);
    let stored = run(engine.list(OutboxQuery::Seq { after: None, limit: usize::MAX })).unwrap();
    let stored: Vec<Seq> = stored.into_iter().map(|entry| entry.command.seq).collect();
    assert!(answered.iter().all(|seq| stored.binary_search(seq).is_ok()), "what was answered is there");
}
