use js_sys::Array;
use offline_core::StoreError;
use wasm_bindgen::JsValue;
use web_sys::IdbKeyRange;

use crate::{
    idb::DbError,
    read::{FromJson, read},
};

/// From `first` to `last`, both included.
pub(super) fn between(first: &JsValue, last: &JsValue) -> Result<JsValue, DbError> {
    IdbKeyRange::bound(first, last).map(JsValue::from).map_err(DbError::thrown)
}

/// Those that come after `key`.
pub(super) fn after(key: &JsValue) -> Result<JsValue, DbError> {
    IdbKeyRange::lower_bound_with_open(key, true).map(JsValue::from).map_err(DbError::thrown)
}

/// Those up to `key`, which is included.
pub(super) fn up_to(key: &JsValue) -> Result<JsValue, DbError> {
    IdbKeyRange::upper_bound(key).map(JsValue::from).map_err(DbError::thrown)
}

/// The keys `[first, ...]` of an index whose keys are lists.
pub(super) fn starting_with(first: &str) -> Result<JsValue, DbError> {
    let first = JsValue::from_str(first);
    // In the order of IndexedDB's keys an empty list comes after every number and text.
    between(&Array::of1(&first), &Array::of2(&first, &Array::new()))
}

/// A seq as a key.
pub(super) fn number(value: u64) -> JsValue {
    JsValue::from_f64(value as f64)
}

/// A number as it stands in a row or key.
pub(super) fn to_number(value: &JsValue) -> Option<u64> {
    // Written by us from a u64 below 2^53.
    value.as_f64().map(|number| number as u64)
}

/// JSON that a store holds as text.
pub(super) fn decode<T: FromJson>(text: &str, what: &'static str) -> Result<T, StoreError> {
    read(text).ok_or(StoreError::Corrupt { what })
}

/// JSON for a store.
pub(super) fn encode<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("BUG: stored types always have a JSON form")
}
