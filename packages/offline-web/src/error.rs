use offline_core::{EngineError, StoreError};
use offline_domain::CommandError;
use offline_protocol::{FieldError, Json, ProblemCode, ToJson, joined};
use wasm_bindgen::JsValue;

/// What JavaScript gets of an error, as JSON: `OfflineErrorData` in `ts/types.ts`. Holds no user data.
#[derive(Debug)]
pub(crate) struct PublicError {
    code: &'static str,
    message: String,
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
        let (code, message) = (error.code(), joined![error]);
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

impl ToJson for PublicError {
    fn write(&self, json: &mut Json) {
        json.object();
        json.field("code", self.code);
        json.field("message", &self.message);
        json.field_if("errors", Some(&self.errors).filter(|errors| !errors.is_empty()));
        json.end_object();
    }
}

impl From<PublicError> for JsValue {
    fn from(error: PublicError) -> Self {
        Self::from_str(&error.to_text())
    }
}
