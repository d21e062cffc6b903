//! Reading JSON as types: the same as serde_json reads them, with the place of an error and without the value.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use offline_protocol::{Command, CommandBatch, FieldError, Hello, Outcomes, read_value};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    name: String,
    amount: i64,
    small: u8,
    price: f64,
    paid: bool,
    #[serde(default)]
    note: Option<String>,
    lines: Vec<Line>,
    pair: (u64, String),
    tags: BTreeMap<String, u32>,
    state: State,
    extra: Value,
    nothing: (),
    letter: char,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    quantity: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Draft,
    Sent(u64),
    Paid { at: u64 },
    Split(u64, u64),
}

fn order() -> Value {
    json!({
        "name": "Bread", "amount": -5, "small": 255, "price": 0.1, "paid": true, "note": null, "lines": [{ "quantity": 3 }],
        "pair": [1, "one"], "tags": { "a": 1 }, "state": "draft", "extra": { "any": [1.5, null] }, "nothing": null, "letter": "ß"
    })
}

#[test]
fn a_value_is_read_as_serde_json_reads_it() {
    for state in
        [json!("draft"), json!({ "sent": 5 }), json!({ "paid": { "at": 6 } }), json!({ "split": [1, 2] })]
    {
        let mut order = order();
        order["state"] = state;
        let ours: Order = read_value(&order).unwrap();
        assert_eq!(ours, serde_json::from_value(order).unwrap());
    }
}

fn error(pointer: &str, value: Value) -> FieldError {
    let mut order = order();
    *order.pointer_mut(pointer).unwrap() = value;
    read_value::<Order>(&order).unwrap_err().into()
}

#[test]
fn an_error_names_its_place_and_never_the_value() {
    for (pointer, value, code) in [
        ("/name", json!(77), "invalid-type"),
        ("/amount", json!("77"), "invalid-type"),
        ("/amount", json!(1.5), "invalid-type"),
        ("/small", json!(256), "invalid-type"),
        ("/small", json!(-1), "invalid-type"),
        ("/price", json!("0.1"), "invalid-type"),
        ("/paid", json!(1), "invalid-type"),
        ("/note", json!(77), "invalid-type"),
        ("/lines", json!({}), "invalid-type"),
        ("/lines/0", json!(77), "invalid-type"),
        ("/lines/0/quantity", json!(null), "invalid-type"),
        ("/pair", json!([1]), "invalid-type"),
        ("/pair", json!([1, "one", 2]), "invalid-type"),
        ("/tags/a", json!(-1), "invalid-type"),
        ("/state", json!("secret"), "unknown-variant"),
        ("/state", json!({ "draft": 1, "sent": 2 }), "invalid-type"),
        ("/state", json!("sent"), "required"),
        ("/letter", json!("secret"), "invalid-type"),
    ] {
        let error = error(pointer, value);
        assert_eq!((error.pointer.as_str(), error.code.as_str()), (pointer, code), "{error:?}");
        assert!(!error.message.contains("secret") && !error.message.contains("77"), "{error:?}");
    }
}

#[test]
fn missing_and_unknown_fields_are_told_of_the_object_that_they_belong_to() {
    let error = error("/lines/0", json!({ "quantity": 1, "se/cret": 2 }));
    assert_eq!((error.pointer.as_str(), error.code.as_str()), ("/lines/0", "unknown-field"));
    assert!(!error.message.contains("cret"), "{error:?}");
    let missing = read_value::<Order>(&json!({})).unwrap_err();
    assert_eq!(FieldError::from(missing).code, "required");
}

#[test]
fn a_pointer_escapes_what_a_name_may_hold() {
    let mut order = order();
    order["tags"] = json!({ "a/b~c": "text" });
    assert_eq!(read_value::<Order>(&order).unwrap_err().pointer(), "/tags/a~1b~0c");
}

#[test]
fn golden_files_are_read_as_serde_json_reads_them() {
    fn same<T: DeserializeOwned + PartialEq>(text: &str) {
        let value: Value = serde_json::from_str(text).unwrap();
        assert!(read_value::<T>(&value).unwrap() == serde_json::from_str(text).unwrap());
    }
    same::<CommandBatch>(include_str!("../golden/command-batch.json"));
    same::<Hello>(include_str!("../golden/hello.json"));
    same::<Outcomes>(include_str!("../golden/outcomes.json"));
    let batch: Value = serde_json::from_str(include_str!("../golden/command-batch.json")).unwrap();
    assert!(read_value::<Command>(&batch["commands"][0]).is_ok());
}

#[test]
fn an_outcome_is_read_by_its_status_and_what_belongs_to_another_one_is_ignored() {
    let held = |more: Value| {
        let mut outcome =
            json!({ "commandId": null, "status": "held", "by": "01930000-0000-7000-8000-000000000003" });
        outcome.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read_value::<Outcomes>(&json!({ "outcomes": [outcome] })).map(|read| read.outcomes.len())
    };
    assert_eq!(held(json!({ "changedAt": "yesterday", "replayed": 7, "later": true })), Ok(1));
    assert!(held(json!({ "by": null })).is_err() && held(json!({ "status": "maybe" })).is_err());
}
