//! The program as its operator meets it: flags, start, end, sign-in, logs.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod support;

use std::{fs, process::Stdio};

use serde_json::{Value, json};

use support::{ServerProcess, binary, binary_on, body, create, refused};

#[tokio::test]
async fn it_says_where_it_listens_and_where_the_data_are() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("some/data");
    let server = ServerProcess::start(&data, &[]);
    let place = data.canonicalize().unwrap();
    assert_eq!(
        server.ready_line,
        format!("erp-server listening on {} (data: {})\n", server.url, place.display())
    );
    let hello: Value = body(server.get("/sync/hello").await).await;
    assert_eq!(hello["protocol"], 1);
    assert!(server.get("/").await.text().await.unwrap().contains("--web"), "says how to get the web app");
    assert!(server.terminate().success());
}

#[tokio::test]
async fn a_second_start_finds_data_and_tokens_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &[]);
    let token = server.sign_in("ana", "acme").await;
    server.send(&token, &[create(1)]).await.unwrap();
    let stream = server.listen(&token).await;
    assert!(server.terminate().success());
    drop(stream);
    let log = fs::metadata(folder.path().join("server.sqlite-wal"));
    assert!(log.is_err() || log.is_ok_and(|log| log.len() == 0), "the one file holds everything");
    let server = ServerProcess::start(folder.path(), &[]);
    assert_eq!(server.expense(&token, "e1").await.unwrap()["version"], 1);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_kept_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = ServerProcess::start(&data, &[]);
    let mode = |path: &str| fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("."), 0o700);
    for file in ["jwt-secret", "server.sqlite", "server.sqlite-wal", "server.sqlite-shm"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    drop(server);
    assert_eq!(fs::read_to_string(data.join("jwt-secret")).unwrap().len(), 64);
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(&folder.path().join("first"), &[]);
    let second = folder.path().join("second");
    let locked = refused(&folder.path().join("first"), &["--log-level", "off"]);
    let taken = binary_on(server.address(), &second, &["--log-level", "off"]).output().unwrap();
    let taken = (taken.status.code(), String::from_utf8(taken.stderr).unwrap());
    let weak = refused(&second, &["--jwt-secret", "short"]);
    let no_web = refused(&second, &["--web", "/nowhere"]);
    for ((status, error), words) in [
        (&locked, "in use by another erp-server"),
        (&taken, "cannot listen on"),
        (&weak, "at least 32 bytes"),
        (&no_web, "holds no index.html"),
    ] {
        assert_eq!(*status, Some(1), "{error}");
        assert!(error.starts_with("erp-server: ") && error.contains(words), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    fs::write(folder.path().join("a file"), "").unwrap();
    let (status, error) = refused(&folder.path().join("a file"), &[]);
    assert!(status == Some(1) && error.contains("cannot use the data folder"), "{error}");
}

#[tokio::test]
async fn what_happens_is_counted_without_a_word_of_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // A port that is free now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let server = ServerProcess::start(folder.path(), &["--metrics-listen", &address]);
    let token = server.sign_in("ana", "acme").await;
    let mut made_up = create(2);
    made_up["type"] = json!("SOMETHING_MADE_UP_V1");
    server.send(&token, &[create(1), made_up]).await.unwrap();
    server.send(&token, &[create(1)]).await.unwrap();
    server.expense(&token, "e1").await.unwrap();
    for path in ["/made/up", "/workspaces/acme/records/made-up/x"] {
        server.get(path).await;
    }
    let method = reqwest::Method::from_bytes(b"MADEUP").unwrap();
    server.client.request(method, format!("{}/sync/commands", server.url)).send().await.unwrap();
    let scrape = |path: &str| server.client.get(format!("http://{address}{path}")).send();
    let text = scrape("/metrics").await.unwrap().text().await.unwrap();
    for line in [
        "offline_commands_total{type=\"EXPENSE_CREATE_V1\",outcome=\"applied\"} 2",
        "offline_commands_total{type=\"unknown\",outcome=\"rejected\"} 1",
        "offline_receipts_replayed_total 1",
        "offline_batch_commands_sum 3.0",
        "offline_batch_commands_count 2",
        "offline_transaction_seconds_count 2",
        "offline_queue_wait_seconds_count 2",
        "offline_http_request_seconds_count{method=\"POST\",route=\"/sync/commands\",status=\"200\"} 2",
        "offline_http_request_seconds_count{method=\"other\",route=\"/sync/commands\",status=\"405\"} 1",
        "offline_http_requests_running 0",
        "offline_event_streams 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    for private in ["acme", "ana", "e1\"", "made", "MADE", "key-1"] {
        assert!(!text.contains(private), "{private} is in the metrics");
    }
    for (path, words) in [("/healthz", "ok"), ("/readyz", "ready")] {
        for answer in [server.get(path).await, scrape(path).await.unwrap()] {
            assert_eq!(answer.status(), 200, "{path}");
            assert_eq!(answer.text().await.unwrap().trim(), words);
        }
    }
    let public = server.get("/metrics").await;
    assert!(!public.text().await.unwrap().contains("offline_"), "not on the public address");
}

#[tokio::test]
async fn a_development_server_shows_its_metrics_where_everything_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &[]);
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().contains("offline_event_streams 0"));
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_said_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let data = folder.path().join("data");
    for (flags, words) in [
        (["--jwt-public-key", "/nowhere.pem"], "it cannot be read"),
        (["--jwt-public-key", &file("garbage.pem", "garbage")], "not a public key"),
        (["--jwt-public-key", &file("private.pem", "-----BEGIN PRIVATE KEY-----")], "private key"),
        (["--jwt-key-set", "/nowhere.json"], "it cannot be read"),
        (["--jwt-key-set", &file("empty.json", "{\"keys\":[]}")], "holds no key"),
        (["--jwt-key-set", "http://sign-in.example/keys?key=hunter2"], "https://"),
        (["--jwt-key-set", "http://127.0.0.1:1/keys?key=hunter2"], "cannot be fetched"),
    ] {
        let (status, error) = refused(&data, &flags);
        assert_eq!(status, Some(1), "{error}");
        assert!(error.starts_with("erp-server: cannot use the ") && error.contains(words), "{error}");
        assert!(error.lines().count() == 1 && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_public_key_takes_the_place_of_the_secret_in_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = ServerProcess::start(&data, &[]);
    let token = dev.sign_in("ana", "acme").await;
    assert!(dev.terminate().success());
    let key = folder.path().join("key.pem");
    fs::write(&key, PUBLIC_KEY).unwrap();
    let server = ServerProcess::spawn(
        binary(&data, &["--jwt-public-key", key.to_str().unwrap()]).stderr(Stdio::null()),
    );
    let get = server.client.get(format!("{}/workspaces/acme/records/expense", server.url));
    assert_eq!(get.bearer_auth(&token).send().await.unwrap().status(), 401);
    assert_eq!(server.get("/dev/accounts").await.status(), 404);
}

/// An Ed25519 key; nobody has its other half.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

#[tokio::test]
async fn a_database_that_cannot_be_had_is_said_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    for (address, words) in [
        ("nonsense", "postgres://user:password@host"),
        ("postgres://ana:hunter2@127.0.0.1:1/x", "connecting"),
        ("postgres://ana:hunter2@127.0.0.1:1/x?sslmode=require", "TLS"),
    ] {
        let (status, error) = refused(folder.path(), &["--database-url", address]);
        assert_eq!(status, Some(1), "{error}");
        assert!(
            error.starts_with("erp-server: cannot open the database") && error.contains(words),
            "{error}"
        );
        assert!(error.lines().count() == 1 && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn the_development_sign_in_is_refused_in_public() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let output = binary_on("0.0.0.0:0", &data, &["--dev"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--dev lets anybody sign in"));
    assert!(!data.exists());
}

#[tokio::test]
async fn the_development_sign_in_knows_three_people() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &["--token-ttl", "2h"]);
    let accounts: Value = body(server.get("/dev/accounts").await).await;
    let acme = json!({ "id": "acme", "name": "Acme" });
    let globex = json!({ "id": "globex", "name": "Globex" });
    assert_eq!(
        accounts,
        json!([
            { "user": "ana", "name": "Ana", "workspaces": [acme] },
            { "user": "ben", "name": "Ben", "workspaces": [acme, globex] },
            { "user": "cleo", "name": "Cleo", "workspaces": [globex] },
        ])
    );
    for account in accounts.as_array().unwrap() {
        for workspace in account["workspaces"].as_array().unwrap() {
            let response =
                server.try_sign_in(&json!({ "user": account["user"], "workspaceId": workspace["id"] })).await;
            assert_eq!(response.headers()["cache-control"], "no-store");
            let signed_in: Value = body(response).await;
            assert_eq!(
                (&signed_in["userId"], &signed_in["workspaceId"]),
                (&account["user"], &workspace["id"])
            );
            assert!(signed_in["expiresAt"].as_str().unwrap().ends_with('Z'));
        }
    }
    for (user, workspace) in
        [("ana", "globex"), ("cleo", "acme"), ("ana", "nowhere"), ("nobody", "acme"), ("", "")]
    {
        let response = server.try_sign_in(&json!({ "user": user, "workspaceId": workspace })).await;
        assert_eq!(response.status(), 404);
        assert_eq!(body(response).await["code"], "workspace-not-found");
    }
    for nonsense in [json!(null), json!({}), json!({ "user": 1, "workspaceId": "acme" })] {
        let response = server.try_sign_in(&nonsense).await;
        assert_eq!(response.status(), 400);
        assert_eq!(body(response).await["code"], "invalid-request");
    }
}

#[tokio::test]
async fn without_dev_nobody_signs_in_but_tokens_of_the_secret_count() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "a secret that the operator has chosen";
    let dev = ServerProcess::start(&folder.path().join("dev"), &["--jwt-secret", secret]);
    let token = dev.sign_in("ana", "acme").await;
    let flags = ["--jwt-secret", secret, "--member", "acme/ana"];
    let server = ServerProcess::spawn(binary(&folder.path().join("data"), &flags).stderr(Stdio::null()));
    for path in ["/dev/accounts", "/dev/sign-in", "/dev", "/metrics"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(body(response).await["code"], "not-found");
    }
    let outcomes = server.send(&token, &[create(1)]).await.unwrap();
    assert_eq!(outcomes[0]["status"], "applied");
}

#[tokio::test]
async fn the_switch_may_come_from_its_variable_in_the_usual_spellings() {
    let folder = tempfile::tempdir().unwrap();
    for (value, status) in [("1", 200), ("true", 200), ("yes", 200), ("0", 404), ("false", 404)] {
        let mut command = binary(&folder.path().join("data"), &[]);
        let server = ServerProcess::spawn(command.env("ERP_SERVER_DEV", value).stderr(Stdio::null()));
        assert_eq!(server.get("/dev/accounts").await.status(), status, "{value}");
        assert!(server.terminate().success());
    }
    for nonsense in ["perhaps", ""] {
        let mut command = binary(&folder.path().join("data"), &[]);
        let output = command.env("ERP_SERVER_DEV", nonsense).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{nonsense:?}");
    }
}

#[tokio::test]
async fn a_token_of_the_sign_in_expires() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &["--token-ttl", "1s"]);
    let token = server.sign_in("ana", "acme").await;
    let status = || async {
        let get = server.client.get(format!("{}/workspaces/acme/records/expense", server.url));
        get.bearer_auth(&token).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status().await, 200);
    // Real time: the binary has no other clock. Two seconds at most, as expiry is rounded up to seconds.
    while status().await == 200 {}
    assert_eq!(status().await, 401);
}

#[tokio::test]
async fn its_end_ends_the_streams_of_events_and_waits_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let server = ServerProcess::spawn(binary(&folder.path().join("data"), &["--dev"]).stderr(log));
    let token = server.sign_in("ana", "acme").await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(server.listen(&token).await);
    }
    assert!(server.terminate().success());
    for stream in &mut streams {
        assert!(matches!(stream.chunk().await, Ok(None)), "ended, not cut off");
    }
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.contains("did not finish in time"), "{log}");
}

#[tokio::test]
async fn streams_of_events_beyond_a_limit_are_refused_until_one_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ["--streams-per-user", "1", "--streams-per-workspace", "2", "--streams", "3"];
    let server = ServerProcess::start(folder.path(), &limits);
    let (ana, ben) = (server.sign_in("ana", "acme").await, server.sign_in("ben", "acme").await);
    let (cleo, of_globex) = (server.sign_in("cleo", "globex").await, server.sign_in("ben", "globex").await);
    let open = async |token: &str| {
        let get = server.client.get(format!("{}/sync/events", server.url)).bearer_auth(token);
        get.send().await.unwrap()
    };
    let first = open(&ana).await;
    assert_eq!(first.status(), 200);
    let second = open(&ana).await;
    assert_eq!((second.status().as_u16(), second.headers().contains_key("retry-after")), (429, true));
    assert_eq!(body(second).await["code"], "too-many-streams");
    let held = [open(&ben).await, open(&cleo).await];
    assert!(held.iter().all(|stream| stream.status() == 200));
    assert_eq!(open(&of_globex).await.status(), 503, "of all");
    drop(first);
    while open(&of_globex).await.status() != 200 {}
}

#[tokio::test]
async fn the_log_names_each_command_and_never_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let server = ServerProcess::spawn(
        binary(&folder.path().join("data"), &["--dev", "--log-level", "trace"]).stderr(log),
    );
    let token = server.sign_in("ana", "acme").await;
    let mut broken = create(2);
    broken["payload"]["amountMinor"] = json!("a fortune");
    server.send(&token, &[create(1), broken]).await.unwrap();
    assert!(server.terminate().success());
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let commands: Vec<_> = lines.iter().filter(|line| line["message"] == "command").collect();
    assert_eq!(commands.len(), 2);
    for (line, (number, status)) in commands.iter().zip([(1, "applied"), (2, "rejected")]) {
        assert_eq!((&line["workspaceId"], &line["userId"]), (&json!("acme"), &json!("ana")));
        assert_eq!(line["commandId"], create(number)["commandId"]);
        assert_eq!(line["idempotencyKey"], format!("key-{number}"));
        assert_eq!(line["clientTraceId"], format!("trace-{number}"));
        assert_eq!(line["status"], status);
        assert_eq!(line["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(
            (&line["span"]["name"], &line["span"]["route"]),
            (&json!("request"), &json!("/sync/commands"))
        );
        assert_eq!((&line["span"]["workspaceId"], &line["span"]["userId"]), (&json!("acme"), &json!("ana")));
    }
    for private in ["private dinner", "a fortune", "4990", &token, token.rsplit('.').next().unwrap()] {
        assert!(!log.contains(private), "{private} is in the log");
    }
}

#[tokio::test]
async fn row_21_who_asks_for_a_workspace_of_others_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let server = ServerProcess::spawn(binary(&folder.path().join("data"), &["--dev"]).stderr(log));
    let token = server.sign_in("ben", "acme").await;
    for path in ["/workspaces/globex/records/expense", "/workspaces/globex/expenses/e1"] {
        let get = server.client.get(format!("{}{path}", server.url)).bearer_auth(&token);
        assert_eq!(get.send().await.unwrap().status(), 404);
    }
    let post = server.client.post(format!("{}/workspaces/globex/expenses", server.url)).bearer_auth(&token);
    assert_eq!(post.header("idempotency-key", "k").body("{}").send().await.unwrap().status(), 404);
    let mut foreign = create(1);
    foreign["workspaceId"] = json!("globex");
    server.send(&token, &[foreign]).await.unwrap();
    assert!(server.terminate().success());
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_ben = |line: &&Value| (&line["workspaceId"], &line["userId"]) == (&json!("acme"), &json!("ben"));
    let tried =
        |line: &&Value| line["level"] == "WARN" && line["message"].as_str().unwrap().contains("not its own");
    assert_eq!(lines.iter().filter(tried).filter(of_ben).count(), 3, "{log}");
    let refused = lines.iter().filter(of_ben).filter(|line| line["code"] == "workspace-not-found");
    assert_eq!(refused.count(), 1, "{log}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn it_idles_below_fifty_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::start(folder.path(), &[]);
    let token = server.sign_in("ana", "acme").await;
    for batch in 0..5 {
        let commands: Vec<_> = (0..200).map(|number| create(batch * 200 + number + 1)).collect();
        server.send(&token, &commands).await.unwrap();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    println!("resident after 1,000 commands: {kilobytes} kB");
    assert!(kilobytes < 50 * 1024, "{line}");
}

#[test]
fn the_help_explains_every_flag() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_erp-server")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for flag in [
        "--listen",
        "--data",
        "--database-url",
        "--web",
        "--dev",
        "--token-ttl",
        "--metrics-listen",
        "--rate-limit",
        "--rate-burst",
        "--jwt-secret",
        "--jwt-public-key",
        "--jwt-key-set",
        "--jwt-issuer",
        "--jwt-audience",
        "--jwt-user-claim",
        "--jwt-workspace-claim",
        "--member",
        "--cursor-days",
        "--streams-per-user",
        "--streams-per-workspace",
        "--streams",
        "--check-config",
        "--log",
        "--log-level",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
    assert_eq!(help.matches("[env: ERP_SERVER_").count(), 24 + usize::from(cfg!(feature = "otlp")));
}
