//! Eight clients that send batches until each has been answered, whatever happens to the servers meanwhile.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{command, create};

pub(crate) const CLIENTS: u32 = 8;
const BATCHES: u32 = 12;
const EXPENSES: u32 = 5;

/// How many batches are answered in the end.
pub(crate) const ALL_BATCHES: u32 = CLIENTS * BATCHES;

/// A row of the log of changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) command_id: String,
}

/// The servers that the clients know, and what these acknowledged.
pub(crate) struct Load {
    pub(crate) urls: Mutex<Vec<String>>,
    /// How many batches have been answered.
    pub(crate) answered: AtomicU32,
    acknowledged: Mutex<BTreeMap<String, (String, i64, i64)>>,
    token: String,
}

impl Load {
    pub(crate) fn new(url: &str, token: String) -> Self {
        let urls = Mutex::new(vec![url.to_owned()]);
        Self { urls, answered: AtomicU32::new(0), acknowledged: Mutex::default(), token }
    }

    /// Waits until so many batches have been answered.
    pub(crate) async fn until(&self, batches: u32) {
        while self.answered.load(Ordering::SeqCst) < batches {
            tokio::task::yield_now().await;
        }
    }

    /// All clients, to their end.
    pub(crate) async fn run(&self) {
        join_all((0..CLIENTS).map(|client| self.client(client))).await;
    }

    async fn client(&self, client: u32) {
        let http = reqwest::Client::new();
        for batch in 0..BATCHES {
            let first = client * 10_000 + batch * 100 + 1;
            let commands: Vec<Value> = (first..first + EXPENSES)
                .flat_map(|number| {
                    let create = create(number);
                    let payload = json!({ "expenseId": format!("e{number}"), "amountMinor": 1 });
                    let mut update = command(1_000_000 + number, "EXPENSE_UPDATE_V1", payload);
                    update["expected"] = json!({ "after": create["commandId"] });
                    [create, update]
                })
                .collect();
            let body = json!({ "commands": commands }).to_string();
            let outcomes = self.send(&http, client, &body).await;
            let mut acknowledged = self.acknowledged.lock().unwrap();
            for (command, outcome) in commands.iter().zip(outcomes.as_array().unwrap()) {
                assert_eq!(outcome["status"], "applied", "{outcome}");
                let version = outcome["versions"][0]["version"].as_i64().unwrap();
                let effect = (
                    command["payload"]["expenseId"].as_str().unwrap().to_owned(),
                    version,
                    outcome["changeSeq"].as_i64().unwrap(),
                );
                acknowledged.insert(command["commandId"].as_str().unwrap().to_owned(), effect);
            }
            drop(acknowledged);
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Sends until an answer comes, to one server after the other.
    async fn send(&self, http: &reqwest::Client, client: u32, body: &str) -> Value {
        for attempt in client as usize.. {
            let url = {
                let urls = self.urls.lock().unwrap();
                urls[attempt % urls.len()].clone()
            };
            let post = http.post(format!("{url}/sync/commands")).bearer_auth(&self.token);
            let post = post.header("content-type", "application/json").body(body.to_owned());
            let Ok(response) = post.send().await else {
                tokio::task::yield_now().await;
                continue;
            };
            let status = response.status();
            if let (200, Ok(bytes)) = (status.as_u16(), response.bytes().await) {
                return serde_json::from_slice::<Value>(&bytes).unwrap()["outcomes"].take();
            }
            assert!([200, 503].contains(&status.as_u16()), "{status}");
        }
        unreachable!("a client sends until it is answered")
    }

    /// Every acknowledged effect is there once, nothing else is, and the log has no gap.
    pub(crate) fn check(&self, changes: &[Change], receipts: i64) {
        let acknowledged = self.acknowledged.lock().unwrap();
        let commands = (ALL_BATCHES * EXPENSES * 2) as usize;
        assert_eq!((acknowledged.len(), changes.len()), (commands, commands));
        assert_eq!(usize::try_from(receipts).unwrap(), commands);
        for (change, seq) in changes.iter().zip(1..) {
            assert_eq!(change.seq, seq);
            let effect = (change.id.clone(), change.version, change.seq);
            assert_eq!(acknowledged.get(&change.command_id), Some(&effect), "{change:?}");
        }
    }
}
