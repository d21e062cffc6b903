//! What an answer, or the lack of one, means.

use std::{error::Error, io, time::Duration};

use offline_core::TransportError;
use offline_protocol::PROTOCOL_HEADER;
use reqwest::{
    Response, StatusCode,
    header::{DATE, HeaderMap, HeaderName, RETRY_AFTER},
};

/// The largest answer that is read, in bytes after decompression: a batch of 1,000 commands with a snapshot of 256 KiB each would be
/// larger, and then the server has to answer fewer.
const MAX_ANSWER: usize = 64 << 20;

/// The class of a request that was not answered.
pub(crate) fn failure(error: &reqwest::Error) -> TransportError {
    if !error.is_connect() {
        return TransportError::Transient { retry_after: None };
    }
    // A TLS handshake fails with bad data when somebody else answers; everything else never reached anybody.
    if causes(error).any(|kind| kind == io::ErrorKind::InvalidData) {
        TransportError::NotOurServer
    } else {
        TransportError::Offline
    }
}

/// The kinds of the I/O errors behind an error.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = io::ErrorKind> {
    let mut next = error.source();
    let chain = std::iter::from_fn(move || {
        let current = next?;
        // An I/O error's source is that of the error it wraps: the wrapped one itself would be passed over.
        next = match current.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => current.source(),
        };
        Some(current)
    });
    chain.filter_map(|error| error.downcast_ref::<io::Error>().map(io::Error::kind))
}

/// The body of an answer of our server that says 200; the class of any other.
pub(crate) async fn body(mut response: Response) -> Result<Vec<u8>, TransportError> {
    if !response.headers().contains_key(PROTOCOL_HEADER) {
        return Err(TransportError::NotOurServer);
    }
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Err(TransportError::Unauthorized),
        StatusCode::PAYLOAD_TOO_LARGE => return Err(TransportError::TooLarge),
        StatusCode::UPGRADE_REQUIRED => return Err(TransportError::Incompatible),
        _ => return Err(TransportError::Transient { retry_after: retry_after(response.headers()) }),
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Ok(Some(_)) | Err(_) => return Err(TransportError::Transient { retry_after: None }),
        }
    }
}

/// How long the answer asks to wait: a number of seconds, or a date, which is measured by the answer's own.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let wanted = text(RETRY_AFTER)?;
    if let Ok(seconds) = wanted.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(wanted).ok()?;
    let now = httpdate::parse_http_date(text(DATE)?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry_after: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        super::retry_after(&headers)
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_by_the_servers_clock() {
        let noon = Some("Sun, 22 Nov 2026 12:00:00 GMT");
        assert_eq!(wait("120", None), Some(Duration::from_secs(120)));
        assert_eq!(wait("0", noon), Some(Duration::ZERO));
        assert_eq!(wait("Sun, 22 Nov 2026 12:00:30 GMT", noon), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 22 Nov 2026 11:00:00 GMT", noon), Some(Duration::ZERO));
        assert_eq!(wait("Sun, 22 Nov 2026 12:00:30 GMT", None), None);
        for unknown in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(wait(unknown, noon), None, "{unknown:?}");
        }
    }
}
