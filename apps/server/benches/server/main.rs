//! The real server over HTTP beside its own stores without HTTP, on PostgreSQL and SQLite, both on the disk, alternating. Prints ratios, judges
//! nothing.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a benchmark ends with its first surprise"
)]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![allow(clippy::cast_precision_loss, reason = "rates are read by people")]

mod bare;
mod clients;
mod cpu;
mod pgbench;
mod soak;
#[path = "../../tests/support/mod.rs"]
mod support;
mod wire;

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use offline_protocol::{UserId, WorkspaceId};
use offline_server::{ChangeLog, Identity, PostgresStore, SqliteStore, Store, SystemClock, Tokens};
use private_postgres::PrivatePostgres;
use tokio_postgres::NoTls;

use clients::{Clients, Single};
use cpu::Busy;
use support::ServerProcess;

const SECRET: &str = "a secret that only the benchmark knows";
const WORKSPACES: u64 = 200;
/// The places, among the workspaces, of the one with many records and the one that is listened to.
const FULL: usize = 200;
const HEARD: usize = 201;
const RECORDS: u64 = 100_000;
const STREAMS: usize = 1000;

/// A database with a server over it, and one with the stores alone.
struct Site {
    name: &'static str,
    server: ServerProcess,
    tokens: Vec<(String, String)>,
    bare: Arc<dyn Store>,
    /// Each of them runs one transaction at a time.
    apart: Vec<Arc<dyn Store>>,
    /// A second pair of eyes on the server's database.
    beside: (Arc<dyn Store>, Arc<dyn ChangeLog>),
    /// The database's first process, when it is not in ours.
    postgres: Option<u32>,
    next: u64,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn workspaces() -> Vec<(String, String)> {
    let tokens = Tokens::new(SECRET.as_bytes(), Arc::new(SystemClock));
    let names = (0..WORKSPACES).map(|number| format!("w{number}")).chain(["full".into(), "heard".into()]);
    let token = |name: String| {
        let workspace_id = WorkspaceId::new(name.clone()).unwrap();
        let identity = Identity { workspace_id, user_id: UserId::new("ana").unwrap() };
        (name, tokens.issue(&identity, Duration::from_secs(3600)).unwrap().0)
    };
    names.map(token).collect()
}

fn start(folder: &std::path::Path, flags: &[&str], tokens: &[(String, String)]) -> ServerProcess {
    let members: Vec<String> = tokens.iter().map(|(name, _)| format!("{name}/ana")).collect();
    let mut all = vec!["--jwt-secret", SECRET, "--rate-limit", "0"];
    all.extend(flags);
    all.extend(members.iter().flat_map(|member| ["--member", member.as_str()]));
    ServerProcess::start(folder, &all)
}

async fn on_postgres(postgres: &PrivatePostgres, folder: &std::path::Path) -> Site {
    let (admin, connection) = tokio_postgres::connect(&postgres.url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    admin.batch_execute("CREATE DATABASE ours").await.unwrap();
    admin.batch_execute("CREATE DATABASE bare").await.unwrap();
    let tokens = workspaces();
    let server = start(folder, &["--database-url", &postgres.url("ours")], &tokens);
    let open = async |name| Arc::new(PostgresStore::open(&postgres.url(name)).await.unwrap());
    let beside = open("ours").await;
    let mut apart: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..16 {
        apart.push(open("bare").await);
    }
    let bare = open("bare").await;
    let beside: (Arc<dyn Store>, Arc<dyn ChangeLog>) = (beside.clone(), beside);
    Site { name: "PostgreSQL", server, tokens, bare, apart, beside, postgres: postgres.pid(), next: 1 }
}

fn on_sqlite(folder: &std::path::Path) -> Site {
    let tokens = workspaces();
    let server = start(folder, &[], &tokens);
    let open = |name: &str| Arc::new(SqliteStore::open(&folder.join(name)).unwrap());
    let (bare, beside) = (open("bare.sqlite"), open("server.sqlite"));
    let apart: Vec<Arc<dyn Store>> = vec![bare.clone()];
    let beside: (Arc<dyn Store>, Arc<dyn ChangeLog>) = (beside.clone(), beside);
    Site { name: "SQLite", server, tokens, bare, apart, beside, postgres: None, next: 1 }
}

/// What was measured on both sides, round by round.
struct Row {
    name: String,
    pairs: Vec<(f64, f64)>,
    /// The processors' time for each command, of ours and of what is beside it.
    busy: Vec<(Busy, Busy)>,
    bound: &'static str,
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(values, 0.5)
}

fn percentile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

fn millis(times: &[Duration]) -> impl Iterator<Item = f64> {
    times.iter().map(|time| time.as_secs_f64() * 1000.0)
}

impl Site {
    fn clients(&self) -> Clients<'_> {
        Clients { server: &self.server, tokens: &self.tokens }
    }

    /// So many numbers that no other command has.
    fn numbers(&mut self, many: u64) -> u64 {
        let first = self.next;
        self.next += many;
        first
    }

    /// What [`Clients::batches`] sends, straight into the store.
    async fn bare_batches(&self, first: u64, clients: u64, many: u64, workspaces: u64) -> f64 {
        let names = self.tokens[..usize::try_from(workspaces).unwrap()].iter();
        let members = join_all(names.map(|(name, _)| bare::member(name))).await;
        let since = Instant::now();
        join_all((0..clients).map(|of| {
            let (store, members) = (Arc::clone(&self.bare), members.clone());
            tokio::spawn(async move {
                for number in (0..many).map(|number| of + number * clients) {
                    let member = &members[usize::try_from(number % workspaces).unwrap()];
                    bare::create(&*store, member, first + number * 100, 100).await;
                }
            })
        }))
        .await
        .into_iter()
        .for_each(Result::unwrap);
        (clients * many * 100) as f64 / since.elapsed().as_secs_f64()
    }

    /// One command a transaction, from as many at once as that helps.
    async fn one_each(&self, first: u64, many: u64) -> f64 {
        let member = bare::member(&self.tokens[0].0).await;
        let since = Instant::now();
        join_all((0..).zip(&self.apart).map(|(of, store)| {
            let (store, member) = (Arc::clone(store), member.clone());
            tokio::spawn(async move {
                for number in 0..many {
                    bare::create(&*store, &member, first + of * many + number, 1).await;
                }
            })
        }))
        .await
        .into_iter()
        .for_each(Result::unwrap);
        (self.apart.len() as u64 * many) as f64 / since.elapsed().as_secs_f64()
    }

    async fn measure(&mut self, rounds: u64, many: u64) {
        let alone = std::env::var("PART").is_ok_and(|part| part == "singles");
        let mut batches = vec![("200 workspaces", WORKSPACES), ("one hot workspace", 1)];
        if alone {
            batches.clear();
        }
        let singles = [("POST /expenses", Single::Rest), ("POST /sync/commands with one", Single::Batch)];
        let mut rows: Vec<Row> = Vec::new();
        for (name, _) in &batches {
            let name = format!("batches of 100, 16 clients, {name}; beside it: the store without HTTP");
            rows.push(Row { name, pairs: Vec::new(), busy: Vec::new(), bound: "at least 0.7" });
        }
        let single_bound = if self.name == "SQLite" { "at least 15" } else { "at least 5" };
        for (name, _) in singles {
            let name = format!("{name}, 64 clients; beside it: one transaction each");
            rows.push(Row { name, pairs: Vec::new(), busy: Vec::new(), bound: single_bound });
        }
        let mut times = [Vec::new(), Vec::new()];
        // The first round warms up.
        for round in 0..=rounds {
            for (row, (_, workspaces)) in batches.iter().copied().enumerate() {
                let first = self.numbers(16 * many * 100);
                let begun = self.busy();
                let ours = self.clients().batches(first, 16, many, workspaces).await;
                let between = self.busy();
                let bare = self.bare_batches(first, 16, many, workspaces).await;
                rows[row].pairs.push((ours, bare));
                let commands = 16 * many * 100;
                let busy = (between.since(&begun, commands), self.busy().since(&between, commands));
                rows[row].busy.push(busy);
            }
            for (row, (_, how)) in singles.into_iter().enumerate() {
                let first = self.numbers(64 * many * 5);
                let begun = self.busy();
                let (ours, each) = self.clients().singles(how, first, 64, many * 5).await;
                let between = self.busy();
                let alone = 20 * many / self.apart.len() as u64;
                let apart = self.one_each(first, alone).await;
                rows[batches.len() + row].pairs.push((ours, apart));
                let commands = self.apart.len() as u64 * alone;
                let busy = (between.since(&begun, 64 * many * 5), self.busy().since(&between, commands));
                rows[batches.len() + row].busy.push(busy);
                if round > 0 {
                    times[row].extend(each);
                }
            }
        }
        println!("\n{}, medians of {rounds} rounds", self.name);
        for row in &rows {
            let pairs = &row.pairs[1..];
            let (ours, bare) =
                (median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1)));
            let ratio = median(pairs.iter().map(|pair| pair.0 / pair.1));
            println!("  {}: {ours:.0}/s beside {bare:.0}/s, ratio {ratio:.2} ({})", row.name, row.bound);
            let busy = &row.busy[1..];
            let (ours, bare) =
                (Busy::median(busy.iter().map(|busy| busy.0)), Busy::median(busy.iter().map(|busy| busy.1)));
            println!(
                "    processor time a command: {:.0} us of the server, {:.0} of the database, {:.0} of the clients; beside it {:.0} and {:.0}",
                ours.server, ours.database, ours.here, bare.here, bare.database
            );
        }
        for ((name, _), times) in singles.iter().zip(&times) {
            let (half, most) = (median(millis(times)), percentile(millis(times), 0.99));
            println!("  {name}: p50 {half:.1} ms, p99 {most:.1} ms");
        }
        if !alone {
            self.measure_catch_up(rounds).await;
            self.measure_events().await;
        }
    }

    async fn measure_catch_up(&mut self, rounds: u64) {
        let member = bare::member(&self.tokens[FULL].0).await;
        for _ in 0..RECORDS / 1000 {
            let first = self.numbers(1000);
            bare::create(&*self.beside.0, &member, first, 1000).await;
        }
        for limit in [1000, 10_000] {
            let (before, _) = self.memory();
            let mut pairs = Vec::new();
            for _ in 0..rounds {
                let since = Instant::now();
                assert_eq!(self.clients().catch_up(FULL, limit).await, RECORDS);
                let ours = RECORDS as f64 / since.elapsed().as_secs_f64();
                let since = Instant::now();
                assert_eq!(bare::catch_up(&*self.beside.1, &member, limit).await, RECORDS);
                pairs.push((ours, RECORDS as f64 / since.elapsed().as_secs_f64()));
            }
            let (after, peak) = self.memory();
            let (ours, bare) =
                (median(pairs.iter().map(|pair| pair.0)), median(pairs.iter().map(|pair| pair.1)));
            println!(
                "  100,000 changes behind, pages of {limit}: {ours:.0} records/s (at least 50000) beside {bare:.0}/s from the log without HTTP, \
                 ratio {:.2}; the server's memory {before} MB before, {after} MB after, {peak} MB at most so far",
                ours / bare
            );
        }
    }

    async fn measure_events(&mut self) {
        let first = self.numbers(20);
        let times = self.clients().events(HEARD, STREAMS, first..first + 20).await;
        let last = times.iter().map(|seen| percentile(millis(seen), 1.0));
        let all: Vec<Duration> = times.concat();
        let (every, each) = (median(last), percentile(millis(&all), 0.99));
        println!(
            "  {STREAMS} streams, from sending the command until all have heard: median {every:.0} ms (at most 100); p99 of a single stream {each:.0} ms; \
             the server's memory {} MB",
            self.memory().0
        );
    }

    fn busy(&self) -> Busy {
        Busy::now(self.server.pid(), self.postgres)
    }

    fn memory(&self) -> (u64, u64) {
        memory(self.server.pid())
    }
}

/// A process's resident memory now, and the most it ever had, in MB.
fn memory(pid: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

#[tokio::main]
async fn main() {
    let (rounds, many) = (number("ROUNDS", 3).max(1), number("MANY", 3).max(1));
    let load = || fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load before: {}", load().trim());
    let folder = tempfile::tempdir().unwrap();
    let postgres = PrivatePostgres::temporary_on_disk().unwrap();
    let (in_postgres, in_sqlite) = (folder.path().join("postgres"), folder.path().join("sqlite"));
    if std::env::args().any(|argument| argument == "soak") {
        let site = on_sqlite(&in_sqlite);
        soak::soak(site.name, &site.clients()).await;
        drop(site);
        let site = on_postgres(&postgres, &in_postgres).await;
        soak::soak(site.name, &site.clients()).await;
    } else {
        let only = std::env::var("ONLY").unwrap_or_default();
        if only != "sqlite" {
            on_postgres(&postgres, &in_postgres).await.measure(rounds, many).await;
            pgbench::batches(&postgres, "bare", rounds, many);
        }
        if only != "postgres" {
            on_sqlite(&in_sqlite).measure(rounds, many).await;
        }
    }
    println!("\nload after: {}", load().trim());
}
