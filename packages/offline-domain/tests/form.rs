//! What a form reads is what serde reads; where it does not fit, everything is named.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use offline_domain::{Form, MAX_ERRORS, form, read_form};
use offline_protocol::RecordId;
use proptest::prelude::*;
use serde_json::{Value, json};

form! {
    #[derive(Debug, PartialEq)]
    closed struct Order {
        id as "orderId": RecordId,
        state as "state": State,
        lines as "lines": Vec<Line>,
        #[serde(default, deserialize_with = "present")]
        note as "note": Option<Option<String>>,
    }
}

form! {
    #[derive(Debug, PartialEq)]
    struct Line {
        amount_minor as "amountMinor": i64,
        text as "text": Option<String>,
    }
}

form! {
    #[derive(Debug, PartialEq)]
    enum State {
        Draft as "draft",
        Sent as "sent",
    }
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}

fn errors(value: &Value) -> Vec<(String, String)> {
    let errors = read_form::<Order>(value).unwrap_err();
    errors.into_iter().map(|error| (error.pointer, error.code)).collect()
}

fn named(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
}

#[test]
fn every_field_that_does_not_fit_is_named() {
    let wrong = json!({
        "orderId": "a secret/name", "state": "secret", "note": 5, "secret": 1,
        "lines": [{ "amountMinor": 1.5, "text": "ok" }, {}, "secret", { "amountMinor": 1, "text": [] }],
    });
    assert_eq!(
        errors(&wrong),
        named(&[
            ("", "unknown-field"),
            ("/orderId", "invalid"),
            ("/state", "unknown-variant"),
            ("/lines/0/amountMinor", "invalid-type"),
            ("/lines/1", "required"),
            ("/lines/2", "invalid-type"),
            ("/lines/3/text", "invalid-type"),
            ("/note", "invalid-type"),
        ])
    );
    let said: Vec<_> =
        read_form::<Order>(&wrong).unwrap_err().into_iter().map(|error| error.message).collect();
    assert!(!said.concat().contains("secret"));
    assert_eq!(said[1], "must be 1 to 128 visible ASCII characters without /, ? and #");
    assert_eq!(errors(&json!({})), named(&[("", "required"), ("", "required"), ("", "required")]));
    assert_eq!(errors(&json!([])), named(&[("", "invalid-type")]));
}

#[test]
fn absent_null_and_present_are_told_apart() {
    let note = |note: Value| {
        let mut order = json!({ "orderId": "o", "state": "sent", "lines": [] });
        order.as_object_mut().unwrap().extend(note.as_object().unwrap().clone());
        read_form::<Order>(&order).unwrap().note
    };
    assert_eq!(note(json!({})), None);
    assert_eq!(note(json!({ "note": null })), Some(None));
    assert_eq!(note(json!({ "note": "n" })), Some(Some("n".into())));
}

/// Mostly what an order may hold, with something else here and there.
fn any_field() -> impl Strategy<Value = Value> {
    let line =
        (any_amount(), any_text()).prop_map(|(amount, text)| json!({ "amountMinor": amount, "text": text }));
    prop_oneof![
        any_text(),
        any_amount(),
        Just(json!("draft")),
        Just(json!("sent")),
        proptest::collection::vec(line, 0..3).prop_map(Value::from),
        Just(json!([{}])),
        Just(json!([{ "amountMinor": 1, "more": true }])),
    ]
}

fn any_text() -> impl Strategy<Value = Value> {
    prop_oneof!["[a-z /]{0,6}".prop_map(Value::from), Just(Value::Null)]
}

fn any_amount() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::from), any::<u64>().prop_map(Value::from), Just(json!(1.0))]
}

#[test]
fn of_ever_so_many_errors_the_first_twenty_are_told() {
    let lines = vec![json!({}); 100_000];
    let order = json!({ "orderId": "o", "state": "draft", "lines": lines });
    let errors = read_form::<Order>(&order).unwrap_err();
    assert_eq!((errors.len(), errors[0].pointer.as_str()), (MAX_ERRORS, "/lines/0"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_form_reads_what_serde_reads(
        id in "[a-z/]{1,4}", state in prop_oneof![Just("draft"), Just("sent"), Just("gone")],
        lines in any_field(), note in any_field(), other in "note|orderId|lines|more", value in any_field(), others: bool,
    ) {
        let mut order = json!({ "orderId": id, "state": state, "lines": lines, "note": note });
        if others {
            order[other] = value;
        }
        let by_serde = serde_json::from_value::<Order>(order.clone()).ok();
        let by_form = read_form::<Order>(&order).ok();
        prop_assert_eq!(by_form, by_serde);
    }

    #[test]
    fn what_a_form_writes_it_reads(id in "[a-z]{1,4}", amounts in proptest::collection::vec(any::<i64>(), 0..4), note: Option<String>) {
        let lines = amounts.into_iter().map(|amount_minor| Line { amount_minor, text: note.clone() }).collect();
        let order = Order { id: RecordId::new(id).unwrap(), state: State::Sent, lines, note: Some(note) };
        let written = order.to_json();
        prop_assert_eq!(&written, &serde_json::to_value(&order).unwrap());
        prop_assert_eq!(read_form::<Order>(&written).unwrap(), order);
    }
}
