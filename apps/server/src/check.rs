//! Whether a server could start with these options. Nothing is made, changed or locked.

use std::{io, path::Path, sync::Arc};

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
    check_folder(&options.data)
        .map_err(|source| StartError::Data { folder: options.data.clone(), source })?;
    let secret = || Ok(kept_secret(&options.data)?.unwrap_or_else(|| SECRET_TO_COME.to_owned()));
    tokens(options, secret, Arc::new(SystemClock)).await?;
    let _ = web::fallback(options.web_folder().as_deref())?;
    let database = match &options.database_url {
        Some(url) => tell("PostgreSQL", PostgresStore::schema(url).await?),
        None if database_of(&options.data).is_file() => {
            tell("SQLite", SqliteStore::schema(&database_of(&options.data))?)
        }
        None => "SQLite, to be made at the start".to_owned(),
    };
    println!("erp-server: the configuration is good");
    println!("listen: {}", options.listen);
    println!("data: {}", options.data.display());
    println!("database: {database}");
    Ok(())
}

/// A folder, or something that a folder can be made in.
fn check_folder(folder: &Path) -> io::Result<()> {
    let nearest = folder.ancestors().find(|ancestor| ancestor.exists());
    if nearest.is_none_or(|nearest| nearest.is_dir()) {
        Ok(())
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    }
}

fn tell(name: &str, schema: Schema) -> String {
    match schema {
        Schema { found: 0, .. } => format!("{name}, empty"),
        Schema { found, known } if found == known => format!("{name}, schema {found}"),
        Schema { found, known } => format!("{name}, schema {found}, to be brought to {known} at the start"),
    }
}
