//! The host's own module: shows and sales in tables of its own, changed by a command that an outbox, a batch or a REST client can send.

use futures_util::future::BoxFuture;
use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Records, Registry, RegistryError, Rejection, Resource,
    Touch,
};
use offline_protocol::{RecordId, RecordKey, RecordKind};
use offline_server::{SqlCall, SqlError, SqlHandlers, rusqlite, tokio_postgres};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The host's tables on SQLite.
pub(crate) const SQLITE_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS show (
        workspace_id TEXT NOT NULL, name TEXT NOT NULL, seats_left INTEGER NOT NULL, PRIMARY KEY (workspace_id, name)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS sale (
        workspace_id TEXT NOT NULL, ticket_id TEXT NOT NULL, show TEXT NOT NULL, sold_by TEXT NOT NULL,
        PRIMARY KEY (workspace_id, ticket_id)
    ) STRICT;
    INSERT INTO show VALUES ('acme', 'Hamlet', 3) ON CONFLICT DO NOTHING;";

/// The host's tables on PostgreSQL. The role `offline_app` runs own SQL.
pub(crate) const POSTGRES_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS show (
        workspace_id text NOT NULL, name text NOT NULL, seats_left bigint NOT NULL, PRIMARY KEY (workspace_id, name)
    );
    CREATE TABLE IF NOT EXISTS sale (
        workspace_id text NOT NULL, ticket_id text NOT NULL, show text NOT NULL, sold_by text NOT NULL,
        PRIMARY KEY (workspace_id, ticket_id)
    );
    GRANT SELECT, INSERT, UPDATE ON show, sale TO offline_app;
    INSERT INTO show VALUES ('acme', 'Hamlet', 3) ON CONFLICT DO NOTHING;";

/// The payload of `TICKET_SELL_V1`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TicketSellV1 {
    /// The ticket's id, made by the client.
    pub(crate) ticket_id: RecordId,
    /// Which show.
    pub(crate) show: String,
}

/// Sells one seat of a show.
pub(crate) struct TicketSell;

impl CommandHandler for TicketSell {
    type Payload = TicketSellV1;
    const TYPE: &'static str = "TICKET_SELL_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn touches(&self, payload: &TicketSellV1) -> Vec<Touch> {
        vec![Touch::create(key(&payload.ticket_id))]
    }

    /// The pure half: the ticket, which devices can read.
    fn handle(&self, context: &Context, _: &Records, payload: TicketSellV1) -> Result<Effect, Rejection> {
        Ok(Effect::write(key(&payload.ticket_id), json!({ "show": payload.show, "soldBy": context.user_id })))
    }
}

fn key(id: &RecordId) -> RecordKey {
    RecordKey::new(RecordKind::new("ticket").expect("BUG: a valid kind"), id.clone())
}

/// What the host's commands mean.
pub(crate) fn registry(registry: Registry) -> Result<Registry, RegistryError> {
    registry.with(TicketSell)
}

/// `POST /workspaces/{workspace}/tickets`
pub(crate) fn resource() -> Resource {
    Resource::new("tickets", "ticket", "ticketId").create("TICKET_SELL_V1")
}

/// The other half, in the same transaction, on either database.
pub(crate) fn sql() -> SqlHandlers {
    SqlHandlers::new().sqlite::<TicketSell>(sell_on_sqlite).postgres::<TicketSell>(sell_on_postgres)
}

fn sold_out() -> SqlError {
    Rejection::new("The show is sold out").into()
}

fn sell_on_sqlite(sql: &rusqlite::Connection, call: &SqlCall) -> Result<Value, SqlError> {
    let TicketSellV1 { ticket_id, show } = call.payload()?;
    let (workspace, user) = (call.context.workspace_id.as_str(), call.context.user_id.as_str());
    sql.execute("INSERT INTO sale VALUES (?1, ?2, ?3, ?4)", (workspace, ticket_id.as_str(), &show, user))?;
    let taken = "UPDATE show SET seats_left = seats_left - 1 \
        WHERE workspace_id = ?1 AND name = ?2 AND seats_left > 0 RETURNING seats_left";
    // The sale above is undone when this refuses.
    match sql.query_row(taken, (workspace, &show), |row| row.get::<_, i64>(0)) {
        Ok(left) => Ok(json!({ "seatsLeft": left })),
        Err(rusqlite::Error::QueryReturnedNoRows) => Err(sold_out()),
        Err(error) => Err(error.into()),
    }
}

fn sell_on_postgres<'a>(
    sql: &'a tokio_postgres::Client,
    call: &'a SqlCall,
) -> BoxFuture<'a, Result<Value, SqlError>> {
    Box::pin(async move {
        let TicketSellV1 { ticket_id, show } = call.payload()?;
        let (workspace, user) = (call.context.workspace_id.as_str(), call.context.user_id.as_str());
        let sale = "INSERT INTO sale VALUES ($1, $2, $3, $4)";
        sql.execute(sale, &[&workspace, &ticket_id.as_str(), &show, &user]).await?;
        let taken = "UPDATE show SET seats_left = seats_left - 1 \
            WHERE workspace_id = $1 AND name = $2 AND seats_left > 0 RETURNING seats_left";
        let row = sql.query_opt(taken, &[&workspace, &show]).await?.ok_or_else(sold_out)?;
        Ok(json!({ "seatsLeft": row.get::<_, i64>(0) }))
    })
}
