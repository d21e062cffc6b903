//! Reads types from JSON text without serde's derived code, as [`crate::ToJson`] writes them.
//!
//! That code leaves at each field that does not fit, and drops what it has read until then, and that is much for a browser to load. Here a field
//! that does not fit is remembered, something stands in for it, and there is one way out; and of the text only what a type asks for is looked at.
//! The types and their derived code stay the definition: tests hold the two against each other, field by field.

use std::{borrow::Cow, cell::Cell};

use serde_json::Value;

use crate::{Payload, joined::whole_number, parse_json, scan};

/// A type that is read from the fields of a JSON object.
///
/// An implementation must read every field through [`Fields`], whatever they hold: what does not fit makes the whole unreadable.
pub trait FromJson: Sized {
    /// Reads one; worthless when a field does not fit.
    fn from_json(fields: &Fields<'_>) -> Self;
}

/// One `T`, or nothing when anything in the text does not fit it.
pub fn from_json<T: FromJson>(text: &str) -> Option<T> {
    let misfit = Cell::new(false);
    let read = T::from_json(&Fields::of(text, &misfit));
    (!misfit.get()).then_some(read)
}

/// The fields of an object, and whether all that were asked for did fit.
pub struct Fields<'v> {
    fields: Vec<(Cow<'v, str>, &'v str)>,
    misfit: &'v Cell<bool>,
}

impl<'v> Fields<'v> {
    fn of(text: &'v str, misfit: &'v Cell<bool>) -> Self {
        let fields = scan::fields(text).unwrap_or_else(|| {
            misfit.set(true);
            Vec::new()
        });
        Self { fields, misfit }
    }

    /// The text under a name; of several the last one, as in serde_json.
    fn get(&self, name: &str) -> Option<&'v str> {
        self.fields.iter().rev().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// Makes the whole unreadable.
    pub fn misfit(&self) {
        self.misfit.set(true);
    }

    /// Makes the whole unreadable when one of the object's fields is none of these.
    pub fn only(&self, known: &[&str]) {
        if !self.fields.iter().all(|(name, _)| known.contains(&&**name)) {
            self.misfit();
        }
    }

    /// Whether the field is there, be it null.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The text of a field that may be absent or null.
    pub fn maybe(&self, name: &str) -> Option<&'v str> {
        self.get(name).filter(|text| *text != "null")
    }

    fn needed<T>(&self, found: Option<T>) -> Option<T> {
        if found.is_none() {
            self.misfit();
        }
        found
    }

    /// Any value; it must be there.
    pub fn value(&self, name: &str) -> Value {
        self.needed(self.get(name).and_then(parse_json)).unwrap_or_default()
    }

    /// Any value but null, if it is there.
    pub fn maybe_value(&self, name: &str) -> Option<Value> {
        self.maybe(name).map(|_| self.value(name))
    }

    /// A payload; it must be there.
    pub fn payload(&self, name: &str) -> Payload {
        self.needed(self.get(name)).map_or_else(Payload::default, Payload::of_json)
    }

    /// A text; it must be there.
    pub fn text(&self, name: &str) -> Cow<'v, str> {
        self.needed(self.get(name).and_then(scan::string)).unwrap_or_default()
    }

    /// True or false; it must be there.
    pub fn flag(&self, name: &str) -> bool {
        let flag = match self.get(name) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        self.needed(flag).unwrap_or_default()
    }

    /// False when it is absent.
    pub fn flag_or_false(&self, name: &str) -> bool {
        self.has(name) && self.flag(name)
    }

    /// A whole number that is not negative; it must be there.
    pub fn number(&self, name: &str) -> u64 {
        self.needed(self.get(name).and_then(whole_number)).unwrap_or_default()
    }

    /// The same, if it is there.
    pub fn maybe_number(&self, name: &str) -> Option<u64> {
        self.maybe(name).map(|_| self.number(name))
    }

    /// A smaller one; it must be there.
    pub fn number_u32(&self, name: &str) -> u32 {
        self.needed(u32::try_from(self.number(name)).ok()).unwrap_or_default()
    }

    /// A number of a type that checks it.
    pub fn checked<T>(&self, name: &str, check: fn(u64) -> Option<T>) -> T {
        let mut number = self.number(name);
        loop {
            match check(number) {
                Some(checked) => return checked,
                // Valid for every kind.
                None => number = 1,
            }
            self.misfit();
        }
    }

    /// A text of a type that checks it.
    pub fn named<T: Named>(&self, name: &str) -> T {
        self.item(&self.text(name))
    }

    /// The same, if it is there.
    pub fn maybe_named<T: Named>(&self, name: &str) -> Option<T> {
        self.maybe(name).map(|_| self.named(name))
    }

    fn item<T: Named>(&self, mut text: &str) -> T {
        loop {
            match T::of(text) {
                Some(named) => return named,
                None => text = T::STAND_IN,
            }
            self.misfit();
        }
    }

    /// A list of such texts; it must be there.
    pub fn names<T: Named>(&self, name: &str) -> Vec<T> {
        let texts = self.list(name).into_iter();
        texts.map(|item| self.item(&self.needed(scan::string(item)).unwrap_or_default())).collect()
    }

    /// The same, empty when it is absent.
    pub fn names_or_none<T: Named>(&self, name: &str) -> Vec<T> {
        if self.has(name) { self.names(name) } else { Vec::new() }
    }

    fn list(&self, name: &str) -> Vec<&'v str> {
        self.needed(self.get(name).and_then(scan::items)).unwrap_or_default()
    }

    /// A list of objects; it must be there.
    pub fn objects<T: FromJson>(&self, name: &str) -> Vec<T> {
        self.list(name).into_iter().map(|item| T::from_json(&Self::of(item, self.misfit))).collect()
    }

    /// An object; it must be there.
    pub fn object<T: FromJson>(&self, name: &str) -> T {
        T::from_json(&Self::of(self.get(name).unwrap_or_default(), self.misfit))
    }

    /// The same, if it is there.
    pub fn maybe_object<T: FromJson>(&self, name: &str) -> Option<T> {
        self.maybe(name).map(|_| self.object(name))
    }

    /// One of some names, as what it stands for.
    pub fn one_of<T: Copy>(&self, name: &str, all: &[(&str, T)]) -> T {
        let text = self.text(name);
        let found = all.iter().find(|(known, _)| *known == text);
        self.needed(found).unwrap_or(&all[0]).1
    }
}

/// A checked text, and what stands in for one that does not pass its check.
pub trait Named: Sized {
    /// One that passes.
    const STAND_IN: &'static str;

    /// The text as this type; nothing when it does not pass.
    fn of(text: &str) -> Option<Self>;
}

macro_rules! named {
    ($($name:ident $valid:literal),*) => {
        $(
            impl Named for crate::$name {
                const STAND_IN: &'static str = $valid;

                fn of(text: &str) -> Option<Self> {
                    Self::of(text)
                }
            }
        )*

        #[cfg(test)]
        mod tests {
            #[test]
            fn what_stands_in_passes() {
                $(assert!(crate::$name::of($valid).is_some(), $valid);)*
                assert!(crate::Timestamp::parse(<crate::Timestamp as super::Named>::STAND_IN).is_ok());
            }
        }
    };
}

named! {
    CommandId "00000000-0000-0000-0000-000000000000", CommandType "X_V1", DeviceId "x", IdempotencyKey "x",
    RecordId "x", RecordKind "x", TraceId "x", UserId "x", WorkspaceId "x"
}

impl Named for crate::Timestamp {
    const STAND_IN: &'static str = "1970-01-01T00:00:00Z";

    fn of(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}
