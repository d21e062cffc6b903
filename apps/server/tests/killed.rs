//! Rows 15 and 16 of the decision table: the server is killed with SIGKILL, and the retry finds out what happened.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod support;

use std::{
    io::Write as _,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use support::{
    ServerProcess,
    books::Books,
    command, create,
    load::{Load, kills},
};

/// Sends a batch and does not wait for the answer.
fn send_and_leave(server: &ServerProcess, token: &str, commands: &[Value]) -> TcpStream {
    let body = json!({ "commands": commands }).to_string();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(
        stream,
        "POST /sync/commands HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream
}

fn changes(data: &Path) -> Vec<(String, i64)> {
    let connection = rusqlite::Connection::open(data.join("server.sqlite")).unwrap();
    let mut statement = connection.prepare("SELECT id, version FROM change ORDER BY seq").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn row_15_killed_before_the_commit_the_retry_executes() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &[]);
    let token = server.sign_in("ana", "acme").await;
    // The lock of another process keeps the server's transaction from beginning.
    let other = rusqlite::Connection::open(folder.path().join("server.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let stream = send_and_leave(&server, &token, &[create(1)]);
    // An answer to a later request on another connection proves nothing about this one; but whatever it did, it could not commit.
    assert!(server.expense(&token, "e1").await.is_none());
    server.kill();
    drop(stream);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(changes(folder.path()), []);

    let server = ServerProcess::start(folder.path(), &[]);
    let outcomes = server.send(&token, &[create(1)]).await.unwrap();
    assert_eq!((&outcomes[0]["status"], &outcomes[0]["replayed"]), (&json!("applied"), &json!(false)));
    assert_eq!(changes(folder.path()), [("e1".into(), 1)]);
}

/// One write by itself, as `create` says it.
fn single(server: &ServerProcess, token: &str, number: u32) -> reqwest::RequestBuilder {
    let post = server.client.post(format!("{}/workspaces/acme/expenses", server.url)).bearer_auth(token);
    let post =
        post.header("content-type", "application/json").header("idempotency-key", format!("key-{number}"));
    post.body(create(number)["payload"].to_string())
}

#[tokio::test]
async fn row_15_single_killed_before_the_commit_the_retry_executes() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &[]);
    let token = server.sign_in("ana", "acme").await;
    let other = rusqlite::Connection::open(folder.path().join("server.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = tokio::spawn(single(&server, &token, 1).send());
    assert!(server.expense(&token, "e1").await.is_none());
    server.kill();
    assert!(answer.await.unwrap().is_err());
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(changes(folder.path()), []);

    let server = ServerProcess::start(folder.path(), &[]);
    let retry = single(&server, &token, 1).send().await.unwrap();
    assert_eq!((retry.status().as_u16(), retry.headers().get("idempotency-replayed")), (201, None));
    assert_eq!(changes(folder.path()), [("e1".into(), 1)]);
}

#[tokio::test]
async fn row_16_single_killed_after_the_commit_the_retry_is_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &[]);
    let token = server.sign_in("ana", "acme").await;
    let answer = tokio::spawn(single(&server, &token, 1).send());
    while server.expense(&token, "e1").await.is_none() {
        tokio::task::yield_now().await;
    }
    server.kill();
    let _ = answer.await.unwrap();

    let server = ServerProcess::start(folder.path(), &[]);
    let retry = single(&server, &token, 1).send().await.unwrap();
    assert_eq!(
        (retry.status().as_u16(), retry.headers()["idempotency-replayed"].as_bytes()),
        (201, &b"true"[..])
    );
    assert_eq!(
        (&retry.headers()["etag"], &retry.headers()["location"]),
        (&"\"1\"".parse().unwrap(), &"/workspaces/acme/expenses/e1".parse().unwrap())
    );
    assert_eq!(changes(folder.path()), [("e1".into(), 1)]);
}

#[tokio::test]
async fn row_16_killed_after_the_commit_the_retry_is_a_replay() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &[]);
    let token = server.sign_in("ana", "acme").await;
    let stream = send_and_leave(&server, &token, &[create(1)]);
    while server.expense(&token, "e1").await.is_none() {
        tokio::task::yield_now().await;
    }
    server.kill();
    drop(stream);

    let server = ServerProcess::start(folder.path(), &[]);
    let outcomes = server.send(&token, &[create(1)]).await.unwrap();
    assert_eq!((&outcomes[0]["status"], &outcomes[0]["replayed"]), (&json!("applied"), &json!(true)));
    assert_eq!(changes(folder.path()), [("e1".into(), 1)]);
}

/// Creates, and updates that follow on them, sent until every one is answered, while the server is killed again and again in the middle of a batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_command_takes_effect_exactly_once() {
    const EXPENSES: u32 = 150;
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::start(folder.path(), &[]);
    let token = server.sign_in("ana", "acme").await;
    let commands: Vec<Value> = (1..=EXPENSES)
        .flat_map(|number| {
            let create = create(number);
            let payload = json!({ "expenseId": format!("e{number}"), "amountMinor": 1 });
            let mut update = command(1000 + number, "EXPENSE_UPDATE_V1", payload);
            update["expected"] = json!({ "after": create["commandId"] });
            [create, update]
        })
        .collect();

    let mut kills = 0;
    let mut settled = 0;
    while settled < commands.len() {
        let batch = &commands[settled..(settled + 30).min(commands.len())];
        // In every third batch the server dies somewhere between its arrival and its answer.
        let answer = if settled % 90 == 60 && kills <= settled / 90 {
            kills += 1;
            let (client, url, sent) =
                (server.client.clone(), server.url.clone(), json!({ "commands": batch }));
            let post = client.post(format!("{url}/sync/commands")).bearer_auth(&token);
            let post = post.header("content-type", "application/json").body(sent.to_string());
            let answer = tokio::spawn(async move { post.send().await?.bytes().await });
            for _ in 0..kills {
                server.get("/sync/hello").await;
            }
            server.kill();
            let _ = answer.await.unwrap();
            server = ServerProcess::start(folder.path(), &[]);
            None
        } else {
            server.send(&token, batch).await
        };
        let Some(outcomes) = answer else { continue };
        assert!(outcomes.iter().all(|outcome| outcome["status"] == "applied"), "{outcomes:?}");
        settled += outcomes.len();
    }
    assert!(kills >= 3);
    let mut changes = changes(folder.path());
    assert_eq!(changes.len(), commands.len());
    changes.sort();
    changes.dedup();
    assert_eq!(changes.len(), commands.len(), "no version was made twice");
}

/// The same with eight clients at once, and all that the database holds checked after each kill. `KILLS=100` kills a hundred times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_the_load_of_eight_clients_every_command_takes_effect_exactly_once() {
    let kills = kills(6, 100);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.sqlite");
    let mut server = ServerProcess::start(folder.path(), &[]);
    let load = Load::new(&server, kills).await;
    let killer = async {
        for kill in 1..=kills {
            load.until(kill * load.all() / (kills + 1)).await;
            server.kill();
            load.check(async || Books::on_sqlite(&file)).await;
            server = ServerProcess::start(folder.path(), &[]);
            *load.urls.lock().unwrap() = vec![server.url.clone()];
        }
        server
    };
    futures_util::join!(load.run(), killer);
    load.check_all(&Books::on_sqlite(&file));
}

/// A file that may not grow is what a full disk is to SQLite. It is the operating system that refuses here, and the real binary that meets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_31_while_the_disk_is_full_under_load_reads_go_on_and_nothing_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.sqlite");
    // Without the trap the signal that comes with the refusal would end the process; a full disk sends none.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_erp-server")]);
    command
        .args(["--listen", "127.0.0.1:0", "--dev", "--rate-limit", "0", "--data"])
        .arg(folder.path())
        .stderr(Stdio::null());
    let server = ServerProcess::spawn(&mut command);
    let files_may_grow_to = |bytes: &str| {
        let limit = format!("--fsize={bytes}:");
        let set = Command::new("prlimit").args(["--pid", &server.pid().to_string(), &limit]).status();
        assert!(set.unwrap().success());
    };
    let load = Load::new(&server, 6).await;
    let token = server.sign_in("ana", "acme").await;
    let disk = async {
        for time in 1..=3 {
            load.until(time * load.all() / 4).await;
            files_may_grow_to("1");
            load.until_refused(16).await;
            // Not one of the load's own: the answer to one of those may be a replay, which writes nothing.
            let refused = single(&server, &token, 8_000_000).send().await.unwrap();
            let retry_after = refused.headers().get("retry-after").map(|value| value.to_str().unwrap());
            assert_eq!((refused.status().as_u16(), retry_after), (503, Some("5")));
            assert_eq!(server.expense(&token, "p0").await, None);
            let page = server.client.get(format!("{}/workspaces/acme/records/product", server.url));
            let page = page.bearer_auth(&token).send().await.unwrap();
            assert_eq!(support::body(page).await["records"].as_array().unwrap().len(), 3);
            load.check(async || Books::on_sqlite(&file)).await;
            files_may_grow_to("unlimited");
        }
    };
    futures_util::join!(load.run(), disk);
    load.check_all(&Books::on_sqlite(&file));
    assert!(server.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_of_these_tests_notices_each_kind_of_damage() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &[]);
    let load = Load::new(&server, 1).await;
    load.run().await;
    let books = || Books::on_sqlite(&folder.path().join("server.sqlite"));
    load.check_all(&books());
    type Damage = (&'static str, fn(&mut Books));
    let damages: [Damage; 7] = [
        ("a lost receipt", |books| drop(books.receipts.pop())),
        ("a doubled receipt", |books| books.receipts[1] = books.receipts[0].clone()),
        ("a lost change", |books| drop(books.changes.pop())),
        ("a doubled version", |books| books.changes[7].version += 1),
        ("the effect of another command", |books| {
            books.changes[9].command_id = books.changes[8].command_id.clone();
        }),
        ("a lost record", |books| drop(books.records.pop())),
        ("another sum", |books| {
            let stock = books.records.iter_mut().find(|row| row.kind == "stock").unwrap();
            stock.data = stock.data.replace("\"quantity\":-", "\"quantity\":-1");
        }),
    ];
    for (name, damage) in damages {
        let mut books = books();
        damage(&mut books);
        let noticed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| load.check_all(&books)));
        assert!(noticed.is_err(), "{name} went unnoticed");
    }
}
