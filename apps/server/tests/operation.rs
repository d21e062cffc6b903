//! What an operator does besides serving: backups, their return, a look at the configuration.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod support;

use std::{collections::BTreeSet, fs, io::Write as _, net::TcpStream, path::Path, process::Command};

use serde_json::{Value, json};

use support::{ServerProcess, binary, body, create};

const SECRET: [&str; 2] = ["--jwt-secret", "a secret that the operator has chosen"];

/// Runs the binary to its end: its exit code, and what it said on either channel.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_erp-server")).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn changes(server: &ServerProcess, token: &str, since: &str) -> (u16, Value) {
    let response = server.client.get(format!("{}/sync/changes{since}", server.url)).bearer_auth(token).send();
    let response = response.await.unwrap();
    (response.status().as_u16(), body(response).await)
}

#[tokio::test]
async fn a_backup_of_a_running_server_comes_back_as_another_life_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy, restored) =
        (folder.path().join("data"), folder.path().join("copy"), folder.path().join("restored"));
    let server = ServerProcess::start(&data, &SECRET);
    let token = server.sign_in("ana", "acme").await;
    server.send(&token, &[create(1), create(2)]).await.unwrap();
    let (_, page) = changes(&server, &token, "").await;
    let since = format!("?since={}", page["next"].as_str().unwrap());
    let (code, said) = run(&["backup", "--to", text(&copy), "--data", text(&data)]);
    assert_eq!(code, Some(0), "{said}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(!folder.path().join("copy.partial").exists());
    // The server went on, and what it took afterwards is not in the copy.
    server.send(&token, &[create(3)]).await.unwrap();
    assert!(server.terminate().success());

    let (code, said) = run(&["--data", text(&restored), "restore", "--from", text(&copy)]);
    assert_eq!(code, Some(0), "{said}");
    let server = ServerProcess::start(&restored, &SECRET);
    assert!(server.expense(&token, "e2").await.is_some() && server.expense(&token, "e3").await.is_none());
    let (status, problem) = changes(&server, &token, &since).await;
    assert_eq!(
        (status, &problem["code"], &problem["resnapshot"]),
        (410, &"cursor-expired".into(), &true.into())
    );
    let (status, page) = changes(&server, &token, "").await;
    assert_eq!((status, page["changes"].as_array().unwrap().len()), (200, 2));
    // The client sends again what it has no answer for, and what the backup does not know takes effect once.
    let outcomes = server.send(&token, &[create(2), create(3)]).await.unwrap();
    assert_eq!((&outcomes[0]["replayed"], &outcomes[1]["replayed"]), (&true.into(), &false.into()));
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_needs_something_to_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let backup = |to: &Path| run(&["backup", "--to", text(to), "--data", text(&data)]);
    let (code, said) = backup(&copy);
    assert!(code == Some(1) && said.contains("no database in"), "{said}");
    assert!(!data.exists() && !copy.exists());
    drop(ServerProcess::start(&data, &[]));
    fs::write(&copy, "precious").unwrap();
    let (code, said) = backup(&copy);
    assert!(code == Some(1) && said.contains("exists"), "{said}");
    assert_eq!(fs::read_to_string(&copy).unwrap(), "precious");
    let (code, _) = backup(&folder.path().join("nowhere/copy"));
    assert_eq!(code, Some(1));
    let (code, said) =
        run(&["backup", "--to", "x", "--database-url", "postgres://ana:hunter2@127.0.0.1:1/x"]);
    assert!(code == Some(1) && said.contains("pg_dump") && !said.contains("hunter2"), "{said}");
    assert_eq!(run(&["backup"]).0, Some(2));
}

#[tokio::test]
async fn a_restore_takes_a_backup_and_an_empty_folder_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy, empty) =
        (folder.path().join("data"), folder.path().join("copy"), folder.path().join("empty"));
    drop(ServerProcess::start(&data, &[]));
    assert_eq!(run(&["backup", "--to", text(&copy), "--data", text(&data)]).0, Some(0));
    let restore = |from: &Path, data: &Path| run(&["restore", "--from", text(from), "--data", text(data)]);
    // The file of a server that was killed: what it had not yet copied into it lies beside it.
    let half = folder.path().join("half");
    drop(ServerProcess::start(&half, &[]));
    let half = half.join("server.sqlite");
    let before = fs::read(data.join("server.sqlite")).unwrap();
    let (code, said) = restore(&copy, &data);
    assert!(code == Some(1) && said.contains("is not empty"), "{said}");
    assert_eq!(fs::read(data.join("server.sqlite")).unwrap(), before);
    for (name, content) in [
        ("nothing", Vec::new()),
        ("words", b"no database at all".repeat(500)),
        ("cut", fs::read(&copy).unwrap()[..5000].to_vec()),
    ] {
        let bad = folder.path().join(name);
        fs::write(&bad, content).unwrap();
        let (code, said) = restore(&bad, &empty);
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{name}: {said}");
        assert!(!empty.join("server.sqlite").exists(), "{name}");
    }
    let (code, said) = restore(&half, &empty);
    assert!(code == Some(1) && said.contains("not a backup"), "{said}");
    assert_eq!(restore(&folder.path().join("missing"), &empty).0, Some(1));
    let server = ServerProcess::start(&data, &[]);
    let (code, said) = restore(&copy, &data);
    assert!(code == Some(1) && said.contains("in use"), "{said}");
    drop(server);
    // What went wrong before is in no one's way; the secret may have been put there first.
    fs::copy(data.join("jwt-secret"), empty.join("jwt-secret")).unwrap();
    let (code, said) = restore(&copy, &empty);
    assert_eq!(code, Some(0), "{said}");
    assert!(ServerProcess::start(&empty, &[]).terminate().success());
}

#[tokio::test]
async fn the_configuration_is_looked_at_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let check = |flags: &[&str]| run(&[&["--check-config", "--data", text(&data)], flags].concat());
    let (code, said) = check(&["--dev"]);
    assert!(
        code == Some(0) && said.contains("the configuration is good") && said.contains("to be made"),
        "{said}"
    );
    assert!(!data.exists(), "nothing was made");
    let server = ServerProcess::start(&data, &[]);
    let (code, said) = check(&[]);
    assert!(code == Some(0) && said.contains("database: SQLite, schema"), "of a running server: {said}");
    assert!(server.terminate().success());
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    for (flags, words) in [
        (vec!["--listen", "192.0.2.1:80"], "cannot listen on 192.0.2.1:80"),
        (vec!["--metrics-listen", "192.0.2.1:80"], "cannot listen on 192.0.2.1:80"),
        (vec!["--database-url", "postgres://ana:hunter2@127.0.0.1:1/x"], "onnection refused"),
        (vec!["--jwt-secret", "short"], "at least 32 bytes"),
        (vec!["--web", "/nowhere"], "no index.html"),
        (vec!["--dev", "--listen", "0.0.0.0:0"], "--dev lets anybody sign in"),
        (vec!["--database-url", "postgres://ana:hunter2@127.0.0.1:1/x"], "cannot open the database"),
        (vec!["--database-url", "nonsense"], "postgres://user:password@host"),
        (vec!["--jwt-public-key", text(&file)], "public key"),
    ] {
        let (code, said) = check(&flags);
        assert!(code == Some(1) && said.contains(words) && said.lines().count() == 1, "{flags:?}: {said}");
        assert!(!said.contains("hunter2"));
    }
    let (code, said) = run(&["--check-config", "--data", text(&file)]);
    assert!(code == Some(1) && said.contains("cannot use the data folder"), "{said}");
    fs::write(data.join("jwt-secret"), "short").unwrap();
    assert_eq!(check(&[]).0, Some(1));
    fs::remove_file(data.join("jwt-secret")).unwrap();
    rusqlite::Connection::open(data.join("server.sqlite"))
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let (code, said) = check(&[]);
    assert!(code == Some(1) && said.contains("written by a newer version"), "{said}");
    fs::write(data.join("server.sqlite"), "no database at all".repeat(500)).unwrap();
    let (_, said) = check(&[]);
    assert_eq!(said, "erp-server: cannot open the database: the store failed: file is not a database\n");
    let other = folder.path().join("other");
    fs::create_dir_all(other.join("server.sqlite")).unwrap();
    let (code, said) = run(&["--check-config", "--data", text(&other)]);
    assert!(code == Some(1) && said.contains("cannot use the file") && said.contains("irectory"), "{said}");
    fs::remove_dir(other.join("server.sqlite")).unwrap();
    let foreign = rusqlite::Connection::open(other.join("server.sqlite")).unwrap();
    foreign.execute_batch("CREATE TABLE receipt (paper)").unwrap();
    for check in [&["--check-config"][..], &["--listen", "127.0.0.1:0"]] {
        let (code, said) = run(&[check, &["--data", text(&other)]].concat());
        assert!(
            code == Some(1) && said.contains("of another program") && said.lines().count() == 1,
            "{said}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_takes_the_file_handles_that_it_may_have_and_says_when_they_are_too_few() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        "ulimit -S -n 100; ulimit -H -n 600; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_erp-server"),
    ]);
    limited.args([
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--streams",
        "101",
        "--data",
        text(&folder.path().join("data")),
    ]);
    let server = ServerProcess::spawn(limited.stderr(fs::File::create(&log).unwrap()));
    let token = server.sign_in("ana", "acme").await;
    let mut streams = Vec::new();
    for _ in 0..101 {
        streams.push(server.listen(&token).await);
    }
    assert!(server.terminate().success());
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("too few file handles") && log.contains(r#""limit":600,"wanted":601"#), "{log}");
}

#[tokio::test]
async fn another_lineage_needs_a_database_that_no_server_has() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let rotate = || run(&["rotate-lineage", "--data", text(&data)]);
    let (code, said) = rotate();
    assert!(code == Some(1) && said.contains("no database in") && !data.exists(), "{said}");
    let server = ServerProcess::start(&data, &[]);
    let token = server.sign_in("ana", "acme").await;
    let (_, page) = changes(&server, &token, "").await;
    let (code, said) = rotate();
    assert!(code == Some(1) && said.contains("in use"), "{said}");
    assert!(server.terminate().success());
    assert_eq!(rotate().0, Some(0));
    let server = ServerProcess::start(&data, &[]);
    let (status, _) = changes(&server, &token, &format!("?since={}", page["next"].as_str().unwrap())).await;
    assert_eq!(status, 410);
}

#[tokio::test]
async fn the_dashboard_asks_for_nothing_that_the_metrics_do_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &[]);
    let token = server.sign_in("ana", "acme").await;
    let _stream = server.listen(&token).await;
    for _ in 0..2 {
        server.send(&token, &[create(1), create(2)]).await.unwrap();
    }
    let text = server.get("/metrics").await.text().await.unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let held: BTreeSet<&str> = samples.filter_map(|line| line.split(['{', ' ']).next()).collect();

    let dashboard: Value = serde_json::from_str(include_str!("../../../docs/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    let words =
        queries.iter().flat_map(|query| query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let asked: BTreeSet<&str> = words.filter(|word| word.starts_with("offline_")).collect();
    assert!(queries.len() > 8 && asked.len() > 8, "{asked:?}");
    let missing: Vec<_> = asked.difference(&held).collect();
    assert!(missing.is_empty(), "{missing:?} of {held:?}");
    // And every metric is on it.
    let bases: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let unseen: Vec<_> =
        bases.iter().filter(|base| !asked.iter().any(|name| name.starts_with(**base))).collect();
    assert!(unseen.is_empty(), "{unseen:?} is on no panel");
    for label in ["outcome", "type", "route", "status"] {
        assert!(text.contains(&format!("{label}=\"")), "{label}");
    }
}

#[tokio::test]
async fn a_command_whose_sender_has_gone_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let server = ServerProcess::spawn(binary(&data, &["--dev"]).stderr(fs::File::create(&log).unwrap()));
    let token = server.sign_in("ana", "acme").await;
    let other = rusqlite::Connection::open(data.join("server.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut sender = TcpStream::connect(server.address()).unwrap();
    let body = json!({ "commands": [create(1)] }).to_string();
    let head = format!(
        "POST /sync/commands HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    sender.write_all((head + &body).as_bytes()).unwrap();
    let counted = async |line: &str| {
        while !server.get("/metrics").await.text().await.unwrap().contains(line) {}
    };
    counted("offline_batch_commands_count 1\n").await;
    drop(sender);
    counted("offline_http_requests_running 0\n").await;
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(server.send(&token, &[create(1)]).await.unwrap()[0]["replayed"], true);
    assert!(server.terminate().success());
    let log = fs::read_to_string(log).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let commands: Vec<_> = lines.filter(|line| line["message"] == "command").collect();
    let status: Vec<_> = commands.iter().map(|line| line["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["abandoned", "applied"]);
    assert_eq!(commands[0]["commandId"], create(1)["commandId"]);
    assert_eq!(commands[0]["span"]["userId"], "ana");
}
