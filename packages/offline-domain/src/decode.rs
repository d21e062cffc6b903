use offline_protocol::FieldError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

/// Reads a payload as a type; an error names the field by a JSON pointer and never repeats its value.
pub(crate) fn decode<T: DeserializeOwned>(payload: &Value) -> Result<T, FieldError> {
    if !payload.is_object() {
        return Err(FieldError {
            pointer: String::new(),
            code: "object-required".into(),
            message: "must be a JSON object".into(),
        });
    }
    serde_path_to_error::deserialize(payload).map_err(|error| field_error(&error))
}

fn field_error(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldError {
    let pointer = error.path().iter().fold(String::new(), |mut pointer, segment| {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
        pointer
    });
    let text = error.inner().to_string();
    let (code, message) = describe(&text);
    FieldError { pointer, code: code.into(), message }
}

/// serde says what is wrong only as text, and the text may quote the value. This is the one place that reads it: it keeps what serde
/// expected or which field it names, both of which come from our own types, and drops what it found.
fn describe(text: &str) -> (&'static str, String) {
    let named = |prefix: &str| text.strip_prefix(prefix).and_then(|rest| rest.split('`').next());
    if let Some(field) = named("missing field `") {
        return ("required", format!("needs the field {field}"));
    }
    if text.starts_with("unknown field `") {
        return ("unknown-field", "has a field that the type does not know".into());
    }
    if text.starts_with("invalid type: ") || text.starts_with("invalid value: ") {
        let expected = text.rsplit_once(", expected ").map_or("another type", |(_, expected)| expected);
        return ("invalid-type", format!("must be {expected}"));
    }
    if text.starts_with("unknown variant ") {
        return ("unknown-variant", "is not one of the known values".into());
    }
    if text.starts_with("duplicate field ") {
        return ("duplicate-field", "has a field twice".into());
    }
    ("invalid", "is not valid".into())
}
