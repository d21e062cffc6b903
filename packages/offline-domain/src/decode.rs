use offline_protocol::{FieldError, read_value};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a payload as a type; an error names the field by a JSON pointer and never repeats its value.
pub(crate) fn decode<T: DeserializeOwned>(payload: &Value) -> Result<T, FieldError> {
    if !payload.is_object() {
        return Err(FieldError {
            pointer: String::new(),
            code: "object-required".into(),
            message: "must be a JSON object".into(),
        });
    }
    read_value(payload).map_err(FieldError::from)
}
