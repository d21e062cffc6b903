//! Reads JSON as types, small where it is compiled and clear where it fails.
//!
//! serde's derived code is compiled once for each deserializer that it is used with, and once more for each form that a deserializer offers
//! (a struct as a map and as a list, a name as text and as a number). Here there is one deserializer, over a parsed value, with one form for
//! everything, which is a good part less for a browser to load. An error names its place.

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Expected, MapAccess, SeqAccess, Unexpected, Visitor},
};
use serde_json::Value;

use crate::FieldError;

/// Why JSON does not fit a type. Never repeats a value: it may be user data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// The names and numbers that lead to the place, the innermost first.
    path: Vec<String>,
    code: &'static str,
    message: String,
}

/// Reads a value as a type.
pub fn read_value<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, ReadError> {
    T::deserialize(Reader(value))
}

impl ReadError {
    fn new(code: &'static str, message: String) -> Self {
        Self { path: Vec::new(), code, message }
    }

    fn wrong_type(expected: &dyn Expected) -> Self {
        Self::new("invalid-type", format!("must be {expected}"))
    }

    fn within(mut self, step: &str) -> Self {
        self.path.push(step.replace('~', "~0").replace('/', "~1"));
        self
    }

    /// The place as a JSON pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        self.path.iter().rev().fold(String::new(), |pointer, step| pointer + "/" + step)
    }
}

impl From<ReadError> for FieldError {
    fn from(error: ReadError) -> Self {
        Self { pointer: error.pointer(), code: error.code.into(), message: error.message }
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.pointer())?;
        f.write_str(": ")?;
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

/// What serde's derived code has to say. The texts of others are not passed on, for they may quote the value.
impl de::Error for ReadError {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::new("invalid", "is not valid".into())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong_type(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong_type(expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::wrong_type(expected)
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::new("unknown-variant", "is not one of the known values".into())
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::new("unknown-field", "has a field that the type does not know".into())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("required", format!("needs the field {field}"))
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::new("duplicate-field", "has a field twice".into())
    }
}

/// One value.
struct Reader<'de>(&'de Value);

macro_rules! numbers {
    ($($method:ident $as:ident $visit:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            match self.0.$as() {
                Some(number) => visitor.$visit(number),
                None => Err(ReadError::wrong_type(&visitor)),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (_, Some(number)) => visitor.visit_i64(number),
                _ => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    numbers! {
        deserialize_bool as_bool visit_bool,
        deserialize_i8 as_i64 visit_i64, deserialize_i16 as_i64 visit_i64,
        deserialize_i32 as_i64 visit_i64, deserialize_i64 as_i64 visit_i64,
        deserialize_u8 as_u64 visit_u64, deserialize_u16 as_u64 visit_u64,
        deserialize_u32 as_u64 visit_u64, deserialize_u64 as_u64 visit_u64,
        deserialize_f32 as_f64 visit_f64, deserialize_f64 as_f64 visit_f64,
        deserialize_str as_str visit_borrowed_str, deserialize_string as_str visit_borrowed_str,
        deserialize_char as_str visit_borrowed_str, deserialize_identifier as_str visit_borrowed_str
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Array(items) => {
                let mut items = Items { rest: items, read: 0 };
                let read = visitor.visit_seq(&mut items)?;
                // A tuple that is satisfied with less than there is would lose the rest.
                if items.rest.is_empty() {
                    Ok(read)
                } else {
                    Err(ReadError::new("invalid-type", "has too many elements".into()))
                }
            }
            _ => Err(ReadError::wrong_type(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(Fields { rest: fields.iter(), current: None }),
            _ => Err(ReadError::wrong_type(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(Variant { name, content: None }),
            Value::Object(fields) if fields.len() == 1 => match fields.iter().next() {
                Some((name, content)) => visitor.visit_enum(Variant { name, content: Some(content) }),
                None => Err(ReadError::wrong_type(&visitor)),
            },
            _ => Err(ReadError::wrong_type(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct tuple_struct }
}

struct Items<'de> {
    rest: &'de [Value],
    read: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some((item, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        self.read += 1;
        match seed.deserialize(Reader(item)) {
            Ok(read) => Ok(Some(read)),
            Err(error) => Err(error.within(&(self.read - 1).to_string())),
        }
    }
}

struct Fields<'de> {
    rest: serde_json::map::Iter<'de>,
    current: Option<(&'de String, &'de Value)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        self.current = self.rest.next();
        match self.current {
            Some((name, _)) => seed.deserialize(Name(name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let (name, value) = self.current.take().expect("BUG: serde asks for the key first");
        seed.deserialize(Reader(value)).map_err(|error| error.within(name))
    }
}

/// The name of a field or variant.
struct Name<'de>(&'de str);

impl<'de> de::Deserializer<'de> for Name<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A variant of an enum: its name alone, or the only field of an object.
struct Variant<'de> {
    name: &'de str,
    content: Option<&'de Value>,
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), ReadError> {
        Ok((seed.deserialize(Name(self.name))?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Result<Reader<'de>, ReadError> {
        self.content.map(Reader).ok_or_else(|| ReadError::new("required", "needs a content".into()))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.content {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(ReadError::new("invalid-type", "must be a name alone".into())),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ReadError> {
        seed.deserialize(self.content()?).map_err(|error| error.within(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        de::Deserializer::deserialize_seq(self.content()?, visitor).map_err(|error| error.within(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        de::Deserializer::deserialize_map(self.content()?, visitor).map_err(|error| error.within(self.name))
    }
}
