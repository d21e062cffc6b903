//! What clients of the real server do, each function with the time it took.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use offline_server::{Clock as _, SystemClock};
use reqwest::{Client, RequestBuilder};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{support::ServerProcess, wire};

/// The server, and who speaks.
pub(crate) struct Clients<'a> {
    pub(crate) server: &'a ServerProcess,
    /// One for each workspace.
    pub(crate) tokens: &'a [(String, String)],
}

/// How the one command of a request is sent.
#[derive(Clone, Copy)]
pub(crate) enum Single {
    Rest,
    Batch,
}

fn payload(number: u64) -> Value {
    json!({ "expenseId": format!("e{number}"), "amountMinor": 4990, "category": "travel", "currency": "CHF",
        "description": "Train to Basel, second class, with the half-fare card", "spentOn": "2026-11-20" })
}

fn batch(workspace: &str, first: u64, many: u64) -> String {
    let now = SystemClock.now();
    let command = |number: u64| {
        json!({ "commandId": format!("01930000-0000-7000-8000-{number:012x}"), "workspaceId": workspace,
            "deviceId": "device-1", "seq": number, "type": "EXPENSE_CREATE_V1", "payload": payload(number),
            "idempotencyKey": format!("key-{number}"), "createdAt": now, "clientTraceId": format!("trace-{number}") })
    };
    json!({ "commands": (first..first + many).map(command).collect::<Vec<_>>() }).to_string()
}

/// Sends, and sees to it that as many commands as there are were applied.
pub(crate) async fn applied(request: RequestBuilder, many: u64) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    let applied = match status.as_u16() {
        200 => text.matches(r#""status":"applied""#).count() as u64,
        201 => 1,
        _ => 0,
    };
    assert_eq!(applied, many, "{status}: {text}");
}

impl Clients<'_> {
    fn post(&self, client: &Client, path: &str, workspace: usize, body: String) -> RequestBuilder {
        let post = client.post(format!("{}{path}", self.server.url)).bearer_auth(&self.tokens[workspace].1);
        post.header("content-type", "application/json").body(body)
    }

    pub(crate) fn commands(
        &self,
        client: &Client,
        workspace: usize,
        first: u64,
        many: u64,
    ) -> RequestBuilder {
        let body = batch(&self.tokens[workspace].0, first, many);
        self.post(client, "/sync/commands", workspace, body)
    }

    /// Batches of a hundred, from so many clients, one after the other over so many workspaces; commands a second.
    pub(crate) async fn batches(&self, first: u64, clients: u64, many: u64, workspaces: u64) -> f64 {
        let client = Client::new();
        let requests: Vec<Vec<_>> = (0..clients)
            .map(|of| (0..many).map(move |number| of + number * clients))
            .map(|numbers| {
                let request = |number: u64| {
                    let workspace = usize::try_from(number % workspaces).unwrap();
                    self.commands(&client, workspace, first + number * 100, 100)
                };
                numbers.map(request).collect()
            })
            .collect();
        let since = Instant::now();
        join_all(requests.into_iter().map(|requests| async {
            for request in requests {
                applied(request, 100).await;
            }
        }))
        .await;
        (clients * many * 100) as f64 / since.elapsed().as_secs_f64()
    }

    /// Requests with one command each to the first workspace; commands a second, and each request's time.
    pub(crate) async fn singles(
        &self,
        how: Single,
        first: u64,
        clients: u64,
        many: u64,
    ) -> (f64, Vec<Duration>) {
        let (workspace, token) = &self.tokens[0];
        let request = |number: u64| match how {
            Single::Batch => wire::post("/sync/commands", token, "", &batch(workspace, number, 1)),
            Single::Rest => {
                let (path, key) = (
                    format!("/workspaces/{workspace}/expenses"),
                    format!("idempotency-key: key-{number}\r\n"),
                );
                wire::post(&path, token, &key, &payload(number).to_string())
            }
        };
        let (status, text) = match how {
            Single::Batch => ("200", r#""status":"applied""#),
            Single::Rest => ("201", r#""versions":[{"#),
        };
        let requests: Vec<Vec<_>> = (0..clients)
            .map(|of| (0..many).map(|number| request(first + of * many + number)).collect())
            .collect();
        let address = self.server.address().to_owned();
        let asking = move || {
            let since = Instant::now();
            let times = std::thread::scope(|scope| {
                let each = |requests: &Vec<_>| wire::ask(&address, requests, status, text);
                let threads: Vec<_> =
                    requests.iter().map(|requests| scope.spawn(move || each(requests))).collect();
                threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
            });
            ((clients * many) as f64 / since.elapsed().as_secs_f64(), times)
        };
        tokio::task::spawn_blocking(asking).await.unwrap()
    }

    /// Reads all that changed in a workspace; how many records there were.
    pub(crate) async fn catch_up(&self, workspace: usize, limit: u32) -> u64 {
        #[derive(Deserialize)]
        struct Page {
            changes: Vec<IgnoredAny>,
            more: bool,
            next: String,
        }
        let (client, mut since, mut records) = (Client::new(), String::new(), 0);
        loop {
            let url = format!("{}/sync/changes?limit={limit}{since}", self.server.url);
            let get = client.get(url).bearer_auth(&self.tokens[workspace].1);
            let bytes = get.send().await.unwrap().bytes().await.unwrap();
            let page: Page = serde_json::from_slice(&bytes).unwrap();
            records += page.changes.len() as u64;
            if !page.more {
                return records;
            }
            since = format!("&since={}", page.next);
        }
    }

    /// Opens streams of events of a workspace, commits a few times, and waits each time until all have seen it; each stream's time since
    /// the request with the command was sent, a list for each commit.
    pub(crate) async fn events(
        &self,
        workspace: usize,
        streams: usize,
        commits: std::ops::Range<u64>,
    ) -> Vec<Vec<Duration>> {
        let (sender, mut seen) = mpsc::unbounded_channel();
        let mut tasks = Vec::new();
        for _ in 0..streams {
            let mut stream = self.server.listen(&self.tokens[workspace].1).await;
            let sender = sender.clone();
            tasks.push(tokio::spawn(async move {
                while let Ok(Some(chunk)) = stream.chunk().await {
                    if chunk.windows(14).any(|window| window == b"event: changed")
                        && sender.send(Instant::now()).is_err()
                    {
                        return;
                    }
                }
            }));
        }
        let client = Client::new();
        let mut times = Vec::new();
        for number in commits {
            let request = self.commands(&client, workspace, number, 1);
            let since = Instant::now();
            applied(request, 1).await;
            let mut all = Vec::new();
            while all.len() < streams {
                all.push(seen.recv().await.unwrap() - since);
            }
            times.push(all);
        }
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        times
    }
}
