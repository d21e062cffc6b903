//! Writes JSON without serde's derived code, which is several times this once it is compiled for a browser. That code stays the definition:
//! the tests hold what is written here against it.

use serde_json::Value;

use crate::{
    CommandId, Conflict, ConflictReason, Expected, FieldError, Part, Problem, RecordKey, RecordVersion,
    Timestamp,
};

/// A type that is written as serde writes it.
pub trait ToJson {
    /// Writes the value at the end of what is there.
    fn write(&self, json: &mut Json);

    /// The value as JSON text.
    fn to_text(&self) -> String {
        let mut json = Json::default();
        self.write(&mut json);
        json.0
    }
}

/// JSON text that grows. Commas come by themselves.
#[derive(Debug, Default)]
pub struct Json(String);

impl Json {
    /// Nothing yet, with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// What is written so far.
    pub fn into_text(self) -> String {
        self.0
    }

    /// Begins an object; [`Json::end_object`] ends it, and between the two stand fields.
    pub fn object(&mut self) {
        self.0.push('{');
    }

    /// Ends an object.
    pub fn end_object(&mut self) {
        self.0.push('}');
    }

    /// A comma, unless the object or list has just begun.
    fn next(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[')) {
            self.0.push(',');
        }
    }

    /// The name of the next field, in which nothing is to be escaped.
    pub fn name(&mut self, name: &'static str) {
        self.next();
        self.plain(name);
        self.0.push(':');
    }

    /// A field.
    pub fn field<T: ToJson + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.name(name);
        value.write(self);
    }

    /// A field that is left out when there is nothing.
    pub fn field_if<T: ToJson>(&mut self, name: &'static str, value: Option<&T>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// A field with a whole number.
    pub fn number_field(&mut self, name: &'static str, number: u64) {
        self.field(name, &number);
    }

    /// A list.
    pub fn list<T: ToJson>(&mut self, items: &[T]) {
        self.list_of(items.len(), &mut |place, json| items[place].write(json));
    }

    /// A list of so many items, the first of which has the place 0.
    pub fn list_of(&mut self, len: usize, write: &mut dyn FnMut(usize, &mut Self)) {
        self.0.push('[');
        for place in 0..len {
            self.next();
            write(place, self);
        }
        self.0.push(']');
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.0.push('"');
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            if byte >= b' ' && byte != b'"' && byte != b'\\' {
                continue;
            }
            let short = match byte {
                b'"' | b'\\' => byte,
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                8 => b'b',
                12 => b'f',
                _ => b'u',
            };
            // Both ends stand beside ASCII, so no character is cut.
            self.0.push_str(&text[plain..at]);
            plain = at + 1;
            self.0.push('\\');
            self.0.push(char::from(short));
            if short == b'u' {
                self.0.push_str(if byte < 16 { "000" } else { "001" });
                self.0.push(char::from(b"0123456789abcdef"[usize::from(byte % 16)]));
            }
        }
        self.0.push_str(&text[plain..]);
        self.0.push('"');
    }

    /// A text in which nothing is to be escaped.
    fn plain<T: Part + ?Sized>(&mut self, text: &T) {
        self.0.push('"');
        text.add_to(&mut self.0);
        self.0.push('"');
    }

    /// A whole number.
    pub fn number(&mut self, number: u64) {
        number.add_to(&mut self.0);
    }

    pub(crate) fn word(&mut self, word: &str) {
        self.0.push_str(word);
    }
}

impl ToJson for Value {
    fn write(&self, json: &mut Json) {
        match self {
            Self::Null => json.word("null"),
            Self::Bool(flag) => flag.write(json),
            Self::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => json.number(number),
                (None, Some(number)) => number.write(json),
                (None, None) => json.word(&fraction(number)),
            },
            Self::String(text) => json.text(text),
            Self::Array(items) => json.list(items),
            Self::Object(fields) => {
                json.object();
                for (name, value) in fields {
                    json.next();
                    json.text(name);
                    json.0.push(':');
                    value.write(json);
                }
                json.end_object();
            }
        }
    }
}

/// A number with decimals, or beyond all whole ones.
#[cfg(not(target_arch = "wasm32"))]
fn fraction(number: &serde_json::Number) -> String {
    number.to_string()
}

#[cfg(target_arch = "wasm32")]
fn fraction(number: &serde_json::Number) -> String {
    (fractions().write)(number.as_f64().unwrap_or_default())
}

/// How fractions are read and written in a browser, which can do it by itself: what the libraries have for it is some kilobytes of tables and code.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy)]
pub struct Fractions {
    /// The number nearest to a text in JSON's form; infinite when it is beyond all.
    pub read: fn(&str) -> f64,
    /// The shortest text of a number.
    pub write: fn(f64) -> String,
}

#[cfg(target_arch = "wasm32")]
thread_local! {
    static FRACTIONS: std::cell::Cell<Option<Fractions>> = const { std::cell::Cell::new(None) };
}

#[cfg(target_arch = "wasm32")]
pub(crate) fn fractions() -> Fractions {
    FRACTIONS.get().expect("BUG: a browser says first how fractions are read and written")
}

/// Says how fractions are read and written, in a browser.
#[cfg(target_arch = "wasm32")]
pub fn use_fractions(fractions: Fractions) {
    FRACTIONS.set(Some(fractions));
}

impl ToJson for str {
    fn write(&self, json: &mut Json) {
        json.text(self);
    }
}

impl ToJson for String {
    fn write(&self, json: &mut Json) {
        json.text(self);
    }
}

impl ToJson for bool {
    fn write(&self, json: &mut Json) {
        json.word(if *self { "true" } else { "false" });
    }
}

impl ToJson for u64 {
    fn write(&self, json: &mut Json) {
        json.number(*self);
    }
}

impl ToJson for i64 {
    fn write(&self, json: &mut Json) {
        self.add_to(&mut json.0);
    }
}

impl ToJson for u32 {
    fn write(&self, json: &mut Json) {
        json.number((*self).into());
    }
}

/// `None` is null.
impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, json: &mut Json) {
        match self {
            Some(value) => value.write(json),
            None => json.word("null"),
        }
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, json: &mut Json) {
        json.list(self);
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write(&self, json: &mut Json) {
        json.list(self);
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn write(&self, json: &mut Json) {
        T::write(self, json);
    }
}

impl<T: ToJson> ToJson for Box<T> {
    fn write(&self, json: &mut Json) {
        T::write(self, json);
    }
}

/// Writes a struct as an object: the names in JSON, and what stands under them.
#[macro_export]
macro_rules! to_json {
    ($type:ty: $($name:literal $field:ident),* $(; if $maybe:literal $option:ident)?) => {
        impl $crate::ToJson for $type {
            fn write(&self, json: &mut $crate::Json) {
                json.object();
                $(json.field($name, &self.$field);)*
                $(json.field_if($maybe, self.$option.as_ref());)?
                json.end_object();
            }
        }
    };
}

impl ToJson for CommandId {
    fn write(&self, json: &mut Json) {
        json.plain(self);
    }
}

impl ToJson for Timestamp {
    fn write(&self, json: &mut Json) {
        json.plain(self);
    }
}

impl ToJson for Expected {
    fn write(&self, json: &mut Json) {
        json.object();
        match self {
            Self::Version(version) => json.field("version", version),
            Self::After(id) => json.field("after", id),
        }
        json.end_object();
    }
}

to_json!(RecordKey: "kind" kind, "id" id);
to_json!(RecordVersion: "kind" kind, "id" id, "version" version);
to_json!(FieldError: "pointer" pointer, "code" code, "message" message);
to_json!(
    Conflict: "reason" reason, "kind" kind, "id" id, "expectedVersion" expected_version,
    "serverVersion" server_version, "serverSnapshot" server_snapshot, "changedBy" changed_by,
    "changedAt" changed_at, "replayed" replayed
);

impl ToJson for ConflictReason {
    fn write(&self, json: &mut Json) {
        json.text(match self {
            Self::VersionConflict => "version-conflict",
            Self::AlreadyExists => "already-exists",
            Self::Deleted => "deleted",
        });
    }
}

impl ToJson for Problem {
    fn write(&self, json: &mut Json) {
        json.object();
        json.field("type", &self.problem_type);
        json.field("code", self.code.as_str());
        json.field("title", &self.title);
        json.number_field("status", self.status.into());
        json.field_if("detail", self.detail.as_ref());
        json.field_if("errors", Some(&self.errors).filter(|errors| !errors.is_empty()));
        json.end_object();
    }
}
