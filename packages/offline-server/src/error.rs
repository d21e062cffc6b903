use std::error::Error;

/// Why a store did not do what it was asked to. Nothing of it took effect, but where it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full or the database read-only or busy: the same call may succeed later.
    #[error("the store is not available now")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store failed; the same call will probably fail again.
    #[error("the store failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
    /// The records that a batch touches are too large together to be loaded at once. Fewer commands may pass.
    #[error("the records of the batch are too large together")]
    TooLarge,
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
    /// Whether it may be one batch's own, so that others who shared its transaction should be tried without it.
    pub(crate) const fn may_be_one_batchs_own(&self) -> bool {
        matches!(self, Self::Backend(_) | Self::TooLarge)
    }

    /// The same for another caller, who was in the same transaction.
    pub(crate) fn again(&self) -> Self {
        let message = || self.to_string().into();
        match self {
            Self::Unavailable(_) => Self::Unavailable(message()),
            Self::Backend(_) => Self::Backend(message()),
            Self::OutcomeUnknown(_) => Self::OutcomeUnknown(message()),
            Self::NewerSchema { found, known } => Self::NewerSchema { found: *found, known: *known },
            Self::TooLarge => Self::TooLarge,
            Self::Closed => Self::Closed,
        }
    }
}

/// Why a token could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Only keys to check with are known.
    #[error("there is no secret to sign tokens with")]
    NoSecret,
    /// The signature failed.
    #[error("the token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// Why a key, or a set of keys, cannot be used. Names no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a public key in PEM, or none of the kinds that are understood.
    #[error("it is not a public key in PEM of RSA, P-256 or Ed25519")]
    Pem,
    /// The half that nobody but the issuer should have.
    #[error("it is a private key: give this program the public one")]
    Private,
    /// An elliptic curve, but another one.
    #[error("of the elliptic curves only P-256 and Ed25519 are understood")]
    Curve,
    /// Not JSON of the right shape, or too large.
    #[error("it is not a JSON Web Key Set of at most 256 KiB")]
    Set,
    /// Nothing in the set is of use.
    #[error("the set holds no key for RS256, ES256 or EdDSA signatures")]
    NoKey,
    /// What is fetched from there could be changed on its way.
    #[error("its address must begin with https://, or http:// on this machine, and carry no password")]
    Address,
    /// The file cannot be read.
    #[error("it cannot be read")]
    File(#[source] std::io::Error),
    /// No answer, or not in time.
    #[error("it cannot be fetched")]
    Fetch(#[source] reqwest::Error),
    /// Another answer than 200.
    #[error("it cannot be fetched: the answer was {0}")]
    Answer(u16),
}
