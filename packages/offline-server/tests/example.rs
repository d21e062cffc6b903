//! The example `tickets`, as a program: what its page says is what it does, and a SIGKILL changes nothing of it.
#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use reqwest::Client;
use serde_json::{Value, json};

/// Built by cargo with the tests of this package, beside them.
fn binary() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let binary = tests.parent().unwrap().with_file_name("examples").join("tickets");
    assert!(binary.is_file(), "`cargo test -p offline-server` builds {} first", binary.display());
    binary
}

struct Example {
    child: Child,
    url: String,
    token: String,
}

impl Example {
    fn start(database: &Path) -> Self {
        let mut child = Command::new(binary()).arg(database).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (url, token) = line.trim().strip_prefix("listening on ").unwrap().split_once(", token ").unwrap();
        Self { child, url: url.into(), token: token.into() }
    }

    async fn sell(&self, ticket: &str, key: &str) -> (u16, bool, Value) {
        let post =
            Client::new().post(format!("{}/workspaces/acme/tickets", self.url)).bearer_auth(&self.token);
        let post = post.header("content-type", "application/json").header("idempotency-key", key);
        let body = json!({ "ticketId": ticket, "show": "Hamlet" });
        let response = post.body(body.to_string()).send().await.unwrap();
        let replayed = response.headers().contains_key("idempotency-replayed");
        let status = response.status().as_u16();
        (status, replayed, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn the_ticket_shop_sells_each_seat_once() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("tickets.sqlite");
    let shop = Example::start(&database);
    let (status, replayed, first) = shop.sell("t1", "k1").await;
    assert_eq!((status, replayed, &first["result"]), (201, false, &json!({ "seatsLeft": 2 })));
    drop(shop);
    let shop = Example::start(&database);
    assert_eq!(shop.sell("t1", "k1").await, (201, true, first));
    for (ticket, left) in [("t2", 1), ("t3", 0)] {
        assert_eq!(shop.sell(ticket, ticket).await.2["result"]["seatsLeft"], left);
    }
    let (status, _, refused) = shop.sell("t4", "k4").await;
    assert_eq!((status, &refused["title"]), (422, &json!("The show is sold out")));
    let sales = rusqlite::Connection::open(&database).unwrap();
    let sold = |sql| sales.query_row::<i64, _, _>(sql, [], |row| row.get(0)).unwrap();
    assert_eq!((sold("SELECT count(*) FROM sale"), sold("SELECT seats_left FROM show")), (3, 0));
}
