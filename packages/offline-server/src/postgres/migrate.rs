//! How the schema is brought up to date.

use tokio_postgres::{Client, Config, NoTls, error::SqlState};

use crate::{CursorKey, Lineage, Schema, StoreError};

use super::failure::PgError;

/// The schema's history, with the numbers of the SQLite store. A step that was ever shipped never changes; new ones are added at the end.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001_commands.sql"),
    include_str!("migrations/0002_members.sql"),
    include_str!("migrations/0003_roles.sql"),
    include_str!("migrations/0004_changes.sql"),
];

/// How often servers that start together may get into each other's way.
const ATTEMPTS: u32 = 5;

/// Brings the schema up to date, with the role that the address names: it has to own the tables, or to find nothing to do.
pub(crate) async fn migrate(config: &Config) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        let error = match with_connection(config).await {
            Ok(()) => return Ok(()),
            Err(Migration::Store(error)) => return Err(error),
            Err(Migration::Postgres(error)) => error,
        };
        // What another server has just made: the next attempt finds it.
        let collision = [
            SqlState::UNIQUE_VIOLATION,
            SqlState::DUPLICATE_OBJECT,
            SqlState::DUPLICATE_SCHEMA,
            SqlState::DUPLICATE_TABLE,
            SqlState::INTERNAL_ERROR,
        ];
        if attempt == ATTEMPTS || !error.code().is_some_and(|code| collision.contains(code)) {
            return Err(StoreError::Backend(Box::new(PgError::new(&error))));
        }
        attempt += 1;
    }
}

/// Which schema the database has. Changes nothing.
pub(crate) async fn schema(config: &Config) -> Result<Schema, StoreError> {
    let failed = |error| StoreError::Backend(Box::new(PgError::new(&error)));
    let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
    let connection = tokio::spawn(connection);
    let exists = "SELECT to_regclass('offline.migration') IS NOT NULL";
    let found = async {
        let exists: bool = client.query_one(exists, &[]).await.map_err(failed)?.get(0);
        if !exists {
            return Ok(0);
        }
        match done(&client).await {
            Ok(done) => Ok(done),
            Err(Migration::Store(error)) => Err(error),
            Err(Migration::Postgres(error)) => Err(failed(error)),
        }
    }
    .await;
    connection.abort();
    let number = |steps| i64::try_from(steps).unwrap_or(i64::MAX);
    Ok(Schema { found: number(found?), known: number(MIGRATIONS.len()) })
}

/// Gives the database another lineage.
pub(crate) async fn rotate_lineage(config: &Config) -> Result<(), StoreError> {
    let lineage = Lineage::random()?;
    let failed = |error| StoreError::Backend(Box::new(PgError::new(&error)));
    let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
    let connection = tokio::spawn(connection);
    let rotated = client.execute("UPDATE offline.lineage SET id = $1", &[&lineage.0]).await;
    connection.abort();
    rotated.map(drop).map_err(failed)
}

enum Migration {
    Postgres(tokio_postgres::Error),
    Store(StoreError),
}

impl From<tokio_postgres::Error> for Migration {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

async fn with_connection(config: &Config) -> Result<(), Migration> {
    let (mut client, connection) = config.connect(NoTls).await?;
    let connection = tokio::spawn(connection);
    let done = bring_up(&mut client, MIGRATIONS.len()).await;
    connection.abort();
    done
}

async fn bring_up(client: &mut Client, target: usize) -> Result<(), Migration> {
    let exists = client.query_one("SELECT to_regclass('offline.migration') IS NOT NULL", &[]).await?;
    if exists.get(0) && done(client).await? == target {
        return Ok(());
    }
    make_role(client).await?;
    let transaction = client.transaction().await?;
    transaction
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS offline; GRANT USAGE ON SCHEMA offline TO offline_app; \
             CREATE TABLE IF NOT EXISTS offline.migration (number bigint PRIMARY KEY); \
             GRANT SELECT ON offline.migration TO offline_app; \
             LOCK TABLE offline.migration IN ACCESS EXCLUSIVE MODE",
        )
        .await?;
    let done = done(&transaction).await?;
    for (number, migration) in (1_i64..).zip(MIGRATIONS).take(target).skip(done) {
        transaction.batch_execute(migration).await?;
        transaction.execute("INSERT INTO offline.migration (number) VALUES ($1)", &[&number]).await?;
    }
    let lineage = Lineage::random().map_err(Migration::Store)?;
    let key = CursorKey::random().map_err(Migration::Store)?;
    let begin =
        "INSERT INTO offline.lineage (one, id, cursor_key) VALUES (true, $1, $2) ON CONFLICT DO NOTHING";
    transaction.execute(begin, &[&lineage.0, &key.0.as_slice()]).await?;
    transaction.commit().await?;
    Ok(())
}

/// How many migrations have been made.
async fn done(client: &impl tokio_postgres::GenericClient) -> Result<usize, Migration> {
    let found: i64 =
        client.query_one("SELECT coalesce(max(number), 0) FROM offline.migration", &[]).await?.get(0);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    match usize::try_from(found) {
        Ok(done) if done <= MIGRATIONS.len() => Ok(done),
        _ => Err(Migration::Store(StoreError::NewerSchema { found, known })),
    }
}

/// Makes the role that reads and writes: it owns nothing and is bound by row-level security.
async fn make_role(client: &Client) -> Result<(), Migration> {
    let exists = client.query_opt("SELECT 1 FROM pg_roles WHERE rolname = 'offline_app'", &[]).await?;
    if exists.is_none() {
        client.batch_execute("CREATE ROLE offline_app NOLOGIN NOSUPERUSER NOBYPASSRLS").await?;
    }
    let member = client.query_one("SELECT pg_has_role(current_user, 'offline_app', 'MEMBER')", &[]).await?;
    if !member.get::<_, bool>(0) {
        client.batch_execute("GRANT offline_app TO CURRENT_USER").await?;
    }
    Ok(())
}
