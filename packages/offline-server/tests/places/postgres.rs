use std::sync::{
    LazyLock,
    atomic::{AtomicU32, Ordering},
};

use offline_server::PostgresStore;
use private_postgres::PrivatePostgres;
use tokio_postgres::{Client, NoTls};

use crate::support::Opened;

/// One server for all tests of the process.
static POSTGRES: LazyLock<PrivatePostgres> =
    LazyLock::new(|| PrivatePostgres::temporary().unwrap_or_else(|error| panic!("{error}")));

/// A place where a store's data lie: here a database of its own.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) database: String,
}

impl Place {
    /// An empty one.
    pub(crate) async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = format!("place_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&POSTGRES.url("postgres")).await;
        admin.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
        Self { database }
    }

    pub(crate) fn url(&self) -> String {
        POSTGRES.url(&self.database)
    }

    /// The socket of its server.
    pub(crate) fn socket() -> std::path::PathBuf {
        POSTGRES.socket()
    }

    /// Opens a store on it; any number may be open at once.
    pub(crate) async fn open(&self) -> Opened {
        Opened::of(PostgresStore::open(&self.url()).await.unwrap())
    }

    /// Begins another life of the database, as after a restore.
    pub(crate) async fn rotate_lineage(&self) {
        PostgresStore::rotate_lineage(&self.url()).await.unwrap();
    }

    /// Where it is, for another process.
    pub(crate) fn address(&self) -> String {
        self.url()
    }

    /// Opens a store at an address.
    pub(crate) async fn open_at(address: &str) -> Opened {
        Opened::of(PostgresStore::open(address).await.unwrap())
    }

    /// Does something beside the store, said for either database.
    pub(crate) async fn execute(&self, _sqlite: &str, postgres: &str) {
        self.connect().await.batch_execute(postgres).await.unwrap();
    }

    /// The number that a query gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.connect().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM offline.{table}");
        self.connect().await.query_one(&sql, &[]).await.unwrap().get(0)
    }

    /// A connection of the superuser, beside the store's.
    pub(crate) async fn connect(&self) -> Client {
        connect(&self.url()).await
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
