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

use super::{
    ServerProcess,
    books::{Books, Effect},
    command, create,
};

pub(crate) const CLIENTS: u32 = 8;

/// Products in stock, and accounts of the ledger: few, so that all clients work on the same ones.
const PRODUCTS: u32 = 3;

/// How often something is killed: `usual`, or with the variable KILLS that share of it.
pub(crate) fn kills(usual: u32, percent: u32) -> u32 {
    match std::env::var("KILLS") {
        Ok(kills) => (kills.parse::<u32>().expect("KILLS must be a number") * percent / 100).max(1),
        Err(_) => usual,
    }
}

/// The servers that the clients know, what they are sent, and what they acknowledged.
pub(crate) struct Load {
    pub(crate) urls: Mutex<Vec<String>>,
    /// How many batches each client sends.
    batches: u32,
    /// How many batches have been answered.
    answered: AtomicU32,
    /// How many were refused for now.
    refused: AtomicU32,
    sent: Mutex<BTreeMap<String, Value>>,
    acknowledged: Mutex<BTreeMap<String, Effect>>,
    token: String,
}

impl Load {
    /// A load that lets a kill come twice in the time that a client needs for four batches.
    pub(crate) async fn new(server: &ServerProcess, kills: u32) -> Self {
        let load = Self {
            urls: Mutex::new(vec![server.url.clone()]),
            batches: 2 * kills,
            answered: AtomicU32::new(0),
            refused: AtomicU32::new(0),
            sent: Mutex::default(),
            acknowledged: Mutex::default(),
            token: server.sign_in("ana", "acme").await,
        };
        let products: Vec<_> = (0..PRODUCTS).map(product).collect();
        let outcomes = load.send(&reqwest::Client::new(), 0, &products).await;
        load.note(&products, &outcomes);
        load
    }

    /// How many batches are answered in the end.
    pub(crate) fn all(&self) -> u32 {
        CLIENTS * self.batches
    }

    pub(crate) fn is_over(&self) -> bool {
        self.answered.load(Ordering::SeqCst) == self.all()
    }

    /// Waits until so many batches have been answered.
    pub(crate) async fn until(&self, batches: u32) {
        while self.answered.load(Ordering::SeqCst) < batches {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until so many more batches have been refused for now.
    pub(crate) async fn until_refused(&self, more: u32) {
        let before = self.refused.load(Ordering::SeqCst);
        while self.refused.load(Ordering::SeqCst) < before + more {
            tokio::task::yield_now().await;
        }
    }

    /// All clients, to their end.
    pub(crate) async fn run(&self) {
        join_all((0..CLIENTS).map(|client| self.client(client))).await;
    }

    async fn client(&self, client: u32) {
        let http = reqwest::Client::new();
        for batch in 0..self.batches {
            let commands = batch_of(client * 100_000 + batch * 100 + 1);
            let outcomes = self.send(&http, client, &commands).await;
            self.note(&commands, &outcomes);
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn note(&self, commands: &[Value], outcomes: &Value) {
        let mut acknowledged = self.acknowledged.lock().unwrap();
        for (command, outcome) in commands.iter().zip(outcomes.as_array().unwrap()) {
            assert_eq!(outcome["status"], "applied", "{outcome}");
            let version = |version: &Value| {
                let text = |field: &str| version[field].as_str().unwrap().to_owned();
                (text("kind"), text("id"), version["version"].as_i64().unwrap())
            };
            let versions = outcome["versions"].as_array().unwrap().iter().map(version).collect();
            let effect = Effect { versions, change_seq: outcome["changeSeq"].as_i64().unwrap() };
            acknowledged.insert(id(command), effect);
        }
    }

    /// Sends until an answer comes, to one server after the other.
    async fn send(&self, http: &reqwest::Client, client: u32, commands: &[Value]) -> Value {
        self.sent.lock().unwrap().extend(commands.iter().map(|command| (id(command), command.clone())));
        let body = json!({ "commands": commands }).to_string();
        for attempt in client as usize.. {
            let url = {
                let urls = self.urls.lock().unwrap();
                urls[attempt % urls.len()].clone()
            };
            let post = http.post(format!("{url}/sync/commands")).bearer_auth(&self.token);
            let post = post.header("content-type", "application/json").body(body.clone());
            let Ok(response) = post.send().await else {
                tokio::task::yield_now().await;
                continue;
            };
            let status = response.status();
            assert!(status != 503 || response.headers().contains_key("retry-after"), "when to come again");
            if let (200, Ok(bytes)) = (status.as_u16(), response.bytes().await) {
                return serde_json::from_slice::<Value>(&bytes).unwrap()["outcomes"].take();
            }
            assert!([200, 503].contains(&status.as_u16()), "{status}");
            self.refused.fetch_add(u32::from(status == 503), Ordering::SeqCst);
        }
        unreachable!("a client sends until it is answered")
    }

    /// Checks a database that is read while the clients wait or work: whatever was acknowledged before it is read has to be in there.
    pub(crate) async fn check(&self, read: impl AsyncFnOnce() -> Books) {
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        let books = read().await;
        // Noted before it is sent, so that whatever took effect meanwhile is in there.
        let sent = self.sent.lock().unwrap().clone();
        books.check(&sent, &acknowledged);
    }

    /// Checks the database when all have been answered: nothing is missing.
    pub(crate) fn check_all(&self, books: &Books) {
        let (sent, acknowledged) =
            (self.sent.lock().unwrap().clone(), self.acknowledged.lock().unwrap().clone());
        assert_eq!((acknowledged.len(), books.receipts.len()), (sent.len(), sent.len()));
        assert_eq!(sent.len(), (self.all() * 10 + PRODUCTS) as usize);
        books.check(&sent, &acknowledged);
    }
}

fn id(command: &Value) -> String {
    command["commandId"].as_str().unwrap().to_owned()
}

fn product(number: u32) -> Value {
    let payload = json!({ "productId": format!("p{number}"), "name": "Lamp", "sku": format!("LAMP-{number}"),
        "taxRateBp": 1900, "unit": "piece" });
    command(9_000_000 + number, "PRODUCT_CREATE_V1", payload)
}

/// Three expenses and their updates, two movements of stock, two postings: ten commands.
fn batch_of(first: u32) -> Vec<Value> {
    let expenses = (first..first + 3).flat_map(|number| {
        let create = create(number);
        let payload = json!({ "expenseId": format!("e{number}"), "amountMinor": 1 });
        let mut update = command(1_000_000 + number, "EXPENSE_UPDATE_V1", payload);
        update["expected"] = json!({ "after": create["commandId"] });
        [create, update]
    });
    let books = (first..first + 2).flat_map(|number| {
        let movement = json!({ "movementId": format!("m{number}"), "productId": format!("p{}", number % PRODUCTS),
            "location": "shop", "delta": i64::from(number % 7) - 9, "reason": "sale" });
        let amount = 100 + number % 1000;
        let entry = json!({ "entryId": format!("l{number}"), "description": "Lamps sold", "currency": "EUR",
            "postedOn": "2026-11-30", "lines": [
                { "account": "1000", "side": "debit", "amountMinor": amount },
                { "account": format!("840{}", number % 3), "side": "credit", "amountMinor": amount - 19 },
                { "account": "1776", "side": "credit", "amountMinor": 19 },
            ] });
        [
            command(2_000_000 + number, "INVENTORY_ADJUST_V1", movement),
            command(3_000_000 + number, "LEDGER_POST_V1", entry),
        ]
    });
    expenses.chain(books).collect()
}
