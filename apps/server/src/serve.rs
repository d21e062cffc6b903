//! From the options to a server that ends cleanly.

use std::{io, io::Write as _, path::Path, sync::Arc, time::Duration};

use axum::Router;
use offline_protocol::{ChangeTerms, Limits, Retention, Timestamp};
use offline_server::{
    CachedMembers, ChangeLog, Clock, Hub, KEY_WAIT, Live, Members as _, Memberships, Metrics, RateLimit,
    Rates, Server, Shutdown, SqlHandlers, Store, StoreError, StreamLimits, SystemClock, Tokens, Traces, api,
    health, metrics_routes, observed, resources, with_protocol,
};
use tokio::{net::TcpListener, task::AbortHandle};

use crate::{
    cli::{Member, Options},
    data::DataFolder,
    database::Database,
    dev,
    error::{StartError, with_cause},
    handles, openapi,
    tokens::tokens,
    web,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Keys are kept longer than commands are accepted, by twice what a clock may be wrong in each direction: see `offline_server`'s decision on expiry.
const KEY_MARGIN: Duration = Duration::from_secs(4 * 24 * 3600);

/// Serves until a signal comes.
pub(crate) async fn serve(options: Options) -> Result<(), StartError> {
    if options.dev && !options.listen.ip().is_loopback() {
        return Err(StartError::DevInPublic(options.listen));
    }
    handles::raise_limit(options.streams);
    let folder = DataFolder::open(&options.data)?;
    let tokens = tokens(&options, || folder.secret(), Arc::new(SystemClock)).await?;
    let Database { store, members, log, closed } =
        Database::open(options.database_url.as_deref(), &folder).await?;
    let dev_members = if options.dev { dev::members() } else { Vec::new() };
    let members = CachedMembers::new(members, Arc::new(SystemClock));
    for Member { workspace, user, role } in options.member.iter().chain(&dev_members) {
        members.put_member(workspace, user, role).await?;
    }
    let terms = ChangeTerms { cursor_days: options.cursor_days, ..ChangeTerms::default() };
    let streams = StreamLimits {
        per_user: options.streams_per_user,
        per_workspace: options.streams_per_workspace,
        total: options.streams,
        ..StreamLimits::default()
    };
    let live = Live { log: Arc::clone(&log), terms, streams };
    let members = Arc::new(members);
    let health = health(members.clone(), Arc::new(SystemClock));
    let metrics = Metrics::default();
    let api = router(&options, tokens, Arc::clone(&store), members, live, metrics.clone())?;
    let mut router = observed(api, metrics.clone(), wanted_traces(&options)).merge(health.clone());
    if options.dev && options.metrics_listen.is_none() {
        // This machine alone can ask, and whoever tries it out looks here first.
        router = router.merge(metrics_routes(metrics.clone()));
    }
    let router = with_protocol(router);
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|source| StartError::Listen { address: options.listen, source })?;
    let scraped = scraped(&options, health.merge(metrics_routes(metrics))).await?;
    let hub = Arc::clone(log.hub());
    let keeper = tokio::spawn(prune_daily(store, log, Retention::default(), options.cursor_days));
    announce(&listener, folder.path()).map_err(StartError::Serve)?;
    let ended = run(listener, router, &hub, closed).await;
    keeper.abort();
    scraped.abort();
    ended
}

fn router(
    options: &Options,
    tokens: Tokens,
    store: Arc<dyn Store>,
    memberships: Arc<dyn Memberships>,
    live: Live,
    metrics: Metrics,
) -> Result<Router, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let server = Server {
        store,
        memberships,
        registry: erp::registry(),
        sql: SqlHandlers::new(),
        tokens: tokens.clone(),
        clock: Arc::clone(&clock),
        limits: Limits::default(),
        retention: Retention::default(),
        key_wait: KEY_WAIT,
        live: Some(live),
        rates: rates(options, Arc::clone(&clock)),
        metrics,
        traces: wanted_traces(options),
    };
    let rest =
        resources(server.clone(), &erp::resources()).expect("BUG: the ERP's resources name its own commands");
    let mut router = api(server).merge(rest).merge(openapi::routes());
    if options.dev {
        tracing::warn!("--dev: anybody can sign in as anybody");
        router = router.merge(dev::routes(dev::DevSignIn { tokens, lifetime: options.token_ttl }));
    }
    Ok(router.merge(web::fallback(options.web_folder().as_deref())?))
}

/// Spans are placed in their traces when somebody takes them.
fn wanted_traces(options: &Options) -> Traces {
    #[cfg(feature = "otlp")]
    if options.otlp_endpoint.is_some() {
        return Traces::new(crate::traces::adopt);
    }
    let _ = options;
    Traces::default()
}

/// Commands a second of one user: a till that has been away for a day is through in seconds, a client in a loop is held back.
const RATE_LIMIT: u32 = 2000;

fn rates(options: &Options, clock: Arc<dyn Clock>) -> Rates {
    match options.rate_limit.unwrap_or(if options.dev { 0 } else { RATE_LIMIT }) {
        0 => Rates::default(),
        per_second => Rates::new(RateLimit { per_second, burst: options.rate_burst }, clock),
    }
}

/// Answers who asks for the metrics, on an address of its own.
async fn scraped(options: &Options, router: Router) -> Result<AbortHandle, StartError> {
    let Some(address) = options.metrics_listen else { return Ok(tokio::spawn(async {}).abort_handle()) };
    let listener =
        TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
    Ok(tokio::spawn(offline_server::serve(listener, router, Shutdown::default())).abort_handle())
}

/// Says on stdout that requests are answered from now on. A stdout that nobody reads is no reason to end.
fn announce(listener: &TcpListener, folder: &Path) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "erp-server listening on http://{address} (data: {})", folder.display());
    let _ = stdout.flush();
    Ok(())
}

async fn run(
    listener: TcpListener,
    router: Router,
    hub: &Arc<Hub>,
    store_closed: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let shutdown = Shutdown::default();
    let serving = offline_server::serve(listener, router, shutdown.clone());
    let ending = async {
        signal().await;
        // Streams of events never finish by themselves.
        hub.close();
        tracing::info!("ending: running requests may finish");
        shutdown.begin();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serving => Ok(()),
        () = ending => Ok(()),
        () = store_closed => Err(StartError::StoreClosed),
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}

async fn prune_daily(store: Arc<dyn Store>, log: Arc<dyn ChangeLog>, retention: Retention, cursor_days: u32) {
    let mut days = tokio::time::interval(DAY);
    loop {
        days.tick().await;
        if let Err(error) = prune(&*store, &*log, retention, cursor_days).await {
            let error = with_cause(&error);
            tracing::warn!(error, "old receipts and changes could not be dropped; tomorrow again");
        }
    }
}

async fn prune(
    store: &dyn Store,
    log: &dyn ChangeLog,
    retention: Retention,
    cursor_days: u32,
) -> Result<(), StoreError> {
    let now = SystemClock.now().since(Timestamp::EPOCH);
    let before = |age: Duration| Timestamp::EPOCH.plus(now.saturating_sub(age));
    let receipts = store
        .prune(before(DAY * retention.receipt_days), before(DAY * retention.key_days + KEY_MARGIN))
        .await;
    log.prune_log(before(DAY * cursor_days)).await.and(receipts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_has_closed_itself_ends_the_server() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ended = run(listener, Router::new(), &Arc::default(), std::future::ready(())).await;
        assert!(matches!(ended, Err(StartError::StoreClosed)), "{ended:?}");
    }
}
