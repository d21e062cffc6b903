//! What only several processes can show: a kill in the middle of writing, and two programs on one file.
//!
//! The test starts itself again with a role in its environment; such a child prints one line for each call that has resolved.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use libtest_mimic::{Arguments, Failed, Trial};
use offline_conformance::samples;
use offline_core::{
    Appended, Durability, LeaseStore, OutboxCommand, OutboxQuery, OutboxStore, StoreError, Takeover, Unsynced,
};
use offline_protocol::{DeviceId, Expected};
use offline_sqlite::SqliteStore;
use tempfile::TempDir;

const ROLE: &str = "OFFLINE_SQLITE_TEST_ROLE";
const FOLDER: &str = "OFFLINE_SQLITE_TEST_FOLDER";
const FIRST: &str = "OFFLINE_SQLITE_TEST_FIRST";

/// Calls that a child keeps under way at once, so that a kill hits transactions of several.
const AT_ONCE: u64 = 4;

fn main() {
    if let Ok(role) = env::var(ROLE) {
        let folder = env::var(FOLDER).expect("the child has a folder");
        let first = env::var(FIRST).expect("the child has a number").parse().expect("a number");
        return block_on(child(&role, folder.as_ref(), first)).expect("the child does its work");
    }
    let trials = vec![
        trial("a_killed_process_loses_no_command_that_was_acknowledged", killed),
        trial("a_kill_between_flight_and_settlement_leaves_the_flight", killed_in_flight),
        trial("two_processes_append_to_one_gap_free_outbox", two_append),
        trial("two_processes_open_a_new_file_at_once", two_open),
        trial("two_processes_never_get_the_same_fence", two_lease),
        trial("a_wipe_closes_the_stores_of_other_processes", wiped),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial(name: &str, test: fn() -> Result<(), Failed>) -> Trial {
    Trial::test(name, test)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    let command = samples::command(1).command;
    let device = DeviceId::new("device").expect("a device id");
    SqliteStore::open(folder, &command.workspace_id, &command.user_id, &device)
}

fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("the parent listens");
}

async fn child(role: &str, folder: &Path, first: u64) -> Result<(), StoreError> {
    let store = Arc::new(open(folder)?);
    match role {
        "append" => {
            let mut number = first;
            loop {
                let calls = (number..number + AT_ONCE).map(|number| append(&store, number));
                for appended in join_all(calls).await {
                    appended?;
                }
                number += AT_ONCE;
            }
        }
        "append 100" => {
            for number in (first..first + 100).step_by(5) {
                let calls = (number..number + 5).map(|number| append(&store, number));
                for appended in join_all(calls).await {
                    appended?;
                }
            }
        }
        "lease" => {
            for round in 0..50 {
                let holder = format!("{first}-{round}");
                let taken = store.acquire(&holder, samples::at(0), Duration::from_secs(60), Takeover::Always);
                say(taken.await?.expect("a takeover is granted").fence.0);
            }
        }
        "fly" => {
            let lease = store.acquire("child", samples::at(0), Duration::from_secs(60), Takeover::Always);
            let fence = lease.await?.expect("a takeover is granted").fence;
            let flight_id = offline_core::FlightId(*samples::id(first).as_uuid());
            let commands = vec![samples::id(1), samples::id(2)];
            let flight = offline_core::Flight { flight_id, fence, commands, at: samples::at(0) };
            say(store.take_off(flight).await?.len());
            std::future::pending::<()>().await;
        }
        "open" => say(store.device_id()),
        "wait for the wipe" => {
            say(store.counts().await?.unsettled());
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).expect("the parent speaks");
            say(matches!(store.counts().await, Err(StoreError::Closed)));
        }
        other => panic!("there is no role {other}"),
    }
    Ok(())
}

/// Appends one command to a lane of its process, and says so when it is done.
async fn append(store: &SqliteStore, number: u64) -> Result<(), StoreError> {
    let new = samples::chained(number, &["shared"], None);
    let durability = if number.is_multiple_of(2) { Durability::Strict } else { Durability::Relaxed };
    let appended: Vec<Appended> = store.append(vec![new], durability).await?;
    say(format_args!("{number} {}", appended[0].seq));
    Ok(())
}

fn start(role: &str, folder: &Path, first: u64) -> Child {
    Command::new(env::current_exe().expect("the test knows its file"))
        .env(ROLE, role)
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts")
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let out = child.stdout.take().expect("the child's output is a pipe");
    BufReader::new(out).lines().map_while(Result::ok)
}

fn all(store: &SqliteStore) -> Result<Vec<OutboxCommand>, StoreError> {
    block_on(store.list(OutboxQuery::Seq { after: None, limit: 1_000_000 }))
}

/// The numbers have no gap, and each command follows the one before it on their common record.
fn is_sound(stored: &[OutboxCommand]) -> Result<(), Failed> {
    let places: Vec<_> = stored.iter().map(|command| command.seq.get()).collect();
    if places != (1..=stored.len() as u64).collect::<Vec<_>>() {
        return Err("the outbox has gaps".into());
    }
    let follows = |pair: &[OutboxCommand]| pair[1].expected == Some(Expected::After(pair[0].command_id));
    if stored.windows(2).all(follows) { Ok(()) } else { Err("the chain is broken".into()) }
}

fn killed() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let mut acknowledged = BTreeSet::new();
    for round in 0..6_u64 {
        let mut child = start("append", folder.path(), 1 + round * 1_000_000);
        let mut output = lines(&mut child);
        let enough = 10 + round as usize * 37;
        acknowledged.extend(output.by_ref().take(enough));
        child.kill()?;
        child.wait()?;
        acknowledged.extend(output.filter(|line| line.contains(' ')));
        let store = open(folder.path())?;
        let stored = all(&store)?;
        is_sound(&stored)?;
        let kept: BTreeSet<_> = stored
            .iter()
            .map(|command| {
                let number = command.command_id.as_uuid().as_u128() & 0xffff_ffff;
                format!("{number} {}", command.seq)
            })
            .collect();
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        if !lost.is_empty() {
            return Err(format!("round {round} lost {lost:?} of {} commands", acknowledged.len()).into());
        }
        let counts = block_on(store.counts())?;
        if counts.pending != stored.len() as u64 {
            return Err("the counts are not those of the commands".into());
        }
    }
    if acknowledged.len() < 6 * 10 {
        return Err("the children have acknowledged too little to prove anything".into());
    }
    Ok(())
}

fn killed_in_flight() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let store = open(folder.path())?;
    block_on(store.append(samples::commands([1, 2, 3]), Durability::Strict))?;
    let mut child = start("fly", folder.path(), 7);
    let taken = lines(&mut child).next();
    child.kill()?;
    child.wait()?;
    if taken.as_deref() != Some("2") || block_on(store.counts())?.in_flight != 2 {
        return Err("the flight is not there".into());
    }
    let lease = store.acquire("parent", samples::at(0), Duration::from_secs(60), Takeover::Always);
    let fence = block_on(lease)?.ok_or("a takeover was refused")?.fence;
    let recovered = block_on(store.recover(fence))?;
    let counts = block_on(store.counts())?;
    if recovered == [samples::id(1), samples::id(2)] && (counts.pending, counts.in_flight) == (3, 0) {
        Ok(())
    } else {
        Err("the flight was not put back".into())
    }
}

fn two_append() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let mut children = [1, 1001].map(|first| start("append 100", folder.path(), first));
    let said: Vec<String> = children.each_mut().map(lines).into_iter().flatten().collect();
    for child in &mut children {
        if !child.wait()?.success() {
            return Err("a child has failed".into());
        }
    }
    let stored = all(&open(folder.path())?)?;
    is_sound(&stored)?;
    if (stored.len(), said.len()) == (200, 200) { Ok(()) } else { Err("commands are missing".into()) }
}

fn two_open() -> Result<(), Failed> {
    for _ in 0..5 {
        let folder = TempDir::new()?;
        let mut children = [1, 2, 3, 4].map(|first| start("open", folder.path(), first));
        let said: Vec<String> = children.each_mut().map(lines).into_iter().flatten().collect();
        for child in &mut children {
            child.wait()?;
        }
        if said != ["device"; 4] {
            return Err(format!("the children said {said:?}").into());
        }
    }
    Ok(())
}

fn two_lease() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let mut children = [1, 2].map(|first| start("lease", folder.path(), first));
    let outputs = children.each_mut().map(|child| lines(child).collect::<Vec<_>>());
    for child in &mut children {
        child.wait()?;
    }
    let mut fences = BTreeSet::new();
    for output in outputs {
        let numbers = output.iter().map(|line| line.parse::<u64>()).collect::<Result<Vec<_>, _>>()?;
        if !numbers.is_sorted() {
            return Err("the fences of a process do not grow".into());
        }
        fences.extend(numbers);
    }
    if fences == (1..=100).collect() { Ok(()) } else { Err("a fence was given twice".into()) }
}

fn wiped() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let store = open(folder.path())?;
    block_on(store.append(samples::commands([1, 2, 3]), Durability::Strict))?;
    let mut child = start("wait for the wipe", folder.path(), 1);
    let mut output = lines(&mut child);
    let before = output.next();
    block_on(store.wipe(Unsynced::Lose))?;
    child.stdin.take().ok_or("the child's input is a pipe")?.write_all(b"wiped\n")?;
    let closed = output.next();
    child.wait()?;
    if (before.as_deref(), closed.as_deref()) == (Some("3"), Some("true")) {
        Ok(())
    } else {
        Err(format!("the child said {before:?}, {closed:?}").into())
    }
}
