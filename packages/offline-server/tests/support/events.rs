use reqwest::Response;
use serde_json::Value;

use super::TestServer;

/// An open stream of events.
pub(crate) struct EventStream {
    response: Response,
    text: String,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Told {
    pub(crate) fn seq(&self) -> u64 {
        self.data["changeSeq"].as_u64().unwrap()
    }
}

impl EventStream {
    /// Opens one that begins with `ready`.
    pub(crate) async fn open(server: &TestServer, token: &str, query: &str) -> Self {
        let mut stream = Self::resume(server, token, query, None).await;
        assert_eq!(stream.next().await.unwrap().name, "ready");
        stream
    }

    /// Opens one, after the event with this id when there is one.
    pub(crate) async fn resume(server: &TestServer, token: &str, query: &str, last: Option<&str>) -> Self {
        let mut get = server.client.get(format!("{}/sync/events{query}", server.url)).bearer_auth(token);
        if let Some(last) = last {
            get = get.header("last-event-id", last);
        }
        let response = get.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["sync-protocol"], "1");
        Self { response, text: String::new() }
    }

    /// The next part, a comment or an event; `None` at the end.
    pub(crate) async fn part(&mut self) -> Option<String> {
        loop {
            if let Some((part, rest)) = self.text.split_once("\n\n") {
                let part = part.to_owned();
                self.text = rest.to_owned();
                return Some(part);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            let part = self.part().await?;
            if part.starts_with(':') {
                continue;
            }
            let field = |name: &str| {
                let value = part.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                value.unwrap_or_else(|| panic!("no {name} in {part:?}")).to_owned()
            };
            let data = serde_json::from_str(&field("data")).unwrap();
            return Some(Told { name: field("event"), id: field("id"), data });
        }
    }
}
