//! Whether a server could start with these options. Nothing is made, changed or locked.

use std::{
    fs::File,
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use offline_server::{PostgresStore, Schema, SqliteStore, SystemClock};

use crate::{
    cli::Options,
    data::{database_of, kept_secret},
    error::StartError,
    tokens::tokens,
    web,
};

/// Stands for the secret that the first start makes.
const SECRET_TO_COME: &str = "a secret that is not made before the start";

/// Looks at everything and says what it found, on stdout.
pub(crate) async fn check(options: &Options) -> Result<(), StartError> {
    if options.dev && !options.listen.ip().is_loopback() {
        return Err(StartError::DevInPublic(options.listen));
    }
    [Some(options.listen), options.metrics_listen].into_iter().flatten().try_for_each(check_address)?;
    check_folder(&options.data)
        .map_err(|source| StartError::Data { folder: options.data.clone(), source })?;
    let secret = || Ok(kept_secret(&options.data)?.unwrap_or_else(|| SECRET_TO_COME.to_owned()));
    tokens(options, secret, Arc::new(SystemClock)).await?;
    let _ = web::fallback(options.web_folder().as_deref())?;
    let database = match &options.database_url {
        Some(url) => tell("PostgreSQL", PostgresStore::schema(url).await?),
        None if database_of(&options.data).exists() => {
            let file = database_of(&options.data);
            check_file(&file).map_err(|source| StartError::File { file: file.clone(), source })?;
            tell("SQLite", SqliteStore::schema(&file)?)
        }
        None => "SQLite, to be made at the start".to_owned(),
    };
    println!("erp-server: the configuration is good");
    println!("listen: {}", options.listen);
    println!("data: {}", options.data.display());
    println!("database: {database}");
    Ok(())
}

/// A folder that can be written to, or something that one can be made in.
fn check_folder(folder: &Path) -> io::Result<()> {
    let here = |path: &&Path| path.as_os_str().is_empty() || path.exists();
    let nearest = folder.ancestors().find(here).unwrap_or(folder);
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    if nearest.is_dir() { may_write(nearest) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

#[cfg(unix)]
fn may_write(folder: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

#[cfg(not(unix))]
fn may_write(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A file that can be read and written.
fn check_file(file: &Path) -> io::Result<()> {
    File::options().read(true).write(true).open(file).map(drop)
}

/// An address of this machine. Its port may be in use: most likely by the server that is to be started anew.
fn check_address(address: SocketAddr) -> Result<(), StartError> {
    let bound = TcpListener::bind((address.ip(), 0)).map(drop);
    bound.map_err(|source| StartError::Listen { address, source })
}

fn tell(name: &str, schema: Schema) -> String {
    match schema {
        Schema { found: 0, .. } => format!("{name}, empty"),
        Schema { found, known } if found == known => format!("{name}, schema {found}"),
        Schema { found, known } => format!("{name}, schema {found}, to be brought to {known} at the start"),
    }
}
