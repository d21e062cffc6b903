use std::{rc::Rc, time::Duration};

use offline_core::{BoxFuture, OutgoingBatch, Terms, Transport, TransportError};
use offline_protocol::{Outcome, Outcomes, PROTOCOL, PROTOCOL_HEADER, from_json, joined};
use wasm_bindgen::{JsCast, prelude::*};

use crate::{
    browser::{Running, is_offline},
    host::EngineHost,
};

/// How long an exchange may take whatever its size: 30 seconds.
const PATIENCE_MILLIS: f64 = 30_000.0;

/// The slowest line that is worth waiting for, 8 KB a second; a large batch may take longer by it.
const MILLIS_A_BYTE: f64 = 1000.0 / 8192.0;

/// What `browser.js` says when nothing answered.
const UNREACHED: i32 = 0;
/// What `browser.js` says when the answer is not our server's.
const NOT_OURS: i32 = -1;

#[wasm_bindgen]
extern "C" {
    /// What `browser.js` says of an exchange.
    type Answer;

    #[wasm_bindgen(method, getter)]
    fn status(this: &Answer) -> i32;

    #[wasm_bindgen(method, getter)]
    fn body(this: &Answer) -> Option<String>;

    /// Milliseconds, or none of a number.
    #[wasm_bindgen(method, getter)]
    fn wait(this: &Answer) -> Option<f64>;
}

/// The way to the server by `fetch`, with the page's token.
pub(crate) struct FetchTransport {
    base_url: String,
    host: Rc<EngineHost>,
}

impl FetchTransport {
    /// Speaks to the server at `base_url` (`https://erp.example.com`, or with a path that comes before `/sync`).
    pub(crate) fn new(base_url: &str, host: Rc<EngineHost>) -> Self {
        Self { base_url: base_url.trim_end_matches('/').to_owned(), host }
    }

    async fn authorization(&self) -> Result<String, TransportError> {
        // A page that cannot say who is signed in is as good as offline: nothing has left the device.
        let token = self.host.token().await.ok_or(TransportError::Offline)?;
        Ok(joined!["Bearer ", token.ok_or(TransportError::Unauthorized)?])
    }

    /// Without a body it is a GET, for which nobody has to be signed in. The body of a 200 of our server; else the class of what came instead.
    async fn exchange(&self, path: &str, authorization: &str, body: &str) -> Result<String, TransportError> {
        let patience = PATIENCE_MILLIS + body.len() as f64 * MILLIS_A_BYTE;
        let url = joined![self.base_url, "/sync/", path];
        let running = Running::exchange(&url, (PROTOCOL_HEADER, PROTOCOL), authorization, body, patience);
        let answer: Answer = running.answer().await.unchecked_into();
        Err(match answer.status() {
            200 => return answer.body().ok_or_else(unknown),
            401 => TransportError::Unauthorized,
            413 => TransportError::TooLarge,
            426 => TransportError::Incompatible,
            UNREACHED => TransportError::Offline,
            NOT_OURS => TransportError::NotOurServer,
            _ => {
                let millis = answer.wait().filter(|millis| millis.is_finite());
                TransportError::Transient {
                    retry_after: millis.map(|millis| Duration::from_millis(millis as u64)),
                }
            }
        })
    }
}

impl Transport for FetchTransport {
    fn send(&self, batch: OutgoingBatch) -> BoxFuture<'_, Result<Vec<Outcome>, TransportError>> {
        Box::pin(async move {
            let authorization = self.authorization().await?;
            let answer =
                self.exchange("commands", &authorization, &batch.body).await.map_err(may_have_left)?;
            let Outcomes { outcomes } = from_json(&answer).ok_or_else(unknown)?;
            if batch.is_answered_by(&outcomes) { Ok(outcomes) } else { Err(unknown()) }
        })
    }

    fn hello(&self) -> BoxFuture<'_, Result<Terms, TransportError>> {
        Box::pin(async move {
            let answer = self.exchange("hello", "", "").await?;
            from_json(&answer).ok_or_else(unknown)
        })
    }
}

/// A batch that `fetch` gave up: the browser does not say whether it left the device. Only where it knows of no network at all it did not.
fn may_have_left(error: TransportError) -> TransportError {
    if error == TransportError::Offline && !is_offline() { unknown() } else { error }
}

/// Whether the request took effect is not known.
fn unknown() -> TransportError {
    TransportError::Transient { retry_after: None }
}
