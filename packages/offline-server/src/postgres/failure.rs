//! What a failure of PostgreSQL means: whether anything took effect, and whether trying again may help.

use std::error::Error;

use tokio_postgres::error::{Severity, SqlState};

use crate::StoreError;

/// What is known after a failed attempt.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing took effect, and the same again will probably succeed: a serialization failure, a deadlock, a connection that was lost.
    Passing(PgError),
    /// The answer to the commit was lost: it may or may not have taken effect.
    Unknown(PgError),
    /// Nothing took effect, and trying again at once does not help.
    Final(StoreError),
}

/// An error of PostgreSQL without its text, which may quote rows: what there is to say without user data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PgError {
    /// An answer of the server.
    #[error("PostgreSQL answered with SQLSTATE {0}{meaning}", meaning = meaning(.0))]
    Answer(String),
    /// No answer, or none that could be read.
    #[error("{0}")]
    Connection(String),
    /// Nothing came in time.
    #[error("PostgreSQL did not answer in time")]
    Silence,
    /// All connections are busy, or none could be made.
    #[error("no connection: {0}")]
    NoConnection(String),
}

impl PgError {
    pub(crate) fn new(error: &tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) => Self::Answer(code.code().to_owned()),
            None => Self::Connection(match said(error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            }),
        }
    }

    pub(crate) fn unavailable(self) -> StoreError {
        StoreError::Unavailable(Box::new(self))
    }
}

/// Why there was no answer, where that can hold no row: the network's word, or what is wrong with the address.
fn said(error: &tokio_postgres::Error) -> Option<&(dyn Error + 'static)> {
    let of_address = ["invalid configuration", "authentication error"].contains(&&*error.to_string());
    error.source().filter(|cause| of_address || cause.is::<std::io::Error>())
}

/// What an operator may have to do something about, in words that do not come from the database.
fn meaning(code: &str) -> &'static str {
    match code {
        "25006" => ": it takes no writes",
        "28000" | "28P01" => ": it does not let this user in, or not with this password",
        "3D000" => ": it has no database of this name",
        "42501" => ": this user lacks a right",
        "53100" => ": its disk is full",
        "53300" => ": it has too many connections",
        "57P03" => ": it is starting or ending",
        _ => "",
    }
}

impl From<tokio_postgres::Error> for Failure {
    /// A statement failed before the commit was sent, so nothing took effect.
    fn from(error: tokio_postgres::Error) -> Self {
        match Answer::of(&error) {
            Answer::Repeat | Answer::Gone => Self::Passing(PgError::new(&error)),
            Answer::Trouble => Self::Final(PgError::new(&error).unavailable()),
            Answer::Fault => Self::Final(StoreError::Backend(Box::new(PgError::new(&error)))),
        }
    }
}

impl Failure {
    /// The one statement that writes and the commit behind it were sent together. Only an answer that fails one of them and leaves the
    /// connection alive says that nothing took effect.
    pub(crate) fn of_commit(
        write: Result<u64, tokio_postgres::Error>,
        commit: Result<(), tokio_postgres::Error>,
    ) -> Result<(), Self> {
        let Err(error) = write.map(drop).and(commit) else { return Ok(()) };
        // After a failed statement the commit means ROLLBACK, and says that it went well: the statement's own answer counts.
        let nothing_took_effect =
            error.as_db_error().is_some() && !matches!(Answer::of(&error), Answer::Gone);
        Err(if nothing_took_effect { error.into() } else { Self::Unknown(PgError::new(&error)) })
    }
}

/// The classes of answers.
enum Answer {
    /// The transaction collided with another one.
    Repeat,
    /// The connection is no more, whatever was under way on it.
    Gone,
    /// The database takes no writes now.
    Trouble,
    /// Anything else.
    Fault,
}

impl Answer {
    fn of(error: &tokio_postgres::Error) -> Self {
        let Some(answer) = error.as_db_error() else {
            let lost = error.source().is_some_and(<dyn Error>::is::<std::io::Error>);
            return if lost || error.is_closed() { Self::Gone } else { Self::Fault };
        };
        if matches!(answer.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
            return Self::Gone;
        }
        let code = answer.code();
        if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) {
            return Self::Repeat;
        }
        let trouble = [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::QUERY_CANCELED,
            SqlState::IO_ERROR,
        ];
        // Class 53: the disk is full, no memory, too many connections.
        if code.code().starts_with("53") || trouble.contains(code) { Self::Trouble } else { Self::Fault }
    }
}
