use std::{future::poll_fn, rc::Rc, task::Poll, time::Duration};

use offline_core::{BoxFuture, Clock, Transport, TransportError};
use offline_protocol::{Command, CommandBatch, Hello, Outcome, Outcomes, PROTOCOL, PROTOCOL_HEADER, ToJson};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, Request, RequestCache, RequestCredentials, RequestInit, RequestRedirect,
    Response,
};

use crate::{clock::BrowserClock, global::Global, host::EngineHost, read::read};

/// How long an exchange may take whatever its size.
const PATIENCE: Duration = Duration::from_secs(30);

/// The slowest line that is worth waiting for, in bytes a second; a large batch may take longer by it.
const SLOWEST_LINE: usize = 8 * 1024;

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
        let token = self.host.token().await.map_err(|_| TransportError::Offline)?;
        Ok(format!("Bearer {}", token.ok_or(TransportError::Unauthorized)?))
    }

    async fn exchange(&self, path: &str, body: Option<(String, String)>) -> Result<String, TransportError> {
        let bytes = body.as_ref().map_or(0, |(_, json)| json.len());
        let patience = PATIENCE + Duration::from_secs((bytes / SLOWEST_LINE) as u64);
        let abort = Abort::new()?;
        let request = self.request(path, body, &abort).map_err(unknown)?;
        let mut answer: BoxFuture<'_, _> = Box::pin(receive(request));
        let mut timeout = BrowserClock.sleep(patience);
        poll_fn(|context| match answer.as_mut().poll(context) {
            Poll::Pending => timeout.as_mut().poll(context).map(|()| Err(unknown(()))),
            answered => answered,
        })
        .await
    }

    fn request(&self, path: &str, body: Option<(String, String)>, abort: &Abort) -> Result<Request, JsValue> {
        let headers = Headers::new()?;
        headers.set(PROTOCOL_HEADER, &PROTOCOL.to_string())?;
        let init = RequestInit::new();
        if let Some((authorization, json)) = body {
            headers.set("authorization", &authorization)?;
            headers.set("content-type", "application/json")?;
            init.set_method("POST");
            init.set_body(&json.into());
        }
        init.set_headers(&headers);
        init.set_signal(Some(&abort.0.signal()));
        init.set_cache(RequestCache::NoStore);
        init.set_credentials(RequestCredentials::Omit);
        // A redirection is somebody else's: it is looked at, not followed.
        init.set_redirect(RequestRedirect::Manual);
        Request::new_with_str_and_init(&format!("{}/sync/{path}", self.base_url), &init)
    }
}

impl Transport for FetchTransport {
    fn send(&self, commands: Vec<Command>) -> BoxFuture<'_, Result<Vec<Outcome>, TransportError>> {
        Box::pin(async move {
            let authorization = self.authorization().await?;
            let batch = CommandBatch { commands };
            let body = batch.to_text();
            let answer =
                self.exchange("commands", Some((authorization, body))).await.map_err(may_have_left)?;
            let Outcomes { outcomes } = read(&answer).ok_or_else(|| unknown(()))?;
            let answered = outcomes.iter().map(|outcome| outcome.command_id);
            if answered.eq(batch.commands.iter().map(|command| Some(command.command_id))) {
                Ok(outcomes)
            } else {
                Err(unknown(()))
            }
        })
    }

    fn hello(&self) -> BoxFuture<'_, Result<Hello, TransportError>> {
        Box::pin(async move {
            let answer = self.exchange("hello", None).await?;
            read(&answer).ok_or_else(|| unknown(()))
        })
    }
}

/// Ends the request when it is dropped.
struct Abort(AbortController);

impl Abort {
    fn new() -> Result<Self, TransportError> {
        AbortController::new().map(Self).map_err(unknown)
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends the request and reads the body of an answer of our server that says 200; else the class of what came instead.
async fn receive(request: Request) -> Result<String, TransportError> {
    let sent = Global::get().fetch(&request).map_err(unknown)?;
    let response = JsFuture::from(sent).await.map_err(|_| TransportError::Offline)?;
    let response: Response = response.unchecked_into();
    let headers = response.headers();
    if !headers.has(PROTOCOL_HEADER).unwrap_or(false) {
        return Err(TransportError::NotOurServer);
    }
    match response.status() {
        200 => {}
        401 => return Err(TransportError::Unauthorized),
        413 => return Err(TransportError::TooLarge),
        426 => return Err(TransportError::Incompatible),
        _ => return Err(TransportError::Transient { retry_after: retry_after(&headers) }),
    }
    let body = JsFuture::from(response.text().map_err(unknown)?).await.map_err(unknown)?;
    body.as_string().ok_or_else(|| unknown(()))
}

/// How long the answer asks to wait: a number of seconds, or a date, which is measured by the answer's own where the page may read it.
fn retry_after(headers: &Headers) -> Option<Duration> {
    let wanted = headers.get("retry-after").ok().flatten()?;
    if let Ok(seconds) = wanted.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = js_sys::Date::parse(&wanted);
    let answered = headers.get("date").ok().flatten().map(|date| js_sys::Date::parse(&date));
    let now = answered.filter(|now| now.is_finite()).unwrap_or_else(js_sys::Date::now);
    until.is_finite().then(|| Duration::from_secs_f64(((until - now) / 1000.0).max(0.0)))
}

/// A batch that `fetch` gave up: the browser does not say whether it left the device. Only where it knows of no network at all it did not.
fn may_have_left(error: TransportError) -> TransportError {
    let no_network = Global::browser().and_then(|browser| browser.on_line()) == Some(false);
    if error == TransportError::Offline && !no_network { unknown(()) } else { error }
}

/// Whether the request took effect is not known.
fn unknown<E>(_: E) -> TransportError {
    TransportError::Transient { retry_after: None }
}
