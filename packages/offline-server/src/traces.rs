//! Where the spans of requests and commands belong: in traces that began at the client.

use std::sync::Arc;

use axum::http::HeaderMap;
use offline_protocol::{Command, TraceId};
use sha2::{Digest as _, Sha256};
use tracing::{Span, field::Empty};

use crate::Membership;

/// The span that another one continues (W3C Trace Context): somebody else's, or nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// Never all zeros.
    pub trace_id: [u8; 16],
    /// Never all zeros.
    pub span_id: [u8; 8],
    /// Whether whoever began the trace records it.
    pub sampled: bool,
}

type Adopt = dyn Fn(&Span, TraceParent) + Send + Sync;

/// Whoever exports spans hears from here where they belong. By default nobody does; then commands have no spans, and requests have
/// them for the log alone.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Adopt>>);

impl Traces {
    /// `adopt` is called with each span named `request` that has a parent, and each named `command`, before it is entered; the current span
    /// is then the one that it came about in.
    pub fn new(adopt: impl Fn(&Span, TraceParent) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(adopt)))
    }

    pub(crate) fn request(&self, span: &Span, parent: Option<TraceParent>) {
        if let (Some(adopt), Some(parent)) = (&self.0, parent) {
            adopt(span, parent);
        }
    }

    /// The span of a command, when anybody wants it: from its batch's arrival at the store until the verdict.
    pub(crate) fn command(&self, command: &Command, sender: &Membership) -> Option<Span> {
        let adopt = self.0.as_ref()?;
        let span = tracing::info_span!(
            parent: None,
            "command",
            workspaceId = sender.workspace_id().as_str(),
            userId = sender.user_id().as_str(),
            commandId = %command.command_id,
            idempotencyKey = command.idempotency_key.as_str(),
            clientTraceId = command.client_trace_id.as_str(),
            commandType = command.command_type.as_str(),
            status = Empty,
            code = Empty,
            replayed = Empty,
        );
        adopt(&span, TraceParent::of_client(&command.client_trace_id));
        Some(span)
    }
}

impl std::fmt::Debug for Traces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Traces({})", if self.0.is_some() { "wanted" } else { "not wanted" })
    }
}

impl TraceParent {
    /// From the one `traceparent` of a request, of version 00 or a later one.
    pub(crate) fn of_request(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("traceparent").iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let mut parts = value.to_str().ok()?.split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let ([version], [flags]) = (bytes::<1>(version)?, bytes::<1>(flags)?);
        let ended = version != 0 || parts.next().is_none();
        let parent = Self { trace_id: bytes(trace)?, span_id: bytes(parent)?, sampled: flags & 1 == 1 };
        let named = parent.trace_id != [0; 16] && parent.span_id != [0; 8];
        (ended && version != 0xff && named).then_some(parent)
    }

    /// Where a command belongs, the same for all its attempts: in the trace that its client's trace id names, or else in the one that the first
    /// half of its SHA-256 does; under the span that the next eight bytes name, which the client may export or not.
    pub(crate) fn of_client(client: &TraceId) -> Self {
        let digest = Sha256::digest(client.as_str().as_bytes());
        let mut span_id = [0; 8];
        span_id.copy_from_slice(&digest[16..24]);
        Self { trace_id: own_trace(client).unwrap_or_else(|| first_half(&digest)), span_id, sampled: true }
    }

    /// The trace that [`TraceParent::of_client`] names, as the log writes it.
    pub(crate) fn trace_of_client(client: &TraceId) -> String {
        let derived = || first_half(&Sha256::digest(client.as_str().as_bytes()));
        hexadecimal(own_trace(client).unwrap_or_else(derived))
    }

    /// The trace as the log writes it.
    pub(crate) fn trace(&self) -> String {
        hexadecimal(self.trace_id)
    }
}

/// The trace that a client's trace id is, when it is one of W3C Trace Context.
fn own_trace(client: &TraceId) -> Option<[u8; 16]> {
    bytes(client.as_str()).filter(|own| *own != [0; 16])
}

fn first_half(digest: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

fn hexadecimal(trace: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(trace))
}

/// The bytes that lower-case hexadecimal digits stand for, when there are exactly so many.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_trace_is_taken_from_one_well_formed_header() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("traceparent", HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            TraceParent::of_request(&headers)
        };
        let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let parent = read(&[&good]).unwrap();
        assert_eq!(
            (parent.trace().as_str(), parent.span_id),
            (TRACE, [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 2, 0xb7])
        );
        assert!(parent.sampled);
        assert!(!read(&[&format!("00-{TRACE}-00f067aa0ba902b7-02")]).unwrap().sampled);
        assert_eq!(read(&[&format!("cc-{TRACE}-00f067aa0ba902b7-01-more")]), Some(parent));
        for nonsense in [
            String::new(),
            "00".into(),
            TRACE.into(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("{good}-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "<script>alert(1)</script>/../../."),
            "ü".into(),
        ] {
            assert_eq!(read(&[&nonsense]), None, "{nonsense}");
        }
        assert_eq!(read(&[&good, &good]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn a_clients_trace_id_becomes_one_of_the_w3c() {
        let of = |text: &str| TraceParent::of_client(&TraceId::new(text).unwrap());
        assert_eq!(of(TRACE).trace(), TRACE);
        assert_eq!(TraceParent::trace_of_client(&TraceId::new(TRACE).unwrap()), TRACE);
        for text in ["trace-1", &TRACE.to_uppercase(), &"0".repeat(32), &"x".repeat(128)] {
            let derived = of(text);
            assert!(derived.trace().len() == 32 && derived.trace() != text && derived == of(text), "{text}");
            assert_eq!(TraceParent::trace_of_client(&TraceId::new(text).unwrap()), derived.trace());
        }
        assert_ne!(of("trace-1").trace_id, of("trace-2").trace_id);
        assert_ne!(of("trace-1").span_id, of("trace-2").span_id);
    }
}
