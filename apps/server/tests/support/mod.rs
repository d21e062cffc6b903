//! The real binary, on a free port.
#![allow(dead_code, reason = "every test file uses another part")]

pub(crate) mod books;
pub(crate) mod load;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
};

use reqwest::{Client, Response};
use serde_json::{Value, json};

pub(crate) struct ServerProcess {
    child: Child,
    pub(crate) url: String,
    pub(crate) ready_line: String,
    pub(crate) client: Client,
}

pub(crate) fn binary(data: &Path, flags: &[&str]) -> Command {
    binary_on("127.0.0.1:0", data, flags)
}

pub(crate) fn binary_on(address: &str, data: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_erp-server"));
    command.args(["--listen", address, "--data"]).arg(data).args(flags);
    command
}

/// Runs the binary to its end: for starts that must fail.
pub(crate) fn refused(data: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = binary(data, flags).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

impl ServerProcess {
    /// Starts with `--dev` and waits for the line that says it is ready.
    pub(crate) fn start(data: &Path, flags: &[&str]) -> Self {
        Self::spawn(binary(data, &["--dev"]).args(flags).stderr(Stdio::null()))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut ready_line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready_line).unwrap();
        let url = ready_line.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("not ready: {ready_line:?}")).to_owned();
        Self { child, url, ready_line, client: Client::new() }
    }

    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as a power failure would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the end of the process.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let kill = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(kill.success());
        self.child.wait().unwrap()
    }

    pub(crate) async fn sign_in(&self, user: &str, workspace: &str) -> String {
        let response = self.try_sign_in(&json!({ "user": user, "workspaceId": workspace })).await;
        assert_eq!(response.status(), 200);
        body(response).await["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn try_sign_in(&self, body: &Value) -> Response {
        let post = self.client.post(format!("{}/dev/sign-in", self.url));
        post.header("content-type", "application/json").body(body.to_string()).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// The outcomes, or `None` when the connection broke.
    pub(crate) async fn send(&self, token: &str, commands: &[Value]) -> Option<Vec<Value>> {
        let post = self.client.post(format!("{}/sync/commands", self.url)).bearer_auth(token);
        let post = post.header("content-type", "application/json");
        let response = post.body(json!({ "commands": commands }).to_string()).send().await.ok()?;
        assert_eq!(response.status(), 200);
        let bytes = response.bytes().await.ok()?;
        let body: Value = serde_json::from_slice(&bytes).ok()?;
        Some(body["outcomes"].as_array().unwrap().clone())
    }

    /// An open stream of events, and what has come of it: it begins with `ready`.
    pub(crate) async fn listen(&self, token: &str) -> Response {
        let get = self.client.get(format!("{}/sync/events", self.url)).bearer_auth(token);
        let mut stream = get.send().await.unwrap();
        let first = stream.chunk().await.unwrap().unwrap();
        assert!(first.starts_with(b"event: ready"), "{first:?}");
        stream
    }

    pub(crate) async fn expense(&self, token: &str, id: &str) -> Option<Value> {
        let get = self.client.get(format!("{}/workspaces/acme/records/expense/{id}", self.url));
        let response = get.bearer_auth(token).send().await.unwrap();
        if response.status() == 200 { Some(body(response).await) } else { None }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) async fn body(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

pub(crate) fn create(number: u32) -> Value {
    command(
        number,
        "EXPENSE_CREATE_V1",
        json!({ "expenseId": format!("e{number}"), "description": "a very private dinner", "amountMinor": 4990,
            "currency": "EUR", "spentOn": "2026-11-20" }),
    )
}

pub(crate) fn command(number: u32, command_type: &str, payload: Value) -> Value {
    json!({
        "commandId": format!("01930000-0000-7000-8000-{number:012}"),
        "workspaceId": "acme",
        "deviceId": "device-1",
        "seq": number,
        "type": command_type,
        "payload": payload,
        "idempotencyKey": format!("key-{number}"),
        "createdAt": "2026-11-22T17:59:00.000Z",
        "clientTraceId": format!("trace-{number}"),
    })
}
