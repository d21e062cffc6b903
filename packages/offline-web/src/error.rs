use offline_core::{EngineError, StoreError};
use offline_domain::CommandError;
use offline_protocol::{FieldError, ProblemCode};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// What JavaScript gets of an error, as JSON: `OfflineErrorData` in `ts/types.ts`. Holds no user data.
#[derive(Debug, Serialize)]
pub(crate) struct PublicError {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl PublicError {
    /// An error of the edge itself.
    pub(crate) fn new(code: &'static str, message: &str) -> Self {
        Self { code, message: message.to_owned(), errors: Vec::new() }
    }

    /// What was asked for cannot be read.
    pub(crate) fn invalid(code: ProblemCode, message: &str) -> Self {
        Self::new(code.as_str(), message)
    }
}

impl From<EngineError> for PublicError {
    fn from(error: EngineError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        let errors = match error {
            EngineError::Command(CommandError::InvalidPayload { errors, .. }) => errors,
            _ => Vec::new(),
        };
        Self { code, message, errors }
    }
}

impl From<StoreError> for PublicError {
    fn from(error: StoreError) -> Self {
        EngineError::Store(error).into()
    }
}

impl From<PublicError> for JsValue {
    fn from(error: PublicError) -> Self {
        let text = serde_json::to_string(&error).expect("BUG: an error always has a JSON form");
        Self::from_str(&text)
    }
}
