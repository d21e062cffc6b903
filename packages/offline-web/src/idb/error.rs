use offline_core::StoreError;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

/// How IndexedDB failed: its exception's name, which says all that is to be known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("IndexedDB: {0}")]
pub(crate) struct DbError(String);

impl DbError {
    /// A failure of which there is no exception.
    pub(crate) fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// What a key that is there already fails with.
    pub(crate) fn constraint() -> Self {
        Self::named("ConstraintError")
    }

    /// From what a call threw.
    #[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
    pub(crate) fn thrown(value: JsValue) -> Self {
        Self(value.dyn_ref::<DomException>().map_or_else(|| "Error".to_owned(), DomException::name))
    }

    /// From the error of a request or transaction; without one the connection was closed under it.
    pub(crate) fn of(exception: Option<DomException>) -> Self {
        Self(exception.map_or_else(|| "AbortError".to_owned(), |exception| exception.name()))
    }

    /// Whether the handle is of no use any more, so that another one may do better. Nothing was written.
    pub(crate) fn is_dead_handle(&self) -> bool {
        matches!(self.0.as_str(), "InvalidStateError" | "UnknownError" | "AbortError")
    }

    /// Whether a key was there already.
    pub(crate) fn is_constraint(&self) -> bool {
        self.0 == "ConstraintError"
    }

    /// Whether the database was written by a newer program.
    pub(crate) fn is_too_new(&self) -> bool {
        self.0 == "VersionError"
    }
}

impl From<DbError> for StoreError {
    fn from(error: DbError) -> Self {
        match error.0.as_str() {
            "QuotaExceededError" => Self::Full,
            _ => Self::Backend(Box::new(error)),
        }
    }
}

/// How one attempt at a transaction failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The database failed.
    Db(DbError),
    /// Our own answer.
    Store(StoreError),
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Db(error) => error.into(),
            Failure::Store(error) => error,
        }
    }
}
