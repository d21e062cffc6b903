use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::error::StartError;

/// The least that a secret of HS256 should have (RFC 7518, 3.2).
const SECRET_BYTES: usize = 32;

const SECRET: &str = "jwt-secret";
const RESTORED: &str = "server.sqlite.restored";

/// The folder that everything is kept in, held by this process alone.
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Released by the operating system when the process ends, however it ends.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder when it does not exist, and locks it.
    pub(crate) fn open(folder: &Path) -> Result<Self, StartError> {
        let failed = |source| StartError::Data { folder: folder.to_owned(), source };
        make_private(folder).map_err(failed)?;
        let path = folder.canonicalize().map_err(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::Locked(path)),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Its absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the database lies.
    pub(crate) fn database(&self) -> PathBuf {
        database_of(&self.path)
    }

    /// The same, with an empty file there when there is none: SQLite would make one that others can read.
    pub(crate) fn private_database(&self) -> Result<PathBuf, StartError> {
        let file = self.database();
        match private_file(&file) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                Err(StartError::Data { folder: self.path.clone(), source })
            }
            _ => Ok(file),
        }
    }

    /// Whether a database could be put into the folder: nothing is in there but what any folder may have.
    pub(crate) fn is_empty(&self) -> Result<bool, StartError> {
        let failed = |source| StartError::Data { folder: self.path.clone(), source };
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let name = name.to_string_lossy();
            if !["lock", SECRET].contains(&&*name) && !name.starts_with(RESTORED) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Where a backup is made ready, before it becomes the database.
    pub(crate) fn restored(&self) -> PathBuf {
        self.path.join(RESTORED)
    }

    /// The secret that tokens are signed with, made at the first start and readable by its owner only.
    pub(crate) fn secret(&self) -> Result<String, StartError> {
        if let Some(secret) = kept_secret(&self.path)? {
            return Ok(secret);
        }
        let file = self.path.join(SECRET);
        let failed = |source| StartError::Data { folder: self.path.clone(), source };
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(StartError::Random)?;
        let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // Written aside first: a secret that was cut off by a crash must never be used.
        let aside = self.path.join("jwt-secret.new");
        let _ = fs::remove_file(&aside);
        let mut new = private_file(&aside).map_err(failed)?;
        new.write_all(secret.as_bytes()).and_then(|()| new.sync_all()).map_err(failed)?;
        fs::rename(&aside, &file).map_err(failed)?;
        Ok(secret)
    }
}

/// Where the database of a folder lies.
pub(crate) fn database_of(folder: &Path) -> PathBuf {
    folder.join("server.sqlite")
}

/// The secret that a folder keeps, when it does.
pub(crate) fn kept_secret(folder: &Path) -> Result<Option<String>, StartError> {
    match fs::read_to_string(folder.join(SECRET)) {
        Ok(secret) => checked(secret.trim()).map(|secret| Some(secret.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StartError::Data { folder: folder.to_owned(), source }),
    }
}

/// Refuses a secret that could be guessed.
pub(crate) fn checked(secret: &str) -> Result<&str, StartError> {
    if secret.len() < SECRET_BYTES { Err(StartError::WeakSecret) } else { Ok(secret) }
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

pub(crate) fn private_file(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}
