use offline_core::StoreError;
use rusqlite::ErrorCode;

/// Why the thread that owns the database is not there any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriterError {
    /// It could not be started.
    #[error("the database's thread could not be started: {0}")]
    Start(#[source] std::io::Error),
    /// It ended although the store is open.
    #[error("the database's thread has ended")]
    Ended,
}

impl From<WriterError> for StoreError {
    fn from(error: WriterError) -> Self {
        Self::Backend(Box::new(error))
    }
}

/// What SQLite says, in the words of the port.
pub(crate) fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Backend(Box::new(error)),
    }
}

/// Whether the connection may be broken for good, so that only a new one can help.
pub(crate) fn is_broken(error: &StoreError) -> bool {
    let StoreError::Backend(source) = error else { return false };
    let code = source.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    matches!(
        code,
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt
        )
    )
}
