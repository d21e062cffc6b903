//! A ticket shop with tables of its own. A sale takes a seat in the host's table, in the transaction that holds the receipt: however often it is
//! sent, one seat goes.
//!
//! ```text
//! cargo run -p offline-server --example tickets -- tickets.sqlite       (or postgres://user@host/database)
//! ```

mod shop;

use std::{error::Error, io::Write as _, path::Path, sync::Arc, time::Duration};

use offline_domain::Registry;
use offline_protocol::{UserId, WorkspaceId};
use offline_server::{
    Identity, KEY_WAIT, Members, PostgresStore, Role, Server, SqliteStore, Store, SystemClock, Tokens, api,
    not_found, resources, rusqlite, tokio_postgres, with_protocol,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let place = std::env::args().nth(1).unwrap_or_else(|| "tickets.sqlite".into());
    let (store, members) = open(&place).await?;
    let identity = Identity { workspace_id: WorkspaceId::new("acme")?, user_id: UserId::new("ana")? };
    members.put_member(&identity.workspace_id, &identity.user_id, &Role::member()).await?;
    let clock = Arc::new(SystemClock);
    let tokens = Tokens::new(b"the secret of an example, of 32 bytes", clock.clone());
    let (token, _) = tokens.issue(&identity, Duration::from_secs(3600))?;
    let server = Server {
        store,
        memberships: members,
        registry: shop::registry(Registry::new())?,
        sql: shop::sql(),
        tokens,
        clock,
        limits: Default::default(),
        retention: Default::default(),
        key_wait: KEY_WAIT,
        rates: Default::default(),
        metrics: Default::default(),
        traces: Default::default(),
        live: None,
    };
    let rest = resources(server.clone(), &[shop::resource()])?;
    let router = with_protocol(api(server).merge(rest).fallback(not_found));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{}, token {token}", listener.local_addr()?)?;
    out.flush()?;
    Ok(axum::serve(listener, router).await?)
}

/// The store, the list of members, and the host's own tables beside them.
async fn open(place: &str) -> Result<(Arc<dyn Store>, Arc<dyn Members>), Box<dyn Error>> {
    if place.starts_with("postgres://") {
        let store = Arc::new(PostgresStore::open(place).await?);
        let (host, connection) = tokio_postgres::connect(place, tokio_postgres::NoTls).await?;
        let connection = tokio::spawn(connection);
        host.batch_execute(shop::POSTGRES_TABLES).await?;
        drop(host);
        connection.await??;
        Ok((store.clone(), store))
    } else {
        let store = Arc::new(SqliteStore::open(Path::new(place))?);
        rusqlite::Connection::open(place)?.execute_batch(shop::SQLITE_TABLES)?;
        Ok((store.clone(), store))
    }
}
