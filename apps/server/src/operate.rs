//! What an operator does besides serving: a backup while the server runs, its return, another lineage.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use offline_server::{PostgresStore, SqliteStore};

use crate::{
    data::{DataFolder, database_of, private_file},
    error::StartError,
};

/// Writes a copy of the database to a new file. It is there as a whole, and on the disk, or not at all.
pub(crate) fn backup(on_postgres: bool, data: &Path, to: &Path) -> Result<(), StartError> {
    if on_postgres {
        return Err(StartError::NotForPostgres);
    }
    let database = database_of(data);
    if !database.is_file() {
        return Err(StartError::NoDatabase(data.to_owned()));
    }
    let failed = |source| StartError::File { file: to.to_owned(), source };
    if to.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let _ = fs::remove_file(&partial);
    private_file(&partial).map_err(failed)?;
    let written = SqliteStore::backup(&database, &partial).map_err(StartError::from).and_then(|()| {
        let flushed = File::open(&partial).and_then(|file| file.sync_all());
        flushed.and_then(|()| fs::rename(&partial, to)).and_then(|()| flush_folder(to)).map_err(failed)
    });
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written?;
    println!("erp-server: backed up to {}", to.display());
    Ok(())
}

/// Puts a backup into an empty data folder, with another lineage.
pub(crate) fn restore(on_postgres: bool, data: &Path, from: &Path) -> Result<(), StartError> {
    if on_postgres {
        return Err(StartError::NotForPostgres);
    }
    let of_backup = |source| StartError::File { file: from.to_owned(), source };
    let mut source = File::open(from).map_err(of_backup)?;
    let folder = DataFolder::open(data)?;
    if !folder.is_empty()? {
        return Err(StartError::NotEmpty(folder.path().to_owned()));
    }
    let copy = folder.restored();
    let failed = |source| StartError::Data { folder: folder.path().to_owned(), source };
    remove(&copy);
    let mut target = private_file(&copy).map_err(failed)?;
    io::copy(&mut source, &mut target).map_err(failed)?;
    drop(target);
    if let Err(error) = SqliteStore::restore(&copy) {
        remove(&copy);
        return Err(error.into());
    }
    File::open(&copy).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&copy, folder.database()).map_err(failed)?;
    flush_folder(&folder.database()).map_err(failed)?;
    println!("erp-server: restored into {}; clients get everything anew", folder.path().display());
    Ok(())
}

/// Removes a database with what SQLite puts beside it: the copy of one that was in use has it made anew.
fn remove(database: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = database.as_os_str().to_owned();
        file.push(suffix);
        let _ = fs::remove_file(file);
    }
}

/// Gives the database another lineage.
pub(crate) async fn rotate_lineage(database_url: Option<&str>, data: &Path) -> Result<(), StartError> {
    if let Some(url) = database_url {
        PostgresStore::rotate_lineage(url).await?;
    } else {
        if !database_of(data).is_file() {
            return Err(StartError::NoDatabase(data.to_owned()));
        }
        let folder = DataFolder::open(data)?;
        SqliteStore::rotate_lineage(&folder.database())?;
    }
    println!("erp-server: another lineage; clients get everything anew");
    Ok(())
}

/// Makes a new name in a folder survive a power failure.
fn flush_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
}
