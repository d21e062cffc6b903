//! A request's body: JSON, perhaps compressed, never larger than the limit.

use std::{io::Read as _, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    http::{HeaderMap, HeaderName, header},
};
use flate2::bufread::GzDecoder;
use http_body_util::BodyExt as _;
use offline_protocol::{Limits, Problem, ProblemCode};

use crate::{envelope::invalid_request, seats::Permit};

/// How long a client may take to send a body: 4 MiB at 1 Mbit/s, and some.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// How much of a body is read only to be thrown away, so that its sender, who may still be writing, gets to read the answer. What is larger
/// than that finds the connection closed.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// Reads the body. The limit holds for what comes over the wire as well as for what it unpacks to.
pub(crate) async fn read_json(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Bytes, Problem> {
    let gzip = match check_media_type(headers).and_then(|()| is_gzip(headers)) {
        Ok(gzip) => gzip,
        Err(problem) => {
            discard(body).await;
            return Err(problem);
        }
    };
    let bytes = read_all(body, limits).await?;
    if gzip { unpack(&bytes, limits) } else { Ok(bytes) }
}

/// Reads a body of any kind, as it is.
pub(crate) async fn read_all(body: Body, limits: &Limits) -> Result<Bytes, Problem> {
    let read = read(body, limits.max_body_bytes as usize);
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(Some(bytes))) => Ok(bytes.into()),
        Ok(Ok(None)) => Err(too_large(limits)),
        Ok(Err(_)) => Err(invalid_request("The body could not be read")),
        Err(_) => Err(Problem::new(ProblemCode::InvalidRequest, 408, "The body took too long")),
    }
}

/// As [`read_json`]; a request without a body gives no bytes, whatever its media type.
pub(crate) async fn read_optional_json(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
) -> Result<Bytes, Problem> {
    if body.is_end_stream() { Ok(Bytes::new()) } else { read_json(headers, body, limits).await }
}

/// A page as a body that keeps its permit until it has been sent, or its reader has gone.
pub(crate) fn page(text: Vec<u8>, permit: Permit) -> Body {
    struct Page {
        text: Vec<u8>,
        _permit: Permit,
    }
    impl AsRef<[u8]> for Page {
        fn as_ref(&self) -> &[u8] {
            &self.text
        }
    }
    Body::from(Bytes::from_owner(Page { text, _permit: permit }))
}

/// Reads what is left of a body that nobody wants.
pub(crate) async fn discard(body: Body) {
    // Whether it comes to its end or not: the answer is the same.
    let _ = tokio::time::timeout(BODY_TIMEOUT, read(body, 0)).await;
}

/// The body, or `None` when it is larger than the limit.
async fn read(mut body: Body, limit: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut bytes = Vec::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        seen += data.len();
        if seen <= limit {
            bytes.extend_from_slice(&data);
        } else if seen <= DISCARDED_BYTES {
            bytes = Vec::new();
        } else {
            break;
        }
    }
    Ok((seen <= limit).then_some(bytes))
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let json = |kind: &str| kind.trim().eq_ignore_ascii_case("application/json");
    let stated = only(headers, &header::CONTENT_TYPE)?.and_then(|value| value.split(';').next());
    if stated.is_some_and(json) { Ok(()) } else { Err(unsupported("The body must be application/json")) }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    match only(headers, &header::CONTENT_ENCODING)?.map(str::trim) {
        None => Ok(false),
        Some(encoding) if encoding.eq_ignore_ascii_case("identity") => Ok(false),
        Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => Ok(true),
        Some(_) => Err(unsupported("The body may be compressed with gzip only")),
    }
}

/// The one value of a header; with two of them, two readers of one request could see two different bodies.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
    let value = values.next();
    if values.next().is_some() { Err(unsupported("The header stands there twice")) } else { Ok(value) }
}

/// Unpacks one member. A body of many empty ones would be allowed by the format, unpack to nothing, and keep a processor busy for seconds.
fn unpack(bytes: &[u8], limits: &Limits) -> Result<Bytes, Problem> {
    let invalid = || invalid_request("The body is not valid gzip, of one member");
    let mut unpacked = Vec::new();
    let most = u64::from(limits.max_body_bytes) + 1;
    let mut member = GzDecoder::new(bytes).take(most);
    member.read_to_end(&mut unpacked).map_err(|_| invalid())?;
    if unpacked.len() as u64 == most {
        return Err(too_large(limits));
    }
    if member.into_inner().into_inner().is_empty() { Ok(unpacked.into()) } else { Err(invalid()) }
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(ProblemCode::UnsupportedMediaType, 415, "The media type is not supported")
        .with_detail(detail)
}

fn too_large(limits: &Limits) -> Problem {
    Problem::new(ProblemCode::RequestTooLarge, 413, "The request is too large")
        .with_detail(format!("at most {} bytes", limits.max_body_bytes))
}
