use crate::joined;
use serde::{Deserialize, Serialize};

/// The stable name of a problem. Programs decide by it; they never read a title or a detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProblemCode {
    /// The request's body is not JSON, not an object of the right shape, or has unknown fields.
    InvalidRequest,
    /// One item of a batch is not a command (a missing, malformed or unknown field).
    InvalidCommand,
    /// The command's type is not a valid name.
    InvalidCommandType,
    /// The command's type is not one that is accepted here.
    UnknownCommandType,
    /// The payload does not fit its type.
    InvalidPayload,
    /// A business rule refuses.
    RuleViolated,
    /// The record that the command works on does not exist.
    RecordNotFound,
    /// The type is guarded and the command carries no expected version.
    VersionRequired,
    /// The idempotency key is already known with another content.
    IdempotencyKeyReused,
    /// The idempotency key is malformed.
    IdempotencyKeyInvalid,
    /// A single write carries no idempotency key.
    IdempotencyKeyMissing,
    /// The first request with this idempotency key still runs.
    RequestInProgress,
    /// A single write: somebody wrote the record meanwhile.
    VersionConflict,
    /// A single write: a record of that id exists already.
    AlreadyExists,
    /// A single write: the record has been deleted.
    Deleted,
    /// Older than the server's memory of idempotency keys, so it cannot know whether this was executed.
    CommandExpired,
    /// The cursor is unknown, too old, of another database or of another selection of kinds: begin with a snapshot.
    CursorExpired,
    /// The workspace does not exist, or is not the token's: one answer for both.
    WorkspaceNotFound,
    /// The role does not allow it.
    Forbidden,
    /// One item is larger than the limit.
    CommandTooLarge,
    /// The body, or the number of items, is over the limit.
    RequestTooLarge,
    /// No token, an expired or an invalid one.
    Unauthorized,
    /// No such resource.
    NotFound,
    /// The method does not exist on this resource.
    MethodNotAllowed,
    /// The body's media type is not `application/json`.
    UnsupportedMediaType,
    /// The client speaks a protocol that the server no longer understands.
    ClientTooOld,
    /// Too many requests.
    RateLimited,
    /// Too many event streams are open.
    TooManyStreams,
    /// The server's storage does not take writes now.
    StorageUnavailable,
    /// The answer of the server's storage was lost: it may or may not have taken effect.
    OutcomeUnknown,
    /// The server is shutting down.
    ShuttingDown,
    /// An error of the server.
    Internal,
    /// A code that this revision does not know.
    #[serde(other)]
    Unknown,
}

impl ProblemCode {
    const KNOWN: [Self; 32] = [
        Self::InvalidRequest,
        Self::InvalidCommand,
        Self::InvalidCommandType,
        Self::UnknownCommandType,
        Self::InvalidPayload,
        Self::RuleViolated,
        Self::RecordNotFound,
        Self::VersionRequired,
        Self::IdempotencyKeyReused,
        Self::IdempotencyKeyInvalid,
        Self::IdempotencyKeyMissing,
        Self::RequestInProgress,
        Self::VersionConflict,
        Self::AlreadyExists,
        Self::Deleted,
        Self::CommandExpired,
        Self::CursorExpired,
        Self::WorkspaceNotFound,
        Self::Forbidden,
        Self::CommandTooLarge,
        Self::RequestTooLarge,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::UnsupportedMediaType,
        Self::ClientTooOld,
        Self::RateLimited,
        Self::TooManyStreams,
        Self::StorageUnavailable,
        Self::OutcomeUnknown,
        Self::ShuttingDown,
        Self::Internal,
    ];

    /// Reads a code as it stands on the wire; one that this revision does not know is [`ProblemCode::Unknown`].
    pub fn of(code: &str) -> Self {
        Self::KNOWN.into_iter().find(|known| known.as_str() == code).unwrap_or(Self::Unknown)
    }

    /// The code as it stands on the wire: `invalid-payload`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::InvalidCommand => "invalid-command",
            Self::InvalidCommandType => "invalid-command-type",
            Self::UnknownCommandType => "unknown-command-type",
            Self::InvalidPayload => "invalid-payload",
            Self::RuleViolated => "rule-violated",
            Self::RecordNotFound => "record-not-found",
            Self::VersionRequired => "version-required",
            Self::IdempotencyKeyReused => "idempotency-key-reused",
            Self::IdempotencyKeyInvalid => "idempotency-key-invalid",
            Self::IdempotencyKeyMissing => "idempotency-key-missing",
            Self::RequestInProgress => "request-in-progress",
            Self::VersionConflict => "version-conflict",
            Self::AlreadyExists => "already-exists",
            Self::Deleted => "deleted",
            Self::CommandExpired => "command-expired",
            Self::CursorExpired => "cursor-expired",
            Self::WorkspaceNotFound => "workspace-not-found",
            Self::Forbidden => "forbidden",
            Self::CommandTooLarge => "command-too-large",
            Self::RequestTooLarge => "request-too-large",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::ClientTooOld => "client-too-old",
            Self::RateLimited => "rate-limited",
            Self::TooManyStreams => "too-many-streams",
            Self::StorageUnavailable => "storage-unavailable",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::ShuttingDown => "shutting-down",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the payload, or into the item for a field of the command itself.
    pub pointer: String,
    /// A stable name of the rule: `negative`, `required`, `too-long`.
    pub code: String,
    /// A sentence for people. Never repeats the value.
    pub message: String,
}

/// Problem details (RFC 9457), as a response body and inside an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Problem {
    /// A URI that names the problem: `urn:offline:problem:` and the code.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The same name, short.
    pub code: ProblemCode,
    /// A sentence for people.
    pub title: String,
    /// The HTTP status it has, or would have as a response of its own.
    pub status: u16,
    /// What was wrong this time. Never repeats user data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub detail: Option<String>,
    /// What was wrong with which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<FieldError>>"))]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem without detail.
    pub fn new(code: ProblemCode, status: u16, title: impl Into<String>) -> Self {
        Self {
            problem_type: joined!["urn:offline:problem:", code.as_str()],
            code,
            title: title.into(),
            status,
            detail: None,
            errors: Vec::new(),
        }
    }

    /// Adds what was wrong this time.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what was wrong with which fields.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_as_it_is_written_on_the_wire() {
        for code in ProblemCode::KNOWN {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(ProblemCode::of(code.as_str()), code);
            assert_eq!(serde_json::from_value::<ProblemCode>(code.as_str().into()).unwrap(), code);
        }
        assert_eq!(ProblemCode::of("quota-of-2031"), ProblemCode::Unknown);
        let future: ProblemCode = serde_json::from_str("\"quota-of-2031\"").unwrap();
        assert_eq!(future, ProblemCode::Unknown);
    }
}
