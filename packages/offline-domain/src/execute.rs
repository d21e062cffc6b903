use offline_protocol::{ConflictReason, Problem, ProblemCode, RecordKey, Version};

use crate::{Access, ConflictPolicy, Context, Effect, MAX_ERRORS, Prepared, Records};

/// What executing a command against records comes to. The rules of versions live here, once, for server and overlay.
#[derive(Clone, PartialEq)]
pub enum Execution {
    /// It takes effect: these writes, each giving its record the next version.
    Applied(Effect),
    /// The record is not what the author saw.
    Conflict {
        /// Why.
        reason: ConflictReason,
        /// Which record.
        key: RecordKey,
        /// The version that the command expected.
        expected: Option<Version>,
    },
    /// It cannot take effect as it is.
    Rejected(Problem),
}

/// Checks versions, then runs the handler. `expected` is the resolved version (of the first touched record).
///
/// Pure: the caller performs the effect. A handler that writes what it did not touch is answered `internal`.
pub fn execute(
    prepared: &Prepared,
    context: &Context,
    records: &Records,
    expected: Option<Version>,
) -> Execution {
    if let Some(refused) = check_versions(prepared, records, expected) {
        return refused;
    }
    match prepared.handle(context, records) {
        Ok(effect) if within_touches(prepared, &effect) => Execution::Applied(effect),
        Ok(_) => Execution::Rejected(Problem::new(
            ProblemCode::Internal,
            500,
            "The handler wrote a record that it does not touch",
        )),
        Err(mut rejection) => {
            rejection.errors.truncate(MAX_ERRORS);
            let problem = Problem::new(ProblemCode::RuleViolated, 422, rejection.title);
            Execution::Rejected(problem.with_errors(rejection.errors))
        }
    }
}

/// What existence and versions say against a command; `None` when nothing.
pub fn check_versions(
    prepared: &Prepared,
    records: &Records,
    expected: Option<Version>,
) -> Option<Execution> {
    let conflict = |reason, key: &RecordKey| Some(Execution::Conflict { reason, key: key.clone(), expected });
    for touch in prepared.touches() {
        match (touch.access, records.get(&touch.key)) {
            (Access::Create, Some(_)) => return conflict(ConflictReason::AlreadyExists, &touch.key),
            (Access::Update | Access::Advance, None) => {
                return Some(Execution::Rejected(not_found(&touch.key)));
            }
            (Access::Require, record) if record.is_none_or(|record| record.data.is_none()) => {
                return Some(Execution::Rejected(not_found(&touch.key)));
            }
            (Access::Update | Access::Advance, Some(record)) if record.data.is_none() => {
                return conflict(ConflictReason::Deleted, &touch.key);
            }
            _ => {}
        }
    }
    let first = prepared.touches().first()?;
    match (prepared.policy(), expected) {
        (ConflictPolicy::Guarded, None) => Some(Execution::Rejected(Problem::new(
            ProblemCode::VersionRequired,
            428,
            "This command needs the version that its author saw",
        ))),
        // A creation that expects a version is made for a record that its author saw: where there is none, something is wrong.
        (
            ConflictPolicy::CreateOnly | ConflictPolicy::Guarded | ConflictPolicy::CheckedWhenGiven,
            Some(expected),
        ) if records.version(&first.key) != expected => conflict(ConflictReason::VersionConflict, &first.key),
        _ => None,
    }
}

fn not_found(key: &RecordKey) -> Problem {
    Problem::new(ProblemCode::RecordNotFound, 404, "The record does not exist")
        .with_detail(key.kind.to_string())
}

fn within_touches(prepared: &Prepared, effect: &Effect) -> bool {
    let writable =
        |key: &RecordKey| prepared.touches().iter().any(|touch| touch.key == *key && touch.access.writes());
    effect.writes.iter().enumerate().all(|(index, write)| {
        writable(&write.key) && !effect.writes[..index].iter().any(|other| other.key == write.key)
    })
}
