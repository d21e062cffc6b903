use std::error::Error;

/// Why a store did not do what it was asked to. Nothing of it took effect, but where it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full or the database read-only or busy: the same call may succeed later.
    #[error("the store takes no writes now")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store failed; the same call will probably fail again.
    #[error("the store failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
    /// The answer to the commit was lost, and the database cannot be asked now: it may or may not have taken effect. The same call again finds out.
    #[error("whether it took effect is not known")]
    OutcomeUnknown(#[source] Box<dyn Error + Send + Sync>),
    /// The database was written by a newer program.
    #[error("the database has schema {found}, this program knows {known}: it was written by a newer version")]
    NewerSchema {
        /// The database's schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The store has been closed, or stopped after an error that must not be retried.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// The same for another caller, who was in the same transaction.
    pub(crate) fn again(&self) -> Self {
        let message = || self.to_string().into();
        match self {
            Self::Unavailable(_) => Self::Unavailable(message()),
            Self::Backend(_) => Self::Backend(message()),
            Self::OutcomeUnknown(_) => Self::OutcomeUnknown(message()),
            Self::NewerSchema { found, known } => Self::NewerSchema { found: *found, known: *known },
            Self::Closed => Self::Closed,
        }
    }
}

/// Why a token could not be issued.
#[derive(Debug, thiserror::Error)]
#[error("the token could not be signed")]
pub struct TokenError(#[source] pub(crate) jsonwebtoken::errors::Error);
