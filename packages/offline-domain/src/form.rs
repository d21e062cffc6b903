//! Reads payloads and the content of records field by field, with all that is wrong, and writes the latter.
//!
//! serde's derived code leaves at the first field that does not fit and has to drop what it has read until then; compiled for a browser that
//! is several times the size of this. Here an error is written down, something stands in for the field, and there is one way out.

use std::cell::RefCell;

use offline_protocol::{FieldError, Part, RecordId, UserId, joined};
use serde_json::{Map, Value};

/// The most errors that are told of one command. A payload of some kilobytes can hold a hundred thousand, each with a text.
pub const MAX_ERRORS: usize = 20;

/// A type with a JSON form. Structs get it from [`crate::form!`].
pub trait Form: Sized {
    /// Whether null is one of its values.
    const NULLABLE: bool = false;

    /// Reads it; worthless when something was written down as wrong, at `place` or within.
    ///
    /// An absent value is none of its errors: whoever holds the place has seen to that.
    fn read(place: Place<'_>) -> Self;

    /// Its JSON form; what is `None` is null.
    fn to_json(&self) -> Value;
}

/// Reads a form, or says what does not fit, the first [`MAX_ERRORS`]: never with the value itself, which may be user data.
pub fn read_form<T: Form>(value: &Value) -> Result<T, Vec<FieldError>> {
    let errors = RefCell::default();
    let read = T::read(Place { value: Some(value), step: Step::Root, up: None, errors: &errors });
    let errors = errors.into_inner();
    if errors.is_empty() { Ok(read) } else { Err(errors) }
}

/// A value within a payload or record, absent or not, and where it stands.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    value: Option<&'a Value>,
    step: Step<'a>,
    up: Option<&'a Place<'a>>,
    errors: &'a RefCell<Vec<FieldError>>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Item(usize),
}

impl<'a> Place<'a> {
    /// Writes down what is wrong here, unless there is enough.
    pub fn fail(&self, code: &str, message: &str) {
        if self.errors.borrow().len() >= MAX_ERRORS {
            return;
        }
        let error = FieldError { pointer: self.pointer(), code: code.into(), message: message.into() };
        self.errors.borrow_mut().push(error);
    }

    fn pointer(&self) -> String {
        let mut pointer = self.up.map(Self::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Field(name) => {
                pointer.push('/');
                pointer.push_str(name);
            }
            Step::Item(index) => {
                pointer.push('/');
                index.add_to(&mut pointer);
            }
        }
        pointer
    }

    /// What is here when it is of the right type.
    fn of_type<T>(&self, pick: fn(&'a Value) -> Option<T>, message: &str) -> Option<T> {
        let value = self.value?;
        let picked = pick(value);
        if picked.is_none() {
            self.fail("invalid-type", message);
        }
        picked
    }

    /// The text here.
    pub fn text(&self) -> Option<&'a str> {
        self.of_type(Value::as_str, "must be a string")
    }

    /// A checked text; `must_be` says what passes the check. `stand_in` does.
    pub fn checked<T>(&self, check: fn(&str) -> Option<T>, must_be: &str, stand_in: &str) -> T {
        let text = self.text().unwrap_or(stand_in);
        check(text)
            .or_else(|| {
                self.fail("invalid", must_be);
                check(stand_in)
            })
            .unwrap_or_else(|| unreachable!("BUG: the stand-in passes the check"))
    }

    /// One of some names, as its place among them; the first when it is none.
    pub fn one_of(&self, names: &[&str]) -> usize {
        let Some(text) = self.text() else { return 0 };
        names.iter().position(|name| *name == text).unwrap_or_else(|| {
            self.fail("unknown-variant", "is not one of the known values");
            0
        })
    }

    /// Sees that here is an object, whose fields are among `known` when that says so.
    pub fn object(&self, known: Option<&[&str]>) {
        let object = self.of_type(Value::as_object, "must be an object");
        let (Some(fields), Some(known)) = (object, known) else { return };
        if !fields.keys().all(|name| known.contains(&name.as_str())) {
            self.fail("unknown-field", "has a field that the type does not know");
        }
    }

    /// A field of the object here.
    pub fn field<T: Form>(&'a self, name: &'a str) -> T {
        T::read(self.at(name, T::NULLABLE))
    }

    fn at(&'a self, name: &'a str, optional: bool) -> Place<'a> {
        let object = self.value.and_then(Value::as_object);
        let value = object.and_then(|object| object.get(name));
        if object.is_some() && value.is_none() && !optional {
            self.fail("required", &joined!["needs the field ", name]);
        }
        Place { value, step: Step::Field(name), up: Some(self), errors: self.errors }
    }
}

impl Form for String {
    fn read(place: Place<'_>) -> Self {
        place.text().unwrap_or_default().to_owned()
    }

    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Form for i64 {
    fn read(place: Place<'_>) -> Self {
        place.of_type(Value::as_i64, "must be a whole number").unwrap_or_default()
    }

    fn to_json(&self) -> Value {
        Value::from(*self)
    }
}

/// Absent or null is `None`. Of two `Option`s the outer one says whether the field is there, the inner one whether it is null.
impl<T: Form> Form for Option<T> {
    const NULLABLE: bool = true;

    fn read(place: Place<'_>) -> Self {
        match place.value {
            None => None,
            Some(Value::Null) if !T::NULLABLE => None,
            Some(_) => Some(T::read(place)),
        }
    }

    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }
}

impl<T: Form> Form for Vec<T> {
    fn read(place: Place<'_>) -> Self {
        let items = place.of_type(Value::as_array, "must be a list").map_or(&[][..], Vec::as_slice);
        let item = |(index, item)| {
            T::read(Place {
                value: Some(item),
                step: Step::Item(index),
                up: Some(&place),
                errors: place.errors,
            })
        };
        items.iter().enumerate().map(item).collect()
    }

    fn to_json(&self) -> Value {
        Value::Array(self.iter().map(T::to_json).collect())
    }
}

macro_rules! names {
    ($($name:ident),*) => {$(
        impl Form for $name {
            fn read(place: Place<'_>) -> Self {
                place.checked(Self::of, Self::MUST_BE, "x")
            }

            fn to_json(&self) -> Value {
                Value::String(self.as_str().to_owned())
            }
        }
    )*};
}

names! { RecordId, UserId }

/// A JSON object that grows.
#[doc(hidden)]
#[derive(Default)]
pub struct Object(Map<String, Value>);

impl Object {
    pub fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    pub fn into_json(self) -> Value {
        Value::Object(self.0)
    }
}

/// Defines a struct or an enum of plain names with its JSON form: what serde writes and reads, and what [`Form`] reads and writes.
///
/// `closed` refuses fields that are not named. A field's name in JSON stands after `as`.
///
/// ```
/// offline_domain::form! {
///     /// A lamp.
///     #[derive(Debug, PartialEq)]
///     pub closed struct Lamp {
///         /// How bright.
///         pub light_output as "lightOutput": i64,
///         /// Its colour.
///         pub colour as "colour": Option<Colour>,
///     }
/// }
///
/// offline_domain::form! {
///     /// A colour.
///     #[derive(Debug, PartialEq)]
///     pub enum Colour {
///         /// Like the sun.
///         Warm as "warm",
///         /// Like snow.
///         Cold as "cold",
///     }
/// }
///
/// use offline_domain::read_form;
/// use serde_json::json;
///
/// let lamp: Lamp = read_form(&json!({ "lightOutput": 800, "colour": "cold" })).unwrap();
/// assert_eq!(lamp, Lamp { light_output: 800, colour: Some(Colour::Cold) });
/// let errors = read_form::<Lamp>(&json!({ "lightOutput": "very", "colour": "dark" })).unwrap_err();
/// assert_eq!((errors[0].pointer.as_str(), errors[1].pointer.as_str()), ("/lightOutput", "/colour"));
/// ```
#[macro_export]
macro_rules! form {
    ($(#[$about:meta])* $vis:vis closed struct $($rest:tt)*) => {
        $crate::form! { @struct ($(#[$about])* #[serde(deny_unknown_fields)]) (Some) $vis $($rest)* }
    };
    ($(#[$about:meta])* $vis:vis struct $($rest:tt)*) => {
        $crate::form! { @struct ($(#[$about])*) ($crate::open) $vis $($rest)* }
    };
    (@struct ($($about:tt)*) ($known:path) $vis:vis $name:ident {
        $($(#[$field_about:meta])* $field_vis:vis $field:ident as $json:tt: $type:ty),* $(,)?
    }) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
        $($about)*
        $vis struct $name {
            $($(#[$field_about])* #[serde(rename = $json)] $field_vis $field: $type,)*
        }

        impl $crate::Form for $name {
            fn read(place: $crate::Place<'_>) -> Self {
                place.object($known(&[$($json),*]));
                Self { $($field: place.field($json),)* }
            }

            fn to_json(&self) -> $crate::Value {
                let mut object = $crate::Object::default();
                $(object.put($json, $crate::Form::to_json(&self.$field));)*
                object.into_json()
            }
        }
    };
    ($(#[$about:meta])* $vis:vis enum $name:ident {
        $($(#[$variant_about:meta])* $variant:ident as $json:tt),* $(,)?
    }) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
        $(#[$about])*
        $vis enum $name {
            $($(#[$variant_about])* #[serde(rename = $json)] $variant,)*
        }

        impl $crate::Form for $name {
            fn read(place: $crate::Place<'_>) -> Self {
                [$(Self::$variant),*].into_iter().nth(place.one_of(&[$($json),*])).expect("BUG: as many as names")
            }

            fn to_json(&self) -> $crate::Value {
                match self {
                    $(Self::$variant => $json.into(),)*
                }
            }
        }
    };
}

/// What [`form!`] says of a struct that takes any field.
#[doc(hidden)]
pub fn open<'a>(_: &'a [&'a str]) -> Option<&'a [&'a str]> {
    None
}
