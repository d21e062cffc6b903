//! A request's body: JSON, perhaps compressed, never larger than the limit.

use std::{io::Read as _, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    http::{HeaderMap, HeaderName, header},
};
use flate2::bufread::GzDecoder;
use http_body_util::BodyExt as _;
use offline_protocol::{Limits, Problem, ProblemCode, UserId, WorkspaceId};

use crate::{Membership, Server, envelope::invalid_request, seats::Permit};

use super::ProblemResponse;

/// How long a client may take to send a body: 4 MiB at 1 Mbit/s, and some.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// What a body may have without being counted: connections cost as much by themselves.
const SMALL_BYTES: usize = 64 * 1024;

/// How much of a body is read only to be thrown away, so that its sender, who may still be writing, gets to read the answer. What is larger
/// than that finds the connection closed.
const DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// Reads bodies of somebody who may send them.
pub(crate) struct Bodies<'a> {
    pub(crate) server: &'a Server,
    pub(crate) workspace: &'a WorkspaceId,
    pub(crate) user: &'a UserId,
}

impl<'a> Bodies<'a> {
    pub(crate) const fn of(server: &'a Server, member: &'a Membership) -> Self {
        Self { server, workspace: member.workspace_id(), user: member.user_id() }
    }

    /// Reads the body. The limit holds for what comes over the wire as well as for what it unpacks to.
    pub(crate) async fn json(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, ProblemResponse> {
        let gzip = match check_media_type(headers).and_then(|()| is_gzip(headers)) {
            Ok(gzip) => gzip,
            Err(problem) => {
                discard(body).await;
                return Err(problem.into());
            }
        };
        let bytes = self.any(body).await?;
        let limits = &self.server.limits;
        let unpacked = if gzip { unpack(&bytes, limits) } else { Ok(bytes) };
        unpacked.map_err(|problem| ProblemResponse::from(problem).with_limits(limits))
    }

    /// As [`Bodies::json`]; a request without a body gives no bytes, whatever its media type.
    pub(crate) async fn optional_json(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Bytes, ProblemResponse> {
        if body.is_end_stream() { Ok(Bytes::new()) } else { self.json(headers, body).await }
    }

    /// Reads a body of any kind, as it is.
    pub(crate) async fn any(&self, mut body: Body) -> Result<Bytes, ProblemResponse> {
        let limits = &self.server.limits;
        let read = match tokio::time::timeout(BODY_TIMEOUT, self.read(&mut body)).await {
            Ok(Ok(bytes)) => return Ok(bytes),
            Ok(Err(failed)) => failed,
            Err(_) => {
                Failed::Problem(Problem::new(ProblemCode::InvalidRequest, 408, "The body took too long"))
            }
        };
        match read {
            Failed::Problem(problem) => Err(problem.into()),
            Failed::TooLarge => {
                discard(body).await;
                Err(ProblemResponse::from(too_large(limits)).with_limits(limits))
            }
            Failed::Limited(wait) => {
                discard(body).await;
                Err(ProblemResponse::rate_limited(wait))
            }
        }
    }

    async fn read(&self, body: &mut Body) -> Result<Bytes, Failed> {
        let (mut bytes, mut permit) = (Vec::new(), None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failed::Problem(invalid_request("The body could not be read")))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > self.server.limits.max_body_bytes as usize {
                return Err(Failed::TooLarge);
            }
            if permit.is_none() && bytes.len() + data.len() > SMALL_BYTES {
                permit = Some(self.server.rates.body(self.workspace, self.user).map_err(Failed::Limited)?);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(match permit {
            Some(permit) => Bytes::from_owner(Held { bytes, _permit: permit }),
            None => bytes.into(),
        })
    }
}

/// Why a body was not read to its end.
enum Failed {
    Problem(Problem),
    TooLarge,
    Limited(Duration),
}

/// Bytes that are counted as long as they are in memory.
struct Held {
    bytes: Vec<u8>,
    _permit: Permit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A page as a body that keeps its permit until it has been sent, or its reader has gone.
pub(crate) fn page(text: Vec<u8>, permit: Permit) -> Body {
    Body::from(Bytes::from_owner(Held { bytes: text, _permit: permit }))
}

/// Reads what is left of a body that nobody wants.
pub(crate) async fn discard(mut body: Body) {
    let rest = async {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await
            && seen <= DISCARDED_BYTES
        {
            seen += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // Whether it comes to its end or not: the answer is the same.
    let _ = tokio::time::timeout(BODY_TIMEOUT, rest).await;
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut parts = only(headers, &header::CONTENT_TYPE)?.unwrap_or_default().split(';').map(str::trim);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(unsupported("The body must be application/json"));
    }
    // JSON has none but UTF-8 (RFC 8259, 8.1). Who names another one means other texts than would be read.
    let other = |part: &str| {
        let charset = part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
        charset.is_some_and(|(_, charset)| !charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
    };
    if parts.any(other) { Err(unsupported("The body must be in UTF-8")) } else { Ok(()) }
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
