//! From the server's outcomes to what happens to the commands of a flight.

use std::time::Duration;

use offline_protocol::{
    CommandId, Conflict, ConflictReason, Outcome, Problem, ProblemCode, Timestamp, Verdict,
};

use crate::{
    Applied, Change, Failure, RetryPolicy,
    plan::{Moment, engine_failure},
};

/// The code of a command that comes after one which neither the outbox nor the server knows.
pub(crate) const UNKNOWN_DEPENDENCY: &str = "unknown-dependency";
/// How often `held` by a command that the outbox does not hold is believed to be a matter of time.
const UNKNOWN_PREDECESSOR_TRIES: u32 = 6;

/// What the rules need to know of a command that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) command_id: CommandId,
    /// Before this flight.
    pub(crate) attempts: u32,
}

/// One change for each outcome. `None` when the answer does not fit what was sent: then none of it is believed.
pub(crate) fn changes(
    sent: &[Sent],
    outcomes: Vec<Outcome>,
    retry: &RetryPolicy,
    moment: Moment,
) -> Option<Vec<(CommandId, Change)>> {
    let fits = sent.len() == outcomes.len()
        && sent.iter().zip(&outcomes).all(|(sent, outcome)| outcome.command_id == Some(sent.command_id));
    #[cfg(planted)]
    let fits = fits
        || sent.len() == outcomes.len()
            && offline_protocol::planted::is(offline_protocol::planted::Bug::AnswerNotMatched);
    if !fits {
        return None;
    }
    let change = |(one, outcome): (&Sent, Outcome)| {
        (one.command_id, change(*one, outcome.verdict, sent, retry, moment))
    };
    Some(sent.iter().zip(outcomes).map(change).collect())
}

fn change(sent: Sent, verdict: Verdict, flight: &[Sent], retry: &RetryPolicy, moment: Moment) -> Change {
    let now = moment.now;
    let attempts = sent.attempts.saturating_add(1);
    let own_delay = retry.delay(attempts, moment.random);
    match verdict {
        #[cfg(planted)]
        Verdict::Held { .. }
            if offline_protocol::planted::is(offline_protocol::planted::Bug::HeldAsApplied) =>
        {
            Change::Applied(Applied {
                versions: Vec::new(),
                change_seq: offline_protocol::ChangeSeq::FIRST,
                replayed: false,
                attempts,
            })
        }
        Verdict::Applied { versions, change_seq, replayed, .. } => {
            Change::Applied(Applied { versions, change_seq, replayed, attempts })
        }
        Verdict::Conflict(conflict) => {
            Change::Conflict { error: conflict_failure(&conflict, now), conflict, attempts }
        }
        Verdict::Rejected { problem, .. } => Change::Failed { error: refused(problem, now), attempts },
        Verdict::Held { by } if flight.iter().any(|sent| sent.command_id == by) => Change::Requeue {
            attempts,
            next_attempt_at: None,
            error: Some(engine_failure("held", "Waits for an earlier command", now)),
        },
        Verdict::Held { .. } if attempts >= UNKNOWN_PREDECESSOR_TRIES => Change::Failed {
            error: engine_failure(
                UNKNOWN_DEPENDENCY,
                "The server does not know the command that this one comes after",
                now,
            ),
            attempts,
        },
        Verdict::Held { .. } => Change::Requeue {
            attempts,
            next_attempt_at: Some(now.plus(own_delay)),
            error: Some(engine_failure("held", "Waits for a command that the server has not applied", now)),
        },
        Verdict::Retry { after_ms } => Change::Requeue {
            attempts,
            next_attempt_at: Some(now.plus(Duration::from_millis(after_ms).min(retry.cap).max(own_delay))),
            error: Some(engine_failure("retry", "The server asked to send it again later", now)),
        },
    }
}

/// All of a flight that may or may not have taken effect.
pub(crate) fn failed_transiently(sent: &[Sent], now: Timestamp) -> Vec<(CommandId, Change)> {
    let change = |sent: &Sent| {
        let error = engine_failure("transient", "The server could not answer", now);
        let attempts = sent.attempts.saturating_add(1);
        (sent.command_id, Change::Requeue { attempts, next_attempt_at: None, error: Some(error) })
    };
    sent.iter().map(change).collect()
}

/// A command that the server does not take even when it is alone.
pub(crate) fn too_large(sent: &[Sent], now: Timestamp) -> Vec<(CommandId, Change)> {
    let problem =
        Problem::new(ProblemCode::CommandTooLarge, 413, "The command is larger than the server takes");
    let change = |sent: &Sent| {
        let attempts = sent.attempts.saturating_add(1);
        (sent.command_id, Change::Failed { error: refused(problem.clone(), now), attempts })
    };
    sent.iter().map(change).collect()
}

fn refused(problem: Problem, at: Timestamp) -> Failure {
    Failure {
        code: problem.code.as_str().to_owned(),
        title: problem.title.clone(),
        problem: Some(problem),
        at,
    }
}

fn conflict_failure(conflict: &Conflict, at: Timestamp) -> Failure {
    let (code, title) = match conflict.reason {
        ConflictReason::VersionConflict => {
            ("version-conflict", "Somebody else has changed the record meanwhile")
        }
        ConflictReason::AlreadyExists => ("already-exists", "A record of this id exists already"),
        ConflictReason::Deleted => ("deleted", "Somebody else has deleted the record meanwhile"),
    };
    engine_failure(code, title, at)
}
