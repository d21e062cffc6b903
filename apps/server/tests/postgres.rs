//! The program over PostgreSQL: several processes, and processes that are killed.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

#[path = "../../../packages/offline-server/tests/postgres_alone/proxy.rs"]
mod proxy;
mod support;

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU32, Ordering},
};

use futures_util::{future::join_all, join};
use offline_protocol::{UserId, WorkspaceId};
use offline_server::{Identity, SystemClock, Tokens};
use private_postgres::PrivatePostgres;
use serde_json::json;
use tokio_postgres::{Client, NoTls};

use proxy::Proxy;
use support::{
    ServerProcess,
    books::Books,
    command, create,
    load::{Load, kills},
};

static POSTGRES: LazyLock<PrivatePostgres> =
    LazyLock::new(|| PrivatePostgres::temporary().unwrap_or_else(|error| panic!("{error}")));

const SECRET: &str = "a secret that all servers of a database share";

/// A database, and folders for the servers over it.
struct Site {
    url: String,
    folder: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = format!("site_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let admin = connect(&POSTGRES.url("postgres")).await;
        admin.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
        Self::on(POSTGRES.url(&database))
    }

    fn on(url: String) -> Self {
        Self { url, folder: tempfile::tempdir().unwrap() }
    }

    fn start(&self, name: &str) -> ServerProcess {
        self.start_over(&self.url, name)
    }

    /// A server that reaches the database by another address.
    fn start_over(&self, url: &str, name: &str) -> ServerProcess {
        let flags = ["--database-url", url, "--jwt-secret", SECRET];
        ServerProcess::start(&self.folder.path().join(name), &flags)
    }

    fn database(&self) -> &str {
        self.url.rsplit('/').next().unwrap()
    }

    async fn books(&self) -> Books {
        Books::on_postgres(&connect(&self.url).await).await
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn records_are_in_the_database_and_not_in_the_folder() {
    let site = Site::new().await;
    let server = site.start("one");
    let token = server.sign_in("ana", "acme").await;
    server.send(&token, &[create(1)]).await.unwrap();
    assert!(server.terminate().success());
    assert!(!site.folder.path().join("one/server.sqlite").exists());
    let server = site.start("two");
    assert_eq!(server.expense(&token, "e1").await.unwrap()["version"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_over_one_database_are_one() {
    let site = Site::new().await;
    let servers = [site.start("one"), site.start("two")];
    let token = servers[0].sign_in("ana", "acme").await;
    // The same command, to both at the same time.
    let commands = [create(1)];
    let sent = (0..20).map(|number| servers[number % 2].send(&token, &commands));
    let outcomes: Vec<_> =
        join_all(sent).await.into_iter().map(|outcomes| outcomes.unwrap().remove(0)).collect();
    assert!(outcomes.iter().all(|outcome| outcome["status"] == "applied"));
    assert_eq!(outcomes.iter().filter(|outcome| outcome["replayed"] == false).count(), 1);
    // What one has answered, the other knows: a single write's answer at once, and as it was.
    let post = async |server: &ServerProcess| {
        let post = server.client.post(format!("{}/workspaces/acme/expenses", server.url)).bearer_auth(&token);
        let body = json!({ "expenseId": "single", "description": "x", "amountMinor": 1, "currency": "EUR", "spentOn": "2026-11-20" });
        let post = post.header("idempotency-key", "single").header("content-type", "application/json");
        let response = post.body(body.to_string()).send().await.unwrap();
        let replayed = response.headers().contains_key("idempotency-replayed");
        (response.status().as_u16(), replayed, response.text().await.unwrap())
    };
    let (first, second) = (post(&servers[0]).await, post(&servers[1]).await);
    assert_eq!((first.0, first.1, second.0, second.1), (201, false, 201, true));
    assert_eq!(first.2, second.2);
    let mut last = create(1);
    for number in 2..12 {
        let payload = json!({ "expenseId": "e1", "amountMinor": number });
        let mut update = command(number, "EXPENSE_UPDATE_V1", payload);
        update["expected"] = json!({ "after": last["commandId"] });
        let server = &servers[number as usize % 2];
        let outcome = server.send(&token, std::slice::from_ref(&update)).await.unwrap().remove(0);
        assert_eq!(outcome["versions"][0]["version"], number, "{outcome}");
        last = update;
    }
    for server in &servers {
        assert_eq!(server.expense(&token, "e1").await.unwrap()["version"], 11);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_lineage_of_the_database_is_seen_by_running_servers() {
    let site = Site::new().await;
    let server = site.start("one");
    let token = server.sign_in("ana", "acme").await;
    let changes = async |since: &str| {
        let get = server.client.get(format!("{}/sync/changes{since}", server.url));
        let response = get.bearer_auth(&token).send().await.unwrap();
        (response.status().as_u16(), support::body(response).await)
    };
    let (_, page) = changes("").await;
    let since = format!("?since={}", page["next"].as_str().unwrap());
    assert_eq!(changes(&since).await.0, 200);
    let operate = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_erp-server"));
        command.args(arguments).args(["--database-url", &site.url]).output().unwrap()
    };
    let checked = operate(&["--check-config", "--data", site.folder.path().join("none").to_str().unwrap()]);
    assert!(checked.status.success());
    assert!(String::from_utf8(checked.stdout).unwrap().contains("database: PostgreSQL, schema"));
    assert!(operate(&["rotate-lineage"]).status.success());
    assert_eq!(changes(&since).await.0, 410);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_commits_another_ones_stream_tells() {
    let site = Site::new().await;
    let servers = [site.start("one"), site.start("two")];
    let token = servers[0].sign_in("ana", "acme").await;
    let mut stream = servers[1].listen(&token).await;
    servers[0].send(&token, &[create(1)]).await.unwrap();
    let told = stream.chunk().await.unwrap().unwrap();
    let told = String::from_utf8(told.to_vec()).unwrap();
    assert!(told.contains(r#"data: {"kind":"expense","changeSeq":1}"#), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_server_joins_under_load_and_one_is_killed() {
    let site = Site::new().await;
    let (first, second) = (site.start("one"), site.start("two"));
    let load = Load::new(&first, 6).await;
    load.urls.lock().unwrap().push(second.url.clone());
    let changes = async {
        load.until(load.all() / 3).await;
        let third = site.start("three");
        load.urls.lock().unwrap().push(third.url.clone());
        load.until(load.all() / 2).await;
        first.kill();
        third
    };
    join!(load.run(), changes);
    load.check_all(&site.books().await);
}

/// Rows 15 and 16 of the decision table, under the load of eight clients. `KILLS=100` kills 30 times, and lets the database crash 10 times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_15_and_16_killed_under_load_every_command_takes_effect_exactly_once() {
    let kills = kills(6, 30);
    let site = Site::new().await;
    let mut server = site.start("one");
    let load = Load::new(&server, kills).await;
    let killer = async {
        for kill in 1..=kills {
            load.until(kill * load.all() / (kills + 1)).await;
            server.kill();
            load.check(async || site.books().await).await;
            server = site.start("one");
            *load.urls.lock().unwrap() = vec![server.url.clone()];
        }
        server
    };
    join!(load.run(), killer);
    load.check_all(&site.books().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_crashes_every_command_takes_effect_exactly_once() {
    let crashes = kills(5, 10);
    let postgres = Arc::new(PrivatePostgres::temporary().unwrap());
    let site = Site::on(postgres.url("postgres"));
    let server = site.start("one");
    let load = Load::new(&server, crashes).await;
    let crasher = async {
        for crash in 1..=crashes {
            load.until(crash * load.all() / (crashes + 1)).await;
            let crashing = Arc::clone(&postgres);
            tokio::task::spawn_blocking(move || crashing.crash_and_restart().unwrap()).await.unwrap();
            load.check(async || site.books().await).await;
        }
    };
    join!(load.run(), crasher);
    load.check_all(&site.books().await);
    assert!(server.terminate().success(), "the server has lived through it");
}

/// Row 17 of the decision table, under load: nobody on the server's side can know whether a commit without an answer took place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_17_while_commits_and_their_answers_get_lost_every_command_takes_effect_exactly_once() {
    let rounds = kills(10, 100);
    let site = Site::new().await;
    let proxy = Proxy::start(POSTGRES.socket(), site.database()).await;
    let server = site.start_over(&proxy.url, "one");
    let load = Load::new(&server, rounds).await;
    proxy.lose_commits(true);
    let checks = async {
        for round in 1..=rounds {
            load.until(round * load.all() / (rounds + 1)).await;
            load.check(async || site.books().await).await;
        }
    };
    join!(load.run(), checks);
    let (before, after) = proxy.lost_commits();
    eprintln!("{before} commits were lost on their way, and the answers to {after}");
    assert!(before > 0 && after > 0, "{before}, {after}");
    load.check_all(&site.books().await);
    assert!(server.terminate().success(), "the server has lived through it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_backends_are_terminated_every_command_takes_effect_exactly_once() {
    let terminations = kills(10, 100);
    let site = Site::new().await;
    let server = site.start("one");
    let load = Load::new(&server, terminations).await;
    let admin = connect(&site.url).await;
    // In the middle of a transaction, of one that has written when there is one.
    let one = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL \
        ORDER BY backend_xid IS NULL LIMIT 1) one";
    let mut terminated = 0;
    let terminator = async {
        for termination in 1..=terminations {
            load.until(termination * load.all() / (terminations + 1)).await;
            let before = terminated;
            while terminated == before && !load.is_over() {
                terminated += admin.query_one(one, &[]).await.unwrap().get::<_, i64>(0);
            }
            load.check(async || site.books().await).await;
        }
    };
    join!(load.run(), terminator);
    eprintln!("{terminated} of {terminations} times there was a transaction to end");
    assert!(terminated > 0, "none was ended");
    load.check_all(&site.books().await);
    assert!(server.terminate().success(), "the server has lived through it");
}

/// The tables of the present schema, partitioned by workspace: an operator's step, see docs/scaling.md.
const PARTITION: &str = include_str!("../../../docs/partition.sql");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_partitioned_by_workspace_serve_two_nodes_with_the_same_statements() {
    const WORKSPACES: usize = 40;
    let site = Site::new().await;
    // The first start makes the schema, and has something to move.
    let server = site.start("one");
    let token = server.sign_in("ana", "acme").await;
    let load = Load::new(&server, 4).await;
    assert!(server.terminate().success());
    let admin = connect(&site.url).await;
    admin.batch_execute(PARTITION).await.unwrap();

    let names: Vec<_> = (0..WORKSPACES).map(|number| format!("w{number}")).collect();
    let members = names.iter().map(|name| format!("{name}/ana")).collect::<Vec<_>>().join(",");
    let flags = ["--database-url", &site.url, "--jwt-secret", SECRET, "--member", &members];
    let servers = ["one", "two"].map(|node| ServerProcess::start(&site.folder.path().join(node), &flags));
    *load.urls.lock().unwrap() = servers.iter().map(|server| server.url.clone()).collect();
    load.run().await;
    load.check_all(&site.books().await);

    let tokens = Tokens::new(SECRET.as_bytes(), Arc::new(SystemClock));
    let commands: Vec<_> = (1..=10).map(create).collect();
    join_all(names.iter().enumerate().map(async |(number, name)| {
        let (workspace_id, user_id) = (WorkspaceId::new(name).unwrap(), UserId::new("ana").unwrap());
        let hour = std::time::Duration::from_secs(3600);
        let token = tokens.issue(&Identity { workspace_id, user_id }, hour).unwrap().0;
        let mut own = commands.clone();
        own.iter_mut().for_each(|command| command["workspaceId"] = json!(name));
        // Twice, to either node: the second finds the receipts of the first.
        for (node, replayed) in [(number, false), (number + 1, true)] {
            let outcomes = servers[node % 2].send(&token, &own).await.unwrap();
            assert!(outcomes.iter().all(|outcome| outcome["status"] == "applied"), "{outcomes:?}");
            assert!(outcomes.iter().all(|outcome| outcome["replayed"] == replayed));
        }
        let get = servers[number % 2].client.get(format!("{}/sync/changes", servers[number % 2].url));
        let page = support::body(get.bearer_auth(&token).send().await.unwrap()).await;
        assert_eq!(page["changes"].as_array().unwrap().len(), 10);
    }))
    .await;
    assert_eq!(servers[1].expense(&token, "e1").await.unwrap()["version"], 2);
    for table in ["workspace", "record", "change", "receipt", "member"] {
        let used = format!("SELECT count(DISTINCT tableoid) FROM offline.{table}");
        let used: i64 = admin.query_one(&used, &[]).await.unwrap().get(0);
        assert_eq!(used, 8, "{table} is spread over its partitions");
    }
    // The wall stands before the partitions too.
    admin.batch_execute("SET ROLE offline_app").await.unwrap();
    let seen: i64 = admin.query_one("SELECT count(*) FROM offline.record", &[]).await.unwrap().get(0);
    assert_eq!(seen, 0, "nothing without the name of a workspace");
    assert!(admin.query_one("SELECT count(*) FROM offline.record_0", &[]).await.is_err());
}
