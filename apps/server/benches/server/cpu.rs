//! How long the processors were busy, which tells more than a clock does on a machine that others use as well.

use std::fs;

use crate::median;

/// What a tick of the system's accounts is, in microseconds.
const TICK: f64 = 10_000.0;

/// The processors' time of each side, in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Busy {
    pub(crate) server: f64,
    /// Of PostgreSQL, with all its processes.
    pub(crate) database: f64,
    /// Of the benchmark itself: of the clients, or of the store without HTTP.
    pub(crate) here: f64,
}

impl Busy {
    /// Since the beginning.
    pub(crate) fn now(server: u32, postgres: Option<u32>) -> Self {
        let database = postgres.map_or(0.0, |first| of_family(&first.to_string()));
        Self { server: of(&server.to_string()).0, database, here: of("self").0 }
    }

    /// Since then, for each of so many commands.
    pub(crate) fn since(&self, then: &Self, commands: u64) -> Self {
        let each = |now: f64, then: f64| (now - then) / commands as f64;
        Self {
            server: each(self.server, then.server),
            database: each(self.database, then.database),
            here: each(self.here, then.here),
        }
    }

    pub(crate) fn median(all: impl Iterator<Item = Self> + Clone) -> Self {
        Self {
            server: median(all.clone().map(|busy| busy.server)),
            database: median(all.clone().map(|busy| busy.database)),
            here: median(all.map(|busy| busy.here)),
        }
    }
}

/// A process's own time, that of its children which have ended, and its parent.
fn of(process: &str) -> (f64, f64, String) {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Behind the program's name, which may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    let parent = fields.get(1).copied().unwrap_or_default();
    ((ticks(11) + ticks(12)) * TICK, (ticks(13) + ticks(14)) * TICK, parent.to_owned())
}

/// The time of a process and its children.
fn of_family(first: &str) -> f64 {
    let (own, ended, _) = of(first);
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let children = names.map(|name| of(&name)).filter(|(_, _, parent)| parent == first);
    own + ended + children.map(|(own, _, _)| own).sum::<f64>()
}
