//! Whether the simulator finds bugs that are there: each planted in its turn, and the number of worlds until one of them shows it.

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use libtest_mimic::{Arguments, Trial};
use offline_protocol::planted::{Bug, plant};

use crate::run::{cores, live};

const BUGS: [Bug; 23] = [
    Bug::NoFenceCheck,
    Bug::SettleInTwoSteps,
    Bug::OrderByTime,
    Bug::AttemptsCountedOffline,
    Bug::PortalAccepted,
    Bug::ReceiptBeforeEffect,
    Bug::TroubleParks,
    Bug::GroupCommitEarly,
    Bug::HeldAsApplied,
    Bug::FlightNotRecovered,
    Bug::ParkedBlocksNothing,
    Bug::ChainForgotten,
    Bug::ServerLaneIgnored,
    Bug::ForeignWorkspaceAccepted,
    Bug::AnswerNotMatched,
    Bug::ClockTrusted,
    Bug::OverlayForgetsJournal,
    Bug::WipeCountsFirst,
    Bug::PauseWithoutEnd,
    Bug::LeaseWithoutToken,
    Bug::TermsBelievedForEver,
    Bug::WriteBegunAgain,
    Bug::AheadOfARefusal,
];

/// How often each bug is looked for, and how long at most.
const HUNTS: u64 = 3;
const PATIENCE: u64 = 8000;

/// How many worlds, from this one on, until the bug is found; with what was said then.
fn hunt(first: u64) -> Option<(u64, String)> {
    let (next, found) = (AtomicU64::new(0), Mutex::new(None::<(u64, String)>));
    let work = || {
        loop {
            let tried = next.fetch_add(1, Ordering::Relaxed);
            let done = found.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            if done || tried >= PATIENCE {
                return;
            }
            if let Some(failure) = live(first + tried, false).failure {
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                if found.as_ref().is_none_or(|(earlier, _)| tried + 1 < *earlier) {
                    *found = Some((tried + 1, failure));
                }
            }
        }
    };
    std::thread::scope(|scope| (0..cores()).for_each(|_| drop(scope.spawn(work))));
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// One test a bug, with a table of the medians after them.
pub(crate) fn report() -> ExitCode {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let trial = |bug: Bug| {
        Trial::test(format!("planted::{bug:?}_is_found"), move || {
            plant(Some(bug));
            let mut found: Vec<_> = (1..=HUNTS).filter_map(|hunt_at| hunt(1_000_000 * hunt_at)).collect();
            plant(None);
            found.sort();
            // A hunt that finds nothing takes longer than all others: as long as most find it, there is a median.
            let Some((worlds, said)) = found.get(HUNTS as usize / 2) else {
                return Err(
                    format!("found in {} of {HUNTS} hunts over {PATIENCE} worlds", found.len()).into()
                );
            };
            let (of, told) = (found.len(), said.split(':').next().unwrap_or(said));
            LINES.lock().unwrap().push(format!("{:<26} {worlds:>6} {of:>5}  {told}", format!("{bug:?}")));
            Ok(())
        })
    };
    // A planted bug is the whole program's, and a hunt takes all cores.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::default() };
    let conclusion = libtest_mimic::run(&arguments, BUGS.map(trial).into());
    println!("{:<26} {:>6} {:>5}  told by", "planted bug", "worlds", "hunts");
    LINES.lock().unwrap().iter().for_each(|line| println!("{line}"));
    conclusion.exit_code()
}
