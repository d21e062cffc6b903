//! A partition's database with the ways in which a real one dies: a call may never come to its commit, or never return from it; a power cut
//! takes what was not forced to the medium, a torn last transaction included. Every transaction is checked when it is done.

mod opener;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::FutureExt as _;
use offline_core::{
    Appended, BoxFuture, Change, Counts, Durability, Fence, Flight, FlightId, JournalEntry, JournalQuery,
    Lease, LeaseStore, NewCommand, OutboxCommand, OutboxQuery, OutboxStore, Resolution, Resolve, Settlement,
    StoreError, Takeover, Unsynced,
    memory::{MemoryDisk, MemoryStore},
};
use offline_protocol::{CommandId, Seq, Timestamp};
use tempfile::TempDir;

use crate::{
    file::{FileStore, left_behind},
    judge,
    model::{End, Place},
    shared::{Shared, locked},
};

pub(crate) use opener::Opener;

/// How a database refuses to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Full,
    Broken,
}

pub(crate) struct Disk {
    shared: Arc<Shared>,
    place: Place,
    state: Mutex<State>,
}

struct State {
    medium: Medium,
    /// Every transaction that wrote, and how many of them a power cut cannot take.
    log: Vec<Write>,
    forced: usize,
    flights: HashMap<FlightId, Vec<CommandId>>,
    last_seq: Option<Seq>,
    /// The latest lease's.
    fence: Fence,
    /// What fails, and how often in a hundred.
    trouble: Option<(Trouble, usize)>,
}

#[derive(Clone)]
enum Write {
    Append(Vec<NewCommand>),
    TakeOff(Flight),
    Settle(Settlement),
    Recover(Fence),
    Resolve(Resolve),
    Prune(usize),
    Wipe,
    Acquire(String, Timestamp, Duration, Takeover),
    Renew(Lease, Timestamp, Duration),
    Release(Lease),
}

/// Where the rows are.
enum Medium {
    Memory(MemoryDisk),
    /// A SQLite file in a folder, with an opener for the checks.
    File(TempDir, Arc<FileStore>),
}

/// A store of either sort.
pub(crate) trait Rows: OutboxStore + LeaseStore {}
impl<T: OutboxStore + LeaseStore> Rows for T {}

/// The answer of the store in memory, which never waits.
fn now<T>(answer: BoxFuture<'_, Result<T, StoreError>>) -> Result<T, StoreError> {
    answer.now_or_never().expect("BUG: the store in memory answers at once")
}

impl Disk {
    pub(crate) fn new(shared: &Arc<Shared>, place: Place) -> Arc<Self> {
        let state = State {
            medium: Medium::Memory(MemoryDisk::new()),
            log: Vec::new(),
            forced: 0,
            flights: HashMap::new(),
            last_seq: None,
            fence: Fence::default(),
            trouble: None,
        };
        Arc::new(Self { shared: Arc::clone(shared), place, state: Mutex::new(state) })
    }

    pub(crate) fn open(self: &Arc<Self>) -> Opener {
        let store: Arc<dyn Rows> = match &locked(&self.state).medium {
            Medium::Memory(memory) => Arc::new(memory.open()),
            Medium::File(folder, _) => Arc::new(self.file(folder)),
        };
        Opener { disk: Arc::clone(self), store }
    }

    /// Keeps the rows in a real file from now on. Nothing may be stored yet.
    pub(crate) fn move_to_file(&self) {
        self.turn_to(TempDir::new().expect("a folder can be made"));
    }

    /// The program that has this open is killed.
    pub(crate) fn killed(&self) {
        let left = match &locked(&self.state).medium {
            Medium::Memory(_) => return,
            Medium::File(folder, _) => left_behind(folder.path()),
        };
        self.turn_to(left);
    }

    fn turn_to(&self, folder: TempDir) {
        let checks = Arc::new(self.file(&folder));
        locked(&self.state).medium = Medium::File(folder, checks);
    }

    fn file(&self, folder: &TempDir) -> FileStore {
        let model = self.shared.model();
        let promises = &model.places[self.place];
        FileStore::open(folder.path(), &promises.workspace, &promises.user)
    }

    pub(crate) fn trouble(&self, trouble: Option<(Trouble, usize)>) {
        locked(&self.state).trouble = trouble;
    }

    /// Everything that stands in the outbox, read past all faults.
    pub(crate) fn outbox(&self) -> Vec<OutboxCommand> {
        now(self.peek().list(OutboxQuery::Seq { after: None, limit: 100_000 })).unwrap_or_default()
    }

    pub(crate) fn journal(&self) -> Vec<JournalEntry> {
        now(self.peek().journal(JournalQuery::Latest { limit: 100_000 })).unwrap_or_default()
    }

    pub(crate) fn counts(&self) -> Counts {
        now(self.peek().counts()).unwrap_or_default()
    }

    fn peek(&self) -> Arc<dyn Rows> {
        match &locked(&self.state).medium {
            Medium::Memory(memory) => Arc::new(memory.open()),
            Medium::File(_, checks) => checks.clone(),
        }
    }

    /// The machine loses its power: all openers are dead, and what was not forced to the medium may be gone, from some point on.
    pub(crate) fn power_cut(&self) {
        let mut state = locked(&self.state);
        let kept = self.shared.dice.between(state.forced, state.log.len());
        let gone: Vec<Write> = state.log.drain(kept..).collect();
        self.shared.trace(|| format!("power cut: p{} loses {} transactions", self.place, gone.len()));
        let memory = MemoryDisk::new();
        state.flights.clear();
        // The lease may be among what is gone, and so is everybody who had one.
        (state.last_seq, state.fence) = (None, Fence::default());
        let store = memory.open();
        state.medium = Medium::Memory(memory);
        for write in state.log.clone() {
            replay(&store, write, &mut state.flights);
        }
        state.forced = kept;
        drop(state);
        let mut model = self.shared.model();
        for write in gone {
            let Write::Append(commands) = write else { continue };
            for NewCommand { command, .. } in commands {
                let promises = &mut model.places[self.place];
                if let Some(known) = promises.commands.get_mut(&command.command_id) {
                    known.lost = true;
                }
                promises.muddy(&command.touches);
            }
        }
    }

    fn wrote(&self, write: Write, force: Durability) {
        let mut state = locked(&self.state);
        if matches!(write, Write::Wipe) {
            (state.log, state.forced, state.last_seq) = (Vec::new(), 0, None);
            state.fence = Fence::default();
            state.flights.clear();
            return;
        }
        state.log.push(write);
        if force == Durability::Strict {
            state.forced = state.log.len();
        }
    }

    /// Something about flights was written under this fence: I5, it is that of the latest lease.
    fn written_under(&self, fence: Fence, what: &str) {
        let latest = locked(&self.state).fence;
        self.shared.check(fence >= latest, || format!("I5: {what} under {fence:?} after {latest:?}"));
    }

    fn fault(&self, writes: bool) -> Result<(), StoreError> {
        let trouble = locked(&self.state).trouble;
        match trouble {
            Some((Trouble::Full, odds)) if writes && self.shared.dice.percent(odds) => Err(StoreError::Full),
            Some((Trouble::Broken, odds)) if self.shared.dice.percent(odds) => {
                Err(StoreError::backend("the database handle is dead"))
            }
            _ => Ok(()),
        }
    }

    fn appended(&self, commands: &[NewCommand], appended: &[Appended], durability: Durability) {
        let mut model = self.shared.model();
        for (new, appended) in commands.iter().zip(appended) {
            let command = &new.command;
            self.shared.trace(|| {
                let (id, seq, expected) = (command.command_id, appended.seq, appended.expected);
                let (what, said) = (&command.command_type, command.payload.as_str());
                format!("p{} stores {id} seq {seq} {what} {said} {expected:?} {durability:?}", self.place)
            });
            if let Err(broken) = model.appended(self.place, command, *appended) {
                self.shared.fail(|| broken);
            }
            if appended.duplicate {
                continue;
            }
            let last = &mut locked(&self.state).last_seq;
            let follows = last.is_none_or(|last| last.next() == appended.seq);
            self.shared.check(follows, || format!("I2: seq {} after {last:?}", appended.seq));
            *last = Some(appended.seq);
        }
    }

    /// None of these has vanished: I4.
    fn still_there(&self, ids: &[CommandId], after: &str) {
        let store = self.peek();
        let outbox = now(store.list(OutboxQuery::Ids(ids.to_vec()))).unwrap_or_default();
        let journal = now(store.journal(JournalQuery::Ids(ids.to_vec()))).unwrap_or_default();
        for id in ids {
            let waits = outbox.iter().any(|command| command.command_id == *id);
            let ended = journal.iter().any(|entry| entry.command.command_id == *id);
            self.shared.check(waits != ended, || {
                format!("I4: after {after}, {id} is in the outbox: {waits}, in the journal: {ended}")
            });
        }
    }

    fn settled(&self, settlement: &Settlement) {
        let flown = locked(&self.state).flights.remove(&settlement.flight_id).unwrap_or_default();
        self.still_there(&flown, "settle");
        let parked = now(self.peek().list(OutboxQuery::Ids(flown.clone()))).unwrap_or_default();
        let mut model = self.shared.model();
        for (id, change) in settlement.changes.iter().filter(|(id, _)| flown.contains(id)) {
            self.shared.trace(|| format!("p{} settles {id}: {}", self.place, judge::told(change)));
            if let Err(broken) = judge::settled(&mut model, self.place, *id, change) {
                self.shared.fail(|| broken);
            }
            if matches!(change, Change::Failed { .. } | Change::Conflict { .. }) {
                let reason = parked.iter().find(|command| command.command_id == *id);
                let reason = reason.filter(|command| command.status.is_parked());
                let named = reason.is_some_and(|command| command.last_error.is_some());
                self.shared.check(named, || format!("I4: {id} is parked without a reason"));
            }
        }
    }

    /// The partition is emptied with nobody's leave to lose anything: every caller here asks to keep what is unsynced.
    fn wiped(&self, lost: &[OutboxCommand]) {
        self.shared.trace(|| format!("p{} is wiped", self.place));
        let mut model = self.shared.model();
        let promises = &mut model.places[self.place];
        for command in lost {
            let acknowledged =
                promises.commands.get(&command.command_id).is_some_and(|known| known.acknowledged);
            self.shared.check(!acknowledged, || {
                format!("I4: {} was acknowledged, and is wiped without leave", command.command_id)
            });
        }
        promises.forget_all();
    }

    fn decided(&self, resolve: &Resolve) {
        let mut model = self.shared.model();
        let promises = &mut model.places[self.place];
        match &resolve.resolution {
            Resolution::Retry { edited, .. } => {
                self.shared.trace(|| format!("p{} retries {}", self.place, resolve.command_id));
                if let Some((_, touches)) = edited
                    && let Some(known) = promises.commands.get_mut(&resolve.command_id)
                {
                    known.edited = true;
                    known.rerouted |= known.touches != *touches;
                    known.touches.clone_from(touches);
                }
            }
            Resolution::Discard { also, rebase } => {
                for rebase in rebase {
                    if let Some(known) = promises.commands.get_mut(&rebase.command_id) {
                        known.edited = true;
                    }
                }
                let gone: Vec<_> = std::iter::once(resolve.command_id).chain(also.iter().copied()).collect();
                self.still_there(&gone, "discard");
                let entries = now(self.peek().journal(JournalQuery::Ids(gone))).unwrap_or_default();
                for JournalEntry { command, outcome, .. } in entries {
                    let offline_core::JournalOutcome::Discarded { maybe_applied } = outcome else { continue };
                    let id = command.command_id;
                    self.shared.trace(|| format!("p{} discards {id}, maybe {maybe_applied}", self.place));
                    if let Some(known) = promises.commands.get_mut(&id) {
                        known.end = Some(End::Discarded { maybe_applied });
                    }
                    promises.muddy(&command.touches);
                }
            }
        }
    }
}

/// Does again what a database finds in its log when it is opened after a crash.
fn replay(store: &MemoryStore, write: Write, flights: &mut HashMap<FlightId, Vec<CommandId>>) {
    let done = match write {
        Write::Append(commands) => now(store.append(commands, Durability::Strict)).map(drop),
        Write::TakeOff(flight) => {
            let id = flight.flight_id;
            now(store.take_off(flight)).map(|flown| {
                flights.insert(id, flown.iter().map(|command| command.command_id).collect());
            })
        }
        Write::Settle(settlement) => {
            flights.remove(&settlement.flight_id);
            now(store.settle(settlement)).map(drop)
        }
        Write::Recover(fence) => {
            flights.clear();
            now(store.recover(fence)).map(drop)
        }
        Write::Resolve(resolve) => now(store.resolve(resolve)).map(drop),
        Write::Prune(keep) => now(store.prune_journal(keep)).map(drop),
        Write::Wipe => now(store.wipe(Unsynced::Lose)).map(drop),
        Write::Acquire(holder, at, ttl, takeover) => now(store.acquire(&holder, at, ttl, takeover)).map(drop),
        Write::Renew(lease, at, ttl) => now(store.renew(&lease, at, ttl)).map(drop),
        Write::Release(lease) => now(store.release(&lease)).map(drop),
    };
    done.expect("BUG: what was written once can be written again");
}
