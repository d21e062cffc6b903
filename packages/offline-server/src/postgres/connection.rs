//! The pool of connections, and how often something is tried.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime,
};
use tokio_postgres::{Config, NoTls, error::Severity};

use crate::StoreError;

use super::failure::{Failure, PgError};

/// How often something is tried before its caller is told to come back.
const ATTEMPTS: u32 = 5;

/// The longest wait before the second attempt; doubled before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// How many connections one process holds at most.
const CONNECTIONS: usize = 16;

/// How long to wait for a free connection, or for a new one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one transaction may take as seen from here. The server ends it earlier; this is for a server that is no longer there.
const SILENCE: Duration = Duration::from_secs(40);

/// What each connection is told first. The role does not own the tables, so that row-level security holds for it. A plan made for an empty
/// table would be kept for a full one. Every statement goes along an index in its order; a bitmap, which a table is given that has grown since
/// statistics were made, would collect and sort all of a workspace for each page of it. What was answered is on the disk, whatever the database's default.
const SETUP: &str = "SET ROLE offline_app; \
    SET statement_timeout = '30s'; \
    SET idle_in_transaction_session_timeout = '30s'; \
    SET plan_cache_mode = force_custom_plan; \
    SET enable_bitmapscan = off; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// The connections.
pub(crate) struct Connections(Pool);

impl Connections {
    pub(crate) fn new(config: Config) -> Result<Self, StoreError> {
        let manager =
            Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let hook = Hook::async_fn(|client, _| {
            Box::pin(async move { client.batch_execute(SETUP).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .post_create(hook)
            .build()
            .map_err(|error| StoreError::Backend(Box::new(error)))?;
        Ok(Self(pool))
    }

    /// Does something on a connection, and again on another one when that may help.
    pub(crate) async fn with<T, F>(&self, run: impl Fn(Lease) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut unknown = false;
        let mut attempt = 1;
        loop {
            let error = match self.once(&run).await {
                Ok(done) => return Ok(done),
                Err(Failure::Final(error)) if unknown => {
                    return Err(StoreError::OutcomeUnknown(Box::new(error)));
                }
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Unknown(error)) => {
                    unknown = true;
                    error
                }
                Err(Failure::Passing(error)) => error,
            };
            if attempt == ATTEMPTS {
                let unavailable = error.unavailable();
                return Err(if unknown {
                    StoreError::OutcomeUnknown(Box::new(unavailable))
                } else {
                    unavailable
                });
            }
            tracing::debug!(%error, attempt, "a transaction is tried again");
            tokio::time::sleep(wait(attempt)).await;
            attempt += 1;
        }
    }

    async fn once<T, F>(&self, run: &impl Fn(Lease) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let client = self.0.get().await.map_err(|error| no_connection(&error))?;
        let lease = Lease(Arc::new(Leased { client: Some(client), clean: AtomicBool::new(false) }));
        // What was under way when the time was up may still be carried out.
        let silence = |_| Err(Failure::Unknown(PgError::Silence));
        let done = tokio::time::timeout(SILENCE, run(lease.clone())).await.unwrap_or_else(silence);
        lease.0.clean.store(done.is_ok(), Ordering::Relaxed);
        done
    }
}

/// A connection on loan. It goes back to the pool only when all went well; after anything else, a panic included, it is closed, and the
/// server rolls back what was under way on it.
#[derive(Clone)]
pub(crate) struct Lease(Arc<Leased>);

struct Leased {
    client: Option<Client>,
    clean: AtomicBool,
}

impl Deref for Lease {
    type Target = Client;
    fn deref(&self) -> &Client {
        self.0.client.as_ref().expect("BUG: the connection is there until the loan ends")
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if !*self.clean.get_mut()
            && let Some(client) = self.client.take()
        {
            drop(Client::take(client));
        }
    }
}

fn no_connection(error: &PoolError) -> Failure {
    let failure = PgError::NoConnection(match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
            PgError::new(error).to_string()
        }
        other => other.to_string(),
    });
    let (PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error))) = error else {
        return Failure::Final(failure.unavailable());
    };
    // Class 57: the server starts or stops. Any other answer is a refusal.
    let refused = error.as_db_error().is_some_and(|answer| {
        answer.parsed_severity() != Some(Severity::Panic) && !answer.code().code().starts_with("57")
    });
    if refused { Failure::Final(failure.unavailable()) } else { Failure::Passing(failure) }
}

/// A random share of a wait that doubles, so that those who collided do not meet again.
fn wait(attempt: u32) -> Duration {
    let longest = FIRST_WAIT * 2_u32.saturating_pow(attempt - 1);
    let share = getrandom::u32().unwrap_or(u32::MAX);
    longest.mul_f64(f64::from(share) / f64::from(u32::MAX))
}
