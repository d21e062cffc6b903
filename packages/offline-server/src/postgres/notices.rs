//! How the servers over one database tell each other that something was committed: by NOTIFY, on a connection of its own and never within a
//! command's transaction, whose commit it would slow down. What has gathered while the last notice was under way goes out as one. A notice is
//! a hint: one that gets lost, with the connection or without, delays what it was about until the next look at all places.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    StreamExt as _,
    future::{Either, select},
    stream,
};
use offline_protocol::{ChangeSeq, WorkspaceId};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

use crate::Hub;

use super::failure::PgError;

/// What each connection is told first.
const SETUP: &str = "SET ROLE offline_app; SET statement_timeout = '30s'; LISTEN offline_changes";

const SEND: &str = "SELECT pg_notify('offline_changes', notice) FROM unnest($1::text[]) AS notice";

/// The least time between two notices of one server: NOTIFY takes a lock that all of a database share.
const PAUSE: Duration = Duration::from_millis(10);

/// How long after a lost connection another one is made, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Tells the other servers, and hears from them.
pub(crate) struct Notices {
    waiting: Arc<Waiting>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Waiting {
    places: Mutex<HashMap<WorkspaceId, ChangeSeq>>,
    some: Notify,
}

impl Notices {
    /// Begins to listen.
    pub(crate) fn start(config: Config, hub: Arc<Hub>) -> Self {
        let waiting = Arc::<Waiting>::default();
        let task = tokio::spawn(serve(config, hub, Arc::clone(&waiting)));
        Self { waiting, task }
    }

    /// Something was committed. Never waits.
    pub(crate) fn send(&self, workspace: &WorkspaceId, place: ChangeSeq) {
        let mut places = self.waiting.places.lock().unwrap_or_else(PoisonError::into_inner);
        let known = places.entry(workspace.clone()).or_insert(place);
        *known = place.max(*known);
        self.waiting.some.notify_one();
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(config: Config, hub: Arc<Hub>, waiting: Arc<Waiting>) {
    let mut wait = FIRST_WAIT;
    loop {
        match with_connection(&config, &hub, &waiting).await {
            Ok(()) => wait = FIRST_WAIT,
            Err(error) => {
                tracing::debug!(error = %PgError::new(&error), "no notices of other servers; trying again");
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
        tokio::time::sleep(wait).await;
    }
}

/// Listens and tells until the connection is lost.
async fn with_connection(config: &Config, hub: &Hub, waiting: &Waiting) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let mut messages = stream::poll_fn(|context| connection.poll_message(context));
    let hearing = async {
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notice) = message
                && let Some((workspace, place)) = read(notice.payload())
            {
                hub.tell(&workspace, place);
            }
        }
    };
    let telling = async {
        client.batch_execute(SETUP).await?;
        // What was told while nobody listened here.
        hub.doubt();
        tell(&client, waiting).await
    };
    match select(std::pin::pin!(hearing), std::pin::pin!(telling)).await {
        Either::Left(((), _)) => Ok(()),
        Either::Right((told, _)) => told,
    }
}

async fn tell(client: &Client, waiting: &Waiting) -> Result<(), tokio_postgres::Error> {
    let send = client.prepare(SEND).await?;
    loop {
        waiting.some.notified().await;
        let places = std::mem::take(&mut *waiting.places.lock().unwrap_or_else(PoisonError::into_inner));
        let notices: Vec<_> =
            places.iter().map(|(workspace, place)| format!("{workspace} {place}")).collect();
        client.execute(&send, &[&notices]).await?;
        tokio::time::sleep(PAUSE).await;
    }
}

/// A notice that cannot be read is none: anybody who may log in to the database can send one.
fn read(notice: &str) -> Option<(WorkspaceId, ChangeSeq)> {
    let (workspace, place) = notice.split_once(' ')?;
    Some((WorkspaceId::new(workspace).ok()?, ChangeSeq::new(place.parse().ok()?).ok()?))
}
