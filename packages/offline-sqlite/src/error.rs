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
        Self::backend(&error.to_string())
    }
}

/// What SQLite says, in the words of the port.
#[expect(clippy::needless_pass_by_value, reason = "so it is what `map_err` takes")]
pub(crate) fn store_error(error: rusqlite::Error) -> StoreError {
    let broken = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::NotADatabase
                | ErrorCode::DatabaseCorrupt
        )
    );
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Backend { said: error.to_string().into(), broken },
    }
}

/// Whether only a new connection can help.
pub(crate) fn is_broken(error: &StoreError) -> bool {
    matches!(error, StoreError::Backend { broken: true, .. })
}
