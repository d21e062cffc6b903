use std::cell::Cell;

use serde_json::{Map, Value};

use super::parse;

/// A type that is read from the fields of a JSON object.
///
/// An implementation must read every field through [`Fields`], whatever they hold: what does not fit makes the whole unreadable.
pub(crate) trait FromJson: Sized {
    /// Reads one; worthless when a field does not fit.
    fn from_json(fields: &Fields<'_>) -> Self;
}

/// One `T`, or nothing when anything in the text does not fit it.
pub(crate) fn read<T: FromJson>(text: &str) -> Option<T> {
    let value = parse(text)?;
    let (misfit, nothing) = (Cell::new(false), Map::new());
    let read = T::from_json(&Fields::of(&value, &misfit, &nothing));
    (!misfit.get()).then_some(read)
}

/// A list of `T`, or nothing when anything in the text does not fit.
pub(crate) fn read_list<T: FromJson>(text: &str) -> Option<Vec<T>> {
    let value = parse(text)?;
    let (misfit, nothing) = (Cell::new(false), Map::new());
    let items = value.as_array()?.iter();
    let read = items.map(|item| T::from_json(&Fields::of(item, &misfit, &nothing))).collect();
    (!misfit.get()).then_some(read)
}

/// The fields of an object, and whether all that were asked for did fit.
pub(crate) struct Fields<'v> {
    map: &'v Map<String, Value>,
    misfit: &'v Cell<bool>,
    nothing: &'v Map<String, Value>,
}

impl<'v> Fields<'v> {
    fn of(value: &'v Value, misfit: &'v Cell<bool>, nothing: &'v Map<String, Value>) -> Self {
        let map = value.as_object().unwrap_or_else(|| {
            misfit.set(true);
            nothing
        });
        Self { map, misfit, nothing }
    }

    /// Makes the whole unreadable.
    pub(crate) fn misfit(&self) {
        self.misfit.set(true);
    }

    /// Makes the whole unreadable when one of the object's fields is none of these.
    pub(crate) fn only(&self, known: &[&str]) {
        if !self.map.keys().all(|name| known.contains(&name.as_str())) {
            self.misfit();
        }
    }

    /// Whether the field is there, be it null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// A field that may be absent or null.
    pub(crate) fn maybe(&self, name: &str) -> Option<&'v Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn needed<T>(&self, found: Option<T>) -> Option<T> {
        if found.is_none() {
            self.misfit();
        }
        found
    }

    /// Any value; it must be there.
    pub(crate) fn value(&self, name: &str) -> Value {
        self.needed(self.map.get(name)).cloned().unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> &'v str {
        self.needed(self.maybe(name).and_then(Value::as_str)).unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.needed(self.maybe(name).and_then(Value::as_bool)).unwrap_or_default()
    }

    /// False when it is absent.
    pub(crate) fn flag_or_false(&self, name: &str) -> bool {
        self.has(name) && self.flag(name)
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.needed(self.maybe(name).and_then(Value::as_u64)).unwrap_or_default()
    }

    pub(crate) fn maybe_number(&self, name: &str) -> Option<u64> {
        self.maybe(name).map(|_| self.number(name))
    }

    pub(crate) fn number_u32(&self, name: &str) -> u32 {
        self.needed(u32::try_from(self.number(name)).ok()).unwrap_or_default()
    }

    /// A number of a type that checks it.
    pub(crate) fn checked<T>(&self, name: &str, check: fn(u64) -> Option<T>) -> T {
        check(self.number(name)).unwrap_or_else(|| {
            self.misfit();
            check(1).unwrap_or_else(|| unreachable!("BUG: 1 is a valid number of every kind"))
        })
    }

    /// A text of a type that checks it.
    pub(crate) fn named<T: Named>(&self, name: &str) -> T {
        self.item(self.text(name))
    }

    pub(crate) fn maybe_named<T: Named>(&self, name: &str) -> Option<T> {
        self.maybe(name).map(|_| self.named(name))
    }

    fn item<T: Named>(&self, text: &str) -> T {
        T::of(text).unwrap_or_else(|| {
            self.misfit();
            T::stand_in()
        })
    }

    /// A list of such texts; it must be there.
    pub(crate) fn names<T: Named>(&self, name: &str) -> Vec<T> {
        let texts = self.list(name).iter();
        texts.map(|item| self.item(self.needed(item.as_str()).unwrap_or_default())).collect()
    }

    /// The same, empty when it is absent.
    pub(crate) fn names_or_none<T: Named>(&self, name: &str) -> Vec<T> {
        if self.has(name) { self.names(name) } else { Vec::new() }
    }

    fn list(&self, name: &str) -> &'v [Value] {
        self.needed(self.maybe(name).and_then(Value::as_array)).map_or(&[], Vec::as_slice)
    }

    /// A list of objects; it must be there.
    pub(crate) fn objects<T: FromJson>(&self, name: &str) -> Vec<T> {
        self.list(name).iter().map(|item| T::from_json(&self.within(item))).collect()
    }

    /// An object; it must be there.
    pub(crate) fn object<T: FromJson>(&self, name: &str) -> T {
        T::from_json(&self.within(self.needed(self.map.get(name)).unwrap_or(&Value::Null)))
    }

    pub(crate) fn maybe_object<T: FromJson>(&self, name: &str) -> Option<T> {
        self.maybe(name).map(|value| T::from_json(&self.within(value)))
    }

    fn within(&self, value: &'v Value) -> Self {
        Self::of(value, self.misfit, self.nothing)
    }

    /// One of some names, as what it stands for.
    pub(crate) fn one_of<T: Copy>(&self, name: &str, all: &[(&str, T)]) -> T {
        let text = self.text(name);
        let found = all.iter().find(|(known, _)| *known == text);
        self.needed(found).unwrap_or(&all[0]).1
    }
}

/// A checked text, and what stands in for one that does not pass its check.
pub(crate) trait Named: Sized {
    /// The text as this type; nothing when it does not pass.
    fn of(text: &str) -> Option<Self>;

    /// Any valid one.
    fn stand_in() -> Self;
}

macro_rules! named {
    ($($name:ident $valid:literal),*) => {$(
        impl Named for offline_protocol::$name {
            fn of(text: &str) -> Option<Self> {
                Self::of(text)
            }

            fn stand_in() -> Self {
                Self::of($valid).unwrap_or_else(|| unreachable!("BUG: the stand-in is valid"))
            }
        }
    )*};
}

named! {
    CommandId "00000000-0000-0000-0000-000000000000", CommandType "X_V1", DeviceId "x", IdempotencyKey "x",
    RecordId "x", RecordKind "x", TraceId "x", UserId "x", WorkspaceId "x"
}

impl Named for offline_protocol::Timestamp {
    fn of(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn stand_in() -> Self {
        Self::EPOCH
    }
}
