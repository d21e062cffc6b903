use std::{io, net::SocketAddr, path::PathBuf};

use offline_server::{KeyError, StoreError};

/// Why the server did not start, or ended by itself. The text is what the operator reads.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// No threads.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    /// Anybody could sign in as anybody.
    #[error(
        "--dev lets anybody sign in, so it is refused on {0}: listen on 127.0.0.1 or [::1], or leave --dev out"
    )]
    DevInPublic(SocketAddr),
    /// The port is in use, or not ours to use.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data folder cannot be made, read or written.
    #[error("cannot use the data folder {}: {source}", .folder.display())]
    Data {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server has it.
    #[error("the data folder {} is in use by another erp-server", .0.display())]
    Locked(PathBuf),
    /// Somebody could guess it.
    #[error("the JWT secret must have at least 32 bytes")]
    WeakSecret,
    /// `--jwt-public-key` names no usable key.
    #[error("cannot use the public key {}: {}", .file.display(), chain(.source))]
    Key {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// `--jwt-key-set` names no usable set. Its address is not repeated: it may hold a key.
    #[error("cannot use the key set: {}", chain(.0))]
    KeySet(KeyError),
    /// `--otlp-endpoint` is no address. It is not repeated: it may hold a key.
    #[cfg(feature = "otlp")]
    #[error("cannot export traces: --otlp-endpoint must be an address like http://127.0.0.1:4318")]
    Collector,
    /// The operating system gave no random bytes.
    #[error("cannot make a secret: {0}")]
    Random(getrandom::Error),
    /// `--web` names no built web app.
    #[error("{} holds no index.html: build the web app first", .0.display())]
    NoWebApp(PathBuf),
    /// The database cannot be opened.
    #[error("cannot open the database: {}", with_cause(.0))]
    Store(#[from] StoreError),
    /// SQLite's operations do not fit PostgreSQL.
    #[error(
        "this is for the SQLite database of a data folder; PostgreSQL has pg_dump and pg_restore, then rotate-lineage"
    )]
    NotForPostgres,
    /// There is nothing to work on.
    #[error("there is no database in {}", .0.display())]
    NoDatabase(PathBuf),
    /// A backup goes into an empty folder.
    #[error("{} is not empty: a backup is restored into an empty data folder", .0.display())]
    NotEmpty(PathBuf),
    /// The file of a backup or of the database cannot be read or written.
    #[error("cannot use the file {}: {source}", .file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk did not take what was to be flushed; what it holds is found out by a new start.
    #[error("the database could not be flushed to the disk: look after the disk, then start again")]
    StoreClosed,
    /// The listener failed while serving.
    #[error("the server failed: {0}")]
    Serve(io::Error),
}

/// A failure of the store with what the database says; what is behind that says the same again.
pub(crate) fn with_cause(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// An error with all that led to it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
