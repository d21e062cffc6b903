//! Bugs that are planted to see whether the tests find them. Compiled with `--cfg planted` alone, which no build of the product has.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A bug that somebody could have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The store does not compare the fence.
    NoFenceCheck = 1,
    /// What is applied leaves the outbox in one transaction and reaches the journal in another.
    SettleInTwoSteps,
    /// Commands are sent in the order of their times.
    OrderByTime,
    /// A request that never left the device counts as an attempt.
    AttemptsCountedOffline,
    /// Whatever answers is believed.
    PortalAccepted,
    /// The receipt says applied before the handler has spoken.
    ReceiptBeforeEffect,
    /// A 5xx is taken as a refusal.
    TroubleParks,
    /// An enqueue that joins others resolves before they are stored.
    GroupCommitEarly,
    /// Every lease has the same fence.
    LeaseWithoutToken,
    /// `held` is taken as `applied`.
    HeldAsApplied,
    /// Whoever takes over leaves flights where they are.
    FlightNotRecovered,
    /// What is parked holds nothing back.
    ParkedBlocksNothing,
    /// A command does not follow its author's own ones.
    ChainForgotten,
    /// The server goes on with a record after a refusal.
    ServerLaneIgnored,
    /// A command of another workspace is executed in the token's.
    ForeignWorkspaceAccepted,
    /// Answers are taken in their order, whoever they name.
    AnswerNotMatched,
    /// A wait lasts until its time, wherever the clock has gone.
    ClockTrusted,
    /// The overlay forgets what was applied since the last read.
    OverlayForgetsJournal,
    /// A wipe counts first and deletes then.
    WipeCountsFirst,
    /// A pause sleeps through what ends it.
    PauseWithoutEnd,
    /// A type that the server has paused once is paused until there is trouble with the network.
    TermsBelievedForEver,
    /// A write whose caller goes away is begun again for the others, behind what came later.
    WriteBegunAgain,
    /// What was put together while a flight was in the air goes although not all of that was applied.
    AheadOfARefusal,
}

static PLANTED: AtomicUsize = AtomicUsize::new(0);

/// Plants a bug in the place of another one, for the whole program.
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as usize), Ordering::Relaxed);
}

/// Whether this one is planted.
pub fn is(bug: Bug) -> bool {
    PLANTED.load(Ordering::Relaxed) == bug as usize
}
