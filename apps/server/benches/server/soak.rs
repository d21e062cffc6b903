//! Whether memory and handles level off: a steady load for some minutes, beside streams of events that have nothing to say.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::Value;

use crate::{HEARD, STREAMS, WORKSPACES, clients, clients::Clients, memory, number, percentile};

/// How many commands a client sends a second, and then asks for what changed.
const EACH: u64 = 5;

struct Sample {
    seconds: u64,
    commands: u64,
    memory: u64,
    handles: u64,
}

/// One client in each of the workspaces, for three minutes or `SECONDS`.
pub(crate) async fn soak(name: &str, clients: &Clients<'_>) {
    let seconds = number("SECONDS", 180);
    let pid = clients.server.pid();
    println!("\n{name}: {WORKSPACES} clients, {STREAMS} idle streams of events, {seconds} s");
    println!("  {:>9} {:>10} {:>10} {:>9}", "seconds", "commands", "memory MB", "handles");
    let (sent, mut samples) = (AtomicU64::new(0), Vec::new());
    // Each is open until it is dropped.
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(clients.server.listen(&clients.tokens[HEARD].1).await);
    }
    let (begun, until) = (Instant::now(), Instant::now() + Duration::from_secs(seconds));
    let load = join_all((0..WORKSPACES).map(|workspace| client(clients, workspace, until, &sent)));
    let sampling = async {
        let mut ticks = tokio::time::interval(Duration::from_secs((seconds / 36).max(1)));
        while Instant::now() < until {
            ticks.tick().await;
            let commands = sent.load(Ordering::Relaxed);
            let (memory, handles) = (memory(pid).0, handles(pid));
            samples.push(Sample { seconds: begun.elapsed().as_secs(), commands, memory, handles });
        }
    };
    futures_util::join!(load, sampling);
    for Sample { seconds, commands, memory, handles } in samples.iter().step_by(3) {
        println!("  {seconds:>9} {commands:>10} {memory:>10} {handles:>9}");
    }
    let third = samples.len() / 3;
    let (middle, last) = (&samples[third..2 * third], &samples[2 * third..]);
    for (what, of) in
        [("memory MB", (|sample| sample.memory) as fn(&Sample) -> u64), ("handles", |sample| sample.handles)]
    {
        let median = |part: &[Sample]| percentile(part.iter().map(|sample| of(sample) as f64), 0.5);
        let (middle, last) = (median(middle), median(last));
        println!(
            "  {what}: {middle:.0} in the middle third, {last:.0} in the last, ratio {:.2}",
            last / middle
        );
    }
}

/// Every second, each client at its own part of it.
async fn client(clients: &Clients<'_>, workspace: u64, until: Instant, sent: &AtomicU64) {
    let (http, place) = (Client::new(), usize::try_from(workspace).unwrap());
    let mut since = String::new();
    let mut first = 1_000_000_000 + workspace * 1_000_000;
    tokio::time::sleep(Duration::from_millis(workspace * 1000 / WORKSPACES)).await;
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    while Instant::now() < until {
        seconds.tick().await;
        clients::applied(clients.commands(&http, place, first, EACH), EACH).await;
        sent.fetch_add(EACH, Ordering::Relaxed);
        first += EACH;
        let url = format!("{}/sync/changes?limit=1000{since}", clients.server.url);
        let page = http.get(url).bearer_auth(&clients.tokens[place].1).send().await.unwrap();
        let page: Value = serde_json::from_slice(&page.bytes().await.unwrap()).unwrap();
        since = format!("&since={}", page["next"].as_str().unwrap());
    }
}

fn handles(pid: u32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |open| open.count() as u64)
}
