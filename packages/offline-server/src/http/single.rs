//! What is special about a write that comes alone: its key and its version stand in headers, its outcome is the response.

use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use offline_protocol::{
    Applied, CommandId, ConflictProblem, DeviceId, FieldError, IdempotencyKey, Limits, Problem, ProblemCode,
    RecordId, Seq, Timestamp, TraceId, Verdict, Version,
};
use serde_json::{Value, value::RawValue};
use sha2::{Digest as _, Sha256};

use crate::{
    Membership,
    envelope::{invalid_request, not_json},
    json::{JsonError, read_item},
};

use super::ProblemResponse;

/// What the server recognises a retry by.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that the answer is that of an earlier request.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// When the command was made, by the client's clock; the time of the request when absent.
const CREATED_AT: HeaderName = HeaderName::from_static("command-created-at");

/// The `Idempotency-Key` of a request: a string of structured fields (RFC 9651), or the key as it is.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (value, more) = (values.next(), values.next());
    let Some(value) = value else {
        return Err(Problem::new(
            ProblemCode::IdempotencyKeyMissing,
            400,
            "A write needs the header Idempotency-Key",
        ));
    };
    let read = || {
        let text = value.to_str().ok()?.trim();
        let key = if text.starts_with('"') {
            IdempotencyKey::new(unquote(text)?)
        } else {
            IdempotencyKey::new(text)
        };
        key.ok()
    };
    read().filter(|_| more.is_none()).ok_or_else(|| {
        Problem::new(ProblemCode::IdempotencyKeyInvalid, 400, "The idempotency key is not valid")
            .with_detail("one header with 1 to 128 visible ASCII characters, in quotes or without")
    })
}

/// What is said to a second request with a key that is being worked on for too long.
pub(crate) fn in_progress() -> Problem {
    let title = "The first request with this idempotency key still runs";
    Problem::new(ProblemCode::RequestInProgress, 409, title)
}

/// The text of a structured field's string: only quotes and backslashes are escaped, and nothing may follow.
fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"').filter(|_| text.len() > 1)?;
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => plain.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            other => plain.push(other),
        }
    }
    Some(plain)
}

/// The most versions that one `If-Match` may name: each is a look of its own at the store.
const MAX_TAGS: usize = 8;

/// The versions of which `If-Match` asks for one, none of them when nothing that it lists can be a version; `None` when it asks for none at all,
/// as `*` does. A weak tag and one that this server never gave match nothing (RFC 9110, 13.1.1). `If-None-Match: *` asks that there is no record
/// yet, whose version is 0. A condition that no command can keep is refused, because a write must not happen when it is false (13.2.1).
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<Vec<Version>>, Problem> {
    let values = |name| headers.get_all(name).iter().map(|line| line.as_bytes()).collect::<Vec<_>>();
    let (lines, others) = (values(header::IF_MATCH), values(header::IF_NONE_MATCH));
    if lines.is_empty() && matches!(others[..], [line] if line.trim_ascii() == b"*") {
        return Ok(Some(vec![Version::FIRST]));
    }
    if !others.is_empty() {
        return Err(invalid_request(
            "If-None-Match can only be * and without If-Match: an update names its version by If-Match",
        ));
    }
    if lines.is_empty() || matches!(lines[..], [line] if line.trim_ascii() == b"*") {
        return Ok(None);
    }
    let list = lines.join(&b',');
    let tags = entity_tags(&list).filter(|tags| !tags.is_empty());
    let tags = tags.ok_or_else(|| invalid_request("If-Match must be * or a list of entity tags"))?;
    let mut versions: Vec<_> = tags.into_iter().filter_map(version_of).collect();
    versions.sort();
    versions.dedup();
    if versions.len() > MAX_TAGS {
        return Err(invalid_request("If-Match names too many versions: at most 8"));
    }
    Ok(Some(versions))
}

/// A version that no record ever has: what a list asks for in which there is none.
pub(crate) fn no_version() -> Version {
    Version::new((1 << 53) - 1).expect("BUG: the largest version")
}

/// The entity tags of a list, as they stand there.
fn entity_tags(list: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut tags, mut rest) = (Vec::new(), list.trim_ascii());
    while !rest.is_empty() {
        // Between two commas there may be nothing (RFC 9110, 5.6.1).
        if rest[0] != b',' {
            let opaque = rest.strip_prefix(b"W/").unwrap_or(rest).strip_prefix(b"\"")?;
            let length = opaque.iter().position(|byte| *byte == b'"')?;
            if opaque[..length].iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
                return None;
            }
            let end = rest.len() - opaque.len() + length + 1;
            tags.push(&rest[..end]);
            rest = rest[end..].trim_ascii_start();
        }
        rest = match rest {
            [] => rest,
            [b',', more @ ..] => more.trim_ascii_start(),
            _ => return None,
        };
    }
    Some(tags)
}

/// The version that this server gave such a tag to.
fn version_of(tag: &[u8]) -> Option<Version> {
    let number = std::str::from_utf8(tag).ok()?.strip_prefix('"')?.strip_suffix('"')?;
    let version = Version::new(number.parse().ok()?).ok()?;
    (version.get() > 0 && super::records::entity_tag(version).as_bytes() == tag).then_some(version)
}

/// When the command was made: a queue of the client's own says so, otherwise it is now.
pub(crate) fn created_at(headers: &HeaderMap, now: Timestamp) -> Result<Timestamp, Problem> {
    let mut values = headers.get_all(CREATED_AT).iter();
    let (Some(value), more) = (values.next(), values.next()) else { return Ok(now) };
    let read = value.to_str().ok().and_then(|text| Timestamp::parse(text.trim()).ok());
    read.filter(|_| more.is_none())
        .ok_or_else(|| invalid_request("Command-Created-At must be a time like 2026-11-22T18:00:00.000Z"))
}

/// Reads the payload; an absent body is an object without fields.
pub(crate) fn payload(body: &Bytes, limits: &Limits) -> Result<Value, Problem> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    if body.len() > limits.max_item_bytes as usize {
        return Err(Problem::new(ProblemCode::CommandTooLarge, 413, "The command is too large")
            .with_detail(format!("at most {} bytes", limits.max_item_bytes)));
    }
    let raw: &RawValue = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    read_item(raw.get()).map_err(|error| match error {
        JsonError::Structure => {
            invalid_request("The body has a key twice in one object, or is nested too deeply")
        }
        JsonError::Value => {
            Problem::new(ProblemCode::InvalidPayload, 422, "The payload does not fit its type")
                .with_detail("A number is out of range, or a text is not Unicode")
        }
    })
}

/// Puts the path's id into the payload; a payload that names another one contradicts its address.
pub(crate) fn put_id(payload: &mut Value, field: &str, id: &RecordId) -> Result<(), Problem> {
    // What is no object is refused with its type.
    let Some(fields) = payload.as_object_mut() else { return Ok(()) };
    let stated = fields.entry(field).or_insert_with(|| id.as_str().into());
    if stated.as_str() == Some(id.as_str()) {
        return Ok(());
    }
    let error = FieldError {
        pointer: format!("/{field}"),
        code: "not-the-paths".into(),
        message: "must be the id in the path, or absent".into(),
    };
    Err(Problem::new(ProblemCode::InvalidPayload, 422, "The payload does not fit its type")
        .with_errors(vec![error]))
}

/// The fields of a command that a single request does not have.
pub(crate) struct Names {
    pub(crate) command_id: CommandId,
    pub(crate) device_id: DeviceId,
    pub(crate) seq: Seq,
    pub(crate) client_trace_id: TraceId,
}

impl Names {
    /// They follow from who sends the key, so that a retry is the same command to the end: a UUID of version 8, over (workspace, user, key).
    pub(crate) fn of(member: &Membership, key: &IdempotencyKey) -> Self {
        let mut digest = Sha256::new();
        for part in
            ["offline-single", member.workspace_id().as_str(), member.user_id().as_str(), key.as_str()]
        {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.finalize()[..16]);
        Self {
            command_id: CommandId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid()),
            device_id: DeviceId::new("rest").expect("BUG: a valid device id"),
            seq: Seq::FIRST,
            client_trace_id: TraceId::new(key.as_str()).expect("BUG: a key is a valid trace id"),
        }
    }
}

/// The outcome of the one command as a response. `created` is the place of a new record.
pub(crate) fn respond(
    verdict: Verdict,
    kind: &str,
    id: Option<&RecordId>,
    created: Option<String>,
) -> Response {
    let (mut response, replayed, version) = match verdict {
        Verdict::Applied { versions, result, replayed, change_seq } => {
            let own = |version: &&offline_protocol::RecordVersion| {
                version.kind.as_str() == kind && Some(&version.id) == id
            };
            let version = versions.iter().find(own).map(|version| version.version);
            let status = if created.is_some() { StatusCode::CREATED } else { StatusCode::OK };
            let mut response = (status, Json(Applied { versions, result, change_seq })).into_response();
            if let Some(place) = created.and_then(|place| HeaderValue::try_from(place).ok()) {
                response.headers_mut().insert(header::LOCATION, place);
            }
            (response, replayed, version)
        }
        Verdict::Conflict(conflict) => {
            let (replayed, version) = (conflict.replayed, conflict.server_version);
            let problem = ConflictProblem::new(*conflict);
            let status = StatusCode::from_u16(problem.problem.status).unwrap_or(StatusCode::CONFLICT);
            let kind = [(header::CONTENT_TYPE, "application/problem+json")];
            ((status, kind, Json(problem)).into_response(), replayed, Some(version))
        }
        Verdict::Rejected { problem, replayed } => {
            (ProblemResponse::from(problem).into_response(), replayed, None)
        }
        Verdict::Retry { .. } | Verdict::Held { .. } => (super::internal().into_response(), false, None),
    };
    let headers = response.headers_mut();
    if let Some(version) = version {
        headers.insert(header::ETAG, super::records::entity_tag(version));
    }
    if replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// A record's id as a segment of a path.
pub(crate) fn segment(id: &RecordId) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    id.as_str().bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use offline_protocol::{UserId, WorkspaceId};

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect()
    }

    #[test]
    fn a_key_stands_in_quotes_or_without() {
        let key = |values: &[&str]| idempotency_key(&headers(&IDEMPOTENCY_KEY, values));
        for (text, read) in [
            ("abc", "abc"),
            ("\"abc\"", "abc"),
            ("  abc ", "abc"),
            (r#""a\"\\b""#, "a\"\\b"),
            ("a\"b;c=1", "a\"b;c=1"),
        ] {
            assert_eq!(key(&[text]).unwrap().as_str(), read, "{text}");
        }
        assert_eq!(key(&[]).unwrap_err().code, ProblemCode::IdempotencyKeyMissing);
        let long = "x".repeat(129);
        for text in [
            "",
            "\"\"",
            "\"",
            "\"a",
            "\"a\"b\"",
            r#""\a""#,
            r#""a\""#,
            "\"a\";p=1",
            "a b",
            "\"a b\"",
            "ü",
            &long,
        ] {
            assert_eq!(key(&[text]).unwrap_err().code, ProblemCode::IdempotencyKeyInvalid, "{text}");
        }
        assert_eq!(key(&["a", "a"]).unwrap_err().code, ProblemCode::IdempotencyKeyInvalid);
        assert!(key(&[&"x".repeat(128)]).is_ok());
    }

    #[test]
    fn if_match_is_a_star_or_a_list_of_which_the_strong_tags_of_ours_count() {
        let read = |values: &[&str]| if_match(&headers(&header::IF_MATCH, values));
        let versions = |values: &[&str]| -> Vec<u64> {
            read(values).unwrap().unwrap().into_iter().map(Version::get).collect()
        };
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["*"]).unwrap(), None);
        for text in
            ["\"4\"", " \"4\" ", ",\"4\",,", "\"4\",\"4\"", "W/\"5\", \"4\"", "\"x,\"\t,\t\"4\", \"ü\""]
        {
            assert_eq!(versions(&[text]), [4], "{text}");
        }
        assert_eq!(versions(&["\"5\", \"4\""]), [4, 5]);
        assert_eq!(versions(&["\"5\"", "W/\"6\"", "\"4\""]), [4, 5]);
        for text in [
            "\"\"",
            "\"0\"",
            "\"04\"",
            "\"-4\"",
            "\"+4\"",
            "W/\"4\"",
            "\"x\"",
            "\"9007199254740992\"",
            "\"99999999999999999999\"",
        ] {
            assert_eq!(versions(&[text]), [0; 0], "{text}");
        }
        let many = |most: u64| (1..=most).map(|number| format!("\"{number}\"")).collect::<Vec<_>>().join(",");
        assert_eq!(versions(&[&many(8)]).len(), 8);
        for text in [
            "4",
            "",
            ",",
            "\"4",
            "*, \"4\"",
            "\"4\"*",
            "\"4\" \"5\"",
            "w/\"4\"",
            "W/4",
            "\"4 \"",
            "ü",
            &many(9),
        ] {
            assert_eq!(read(&[text]).unwrap_err().code, ProblemCode::InvalidRequest, "{text}");
        }
        assert_eq!(read(&["*", "*"]).unwrap_err().status, 400);
    }

    #[test]
    fn an_id_is_written_as_one_segment_of_a_path() {
        let segment = |id: &str| segment(&RecordId::new(id).unwrap());
        assert_eq!(segment("01930000-0000-7000-8000-0000000000e1"), "01930000-0000-7000-8000-0000000000e1");
        assert_eq!(segment("a%2Fb\"<^>"), "a%252Fb%22%3C%5E%3E");
    }

    #[test]
    fn the_same_key_of_the_same_user_is_the_same_command() {
        let member = |workspace: &str, user: &str| {
            Membership::for_test(WorkspaceId::new(workspace).unwrap(), UserId::new(user).unwrap())
        };
        let id =
            |member: &Membership, key: &str| Names::of(member, &IdempotencyKey::new(key).unwrap()).command_id;
        let ana = member("acme", "ana");
        assert_eq!(id(&ana, "k"), id(&ana, "k"));
        let all = [
            id(&ana, "k"),
            id(&ana, "l"),
            id(&member("acme", "ben"), "k"),
            id(&member("globex", "ana"), "k"),
        ];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 4);
        assert_eq!(all[0].as_uuid().get_version_num(), 8);
    }
}
