use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use offline_protocol::{Limits, Problem, ProblemCode};
use serde::Serialize;

use crate::{StoreError, submit::SubmitError};

/// When to come back after the storage refused a write, in seconds.
const STORAGE_RETRY_SECONDS: u16 = 5;

/// When to try again while there are too many streams of events, in seconds.
const STREAMS_RETRY_SECONDS: u16 = 30;

/// Problem details as a response.
#[derive(Debug, Serialize)]
pub struct ProblemResponse {
    #[serde(flatten)]
    problem: Problem,
    /// With a request that is too large: what would have fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    /// With a cursor that leads nowhere: what to do about it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resnapshot: bool,
    /// When to come back, in seconds.
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl ProblemResponse {
    /// The answer to one who asks for more than he may; `wait` is rounded up to seconds.
    pub(crate) fn rate_limited(wait: Duration) -> Self {
        let problem = Problem::new(ProblemCode::RateLimited, 429, "Too many requests");
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        Self { retry_after: u64::try_from(seconds).ok(), ..problem.into() }
    }

    /// Says what would have fitted.
    #[must_use]
    pub(crate) fn with_limits(mut self, limits: &Limits) -> Self {
        if self.problem.code == ProblemCode::RequestTooLarge {
            self.limits = Some(*limits);
        }
        self
    }

    /// Whether it is trouble of the server's own, which may pass.
    pub(crate) const fn is_passing(&self) -> bool {
        self.problem.status >= 500
    }

    /// Says that the client has to begin with a snapshot.
    #[must_use]
    pub(crate) fn with_resnapshot(mut self) -> Self {
        self.resnapshot = true;
        self
    }
}

impl From<Problem> for ProblemResponse {
    fn from(problem: Problem) -> Self {
        Self { problem, limits: None, resnapshot: false, retry_after: None }
    }
}

impl From<SubmitError> for ProblemResponse {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Refused(problem) => problem.into(),
            SubmitError::Limited(wait) => Self::rate_limited(wait),
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ProblemResponse {
    /// The one place where a failure of the store becomes an answer: logged here, with nothing of it in the answer.
    fn from(error: StoreError) -> Self {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        match error {
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, source, "the storage is not available");
                Problem::new(
                    ProblemCode::StorageUnavailable,
                    503,
                    "The server's storage is not available now",
                )
                .into()
            }
            StoreError::OutcomeUnknown(_) => {
                tracing::warn!(%error, source, "the answer to a commit was lost");
                Problem::new(
                    ProblemCode::OutcomeUnknown,
                    503,
                    "Whether it took effect is not known: the same request again finds out",
                )
                .into()
            }
            StoreError::TooLarge => {
                let detail = "the records that it touches are too large together: fewer commands may pass";
                Problem::new(ProblemCode::RequestTooLarge, 413, "The request is too large")
                    .with_detail(detail)
                    .into()
            }
            StoreError::Closed => {
                Problem::new(ProblemCode::ShuttingDown, 503, "The server is shutting down").into()
            }
            StoreError::Backend(_) | StoreError::NewerSchema { .. } => {
                tracing::error!(%error, source, "the storage failed");
                super::internal()
            }
        }
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (code, retry_after) = (self.problem.code, self.retry_after);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match code {
            ProblemCode::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            ProblemCode::StorageUnavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(STORAGE_RETRY_SECONDS));
            }
            ProblemCode::TooManyStreams => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(STREAMS_RETRY_SECONDS));
            }
            ProblemCode::ShuttingDown | ProblemCode::OutcomeUnknown | ProblemCode::RequestInProgress => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(1));
            }
            _ => {}
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
