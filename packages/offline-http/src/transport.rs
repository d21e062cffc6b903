use std::{io::Write, sync::Arc, time::Duration};

use flate2::{Compression, write::GzEncoder};
use offline_core::{BoxFuture, OutgoingBatch, Terms, Transport, TransportError};
use offline_protocol::{Hello, Outcome, Outcomes, PROTOCOL, PROTOCOL_HEADER};
use reqwest::{
    Client, RequestBuilder, Url,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue},
    redirect, retry,
};
use serde_json::Error as JsonError;

use crate::{HttpError, TokenSource, answer};

/// From this size on a body is compressed, in bytes: below, the headers weigh more than what is won.
const COMPRESS_FROM: usize = 1024;

/// How a transport waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpOptions {
    /// For a connection.
    pub connect_timeout: Duration,
    /// For the whole exchange, connection and answer included.
    pub total_timeout: Duration,
}

impl Default for HttpOptions {
    /// 10 seconds and 60 seconds.
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(10), total_timeout: Duration::from_secs(60) }
    }
}

/// The way to the server, with the identity of one partition's user.
pub struct HttpTransport {
    client: Client,
    commands: Url,
    hello: Url,
    token: Arc<dyn TokenSource>,
}

impl HttpTransport {
    /// Speaks to the server at this address, whose path, if it has one, comes before `/sync`.
    pub fn new(
        address: &str,
        token: impl TokenSource + 'static,
        options: HttpOptions,
    ) -> Result<Self, HttpError> {
        let client = Client::builder()
            .user_agent(concat!("offline-http/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .connect_timeout(options.connect_timeout)
            .timeout(options.total_timeout)
            .build()
            .map_err(|error| HttpError::Client(Box::new(error)))?;
        let (commands, hello) = (endpoint(address, "commands")?, endpoint(address, "hello")?);
        Ok(Self { client, commands, hello, token: Arc::new(token) })
    }

    async fn authorization(&self) -> Result<HeaderValue, TransportError> {
        let token = self.token.token().await.ok_or(TransportError::Unauthorized)?;
        // What no header can hold is no token.
        let mut value =
            HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| TransportError::Unauthorized)?;
        value.set_sensitive(true);
        Ok(value)
    }

    async fn exchange(&self, request: RequestBuilder) -> Result<Vec<u8>, TransportError> {
        let request = request.header(PROTOCOL_HEADER, PROTOCOL);
        let response = request.send().await.map_err(|error| answer::failure(&error))?;
        answer::body(response).await
    }
}

impl Transport for HttpTransport {
    fn send(&self, batch: OutgoingBatch) -> BoxFuture<'_, Result<Vec<Outcome>, TransportError>> {
        Box::pin(async move {
            let authorization = self.authorization().await?;
            let request = self.client.post(self.commands.clone());
            let request =
                request.header(AUTHORIZATION, authorization).header(CONTENT_TYPE, "application/json");
            let request = if batch.body.len() < COMPRESS_FROM {
                request.body(batch.body.clone())
            } else {
                request.header(CONTENT_ENCODING, "gzip").body(gzip(batch.body.as_bytes())?)
            };
            let answer = self.exchange(request).await?;
            let Outcomes { outcomes } = serde_json::from_slice(&answer).map_err(unknown)?;
            let answered = batch.is_answered_by(&outcomes);
            answered.then_some(outcomes).ok_or(TransportError::Transient { retry_after: None })
        })
    }

    fn hello(&self) -> BoxFuture<'_, Result<Terms, TransportError>> {
        Box::pin(async move {
            let answer = self.exchange(self.client.get(self.hello.clone())).await?;
            serde_json::from_slice::<Hello>(&answer).map(Terms::from).map_err(unknown)
        })
    }
}

fn endpoint(address: &str, name: &str) -> Result<Url, HttpError> {
    let mut url = Url::parse(address).map_err(|_| HttpError::Address)?;
    let nobodys = url.username().is_empty() && url.password().is_none();
    let plain = url.query().is_none() && url.fragment().is_none();
    if !plain || !nobodys || !matches!(url.scheme(), "http" | "https") {
        return Err(HttpError::Address);
    }
    let mut segments = url.path_segments_mut().map_err(|()| HttpError::Address)?;
    segments.pop_if_empty().extend(["sync", name]);
    drop(segments);
    Ok(url)
}

fn gzip(body: &[u8]) -> Result<Vec<u8>, TransportError> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let packed = encoder.write_all(body).and_then(|()| encoder.finish());
    packed.map_err(|_| TransportError::Transient { retry_after: None })
}

/// Our server's answer cannot be read, or our own request cannot be written: whether it took effect is unknown.
fn unknown(_: JsonError) -> TransportError {
    TransportError::Transient { retry_after: None }
}
