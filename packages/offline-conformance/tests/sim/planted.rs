//! Whether the simulator finds bugs that are there: each planted in its turn, and the number of worlds until one of them shows it.

use std::process::ExitCode;

use offline_protocol::planted::{Bug, plant};

use crate::run::{cores, live};

const BUGS: [Bug; 20] = [
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
    Bug::NoFenceCheck,
];

/// How often each bug is looked for, and how long at most.
const HUNTS: u64 = 3;
const PATIENCE: u64 = 8000;

/// How many worlds, from this one on, until the bug is found; with what was said then.
fn hunt(first: u64) -> Option<(u64, String)> {
    use std::sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    };
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

pub(crate) fn report() -> ExitCode {
    let mut all = true;
    println!("{:<26} {:>6}  first said", "planted bug", "median");
    for bug in BUGS {
        plant(Some(bug));
        let mut found: Vec<_> = (0..HUNTS).filter_map(|hunt_at| hunt(1_000_000 * (hunt_at + 1))).collect();
        found.sort();
        let name = format!("{bug:?}");
        match found.get(HUNTS as usize / 2).filter(|_| found.len() == HUNTS as usize) {
            Some((seeds, said)) => {
                println!("{name:<26} {seeds:>6}  {}", said.split(':').next().unwrap_or(said))
            }
            None => {
                all = false;
                println!("{name:<26} found in {} of {HUNTS} hunts over {PATIENCE} seeds", found.len());
            }
        }
    }
    plant(None);
    if all {
        println!("{} of {} planted bugs are found", BUGS.len(), BUGS.len());
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
