use std::collections::BTreeSet;

use offline_domain::{Execution, Record, Records};
use offline_protocol::{ConflictReason, Timestamp, UserId, Version};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{World, context, errors, key, misfits};

fn draft(id: &str, price: i64) -> Value {
    let line =
        json!({ "description": "Consulting", "quantity": 1, "unitPriceMinor": price, "taxRateBp": 1900 });
    json!({ "invoiceId": id, "customer": "Globex", "currency": "EUR", "lines": [line] })
}

fn issue(id: &str) -> Value {
    json!({ "invoiceId": id, "series": "2026", "issuedOn": "2026-11-24", "dueOn": "2026-12-24" })
}

fn open() -> World {
    let mut world = World::default();
    world.apply("INVOICE_SERIES_OPEN_V1", &json!({ "series": "2026", "prefix": "RE-2026-", "digits": 4 }));
    world
}

#[test]
fn an_issued_invoice_has_the_next_number_and_is_fixed() {
    let mut world = open();
    for (id, number) in [("i1", "RE-2026-0001"), ("i2", "RE-2026-0002")] {
        world.apply("INVOICE_DRAFT_CREATE_V1", &draft(id, 100));
        let result = world.apply("INVOICE_ISSUE_V1", &issue(id));
        assert_eq!(result["number"], number);
    }
    let invoice = world.data("invoice", "i2");
    assert_eq!((&invoice["state"], &invoice["totalMinor"]), (&json!("issued"), &json!(119)));
    assert_eq!(
        invoice["issue"],
        json!({
            "number": "RE-2026-0002", "series": "2026", "sequence": 2, "issuedOn": "2026-11-24",
            "dueOn": "2026-12-24", "issuedBy": "ana",
        })
    );
    assert_eq!(world.data("invoice-series", "2026")["nextNumber"], 3);
    for (command_type, payload) in [
        ("INVOICE_ISSUE_V1", issue("i2")),
        ("INVOICE_DRAFT_UPDATE_V1", json!({ "invoiceId": "i2", "customer": "x" })),
    ] {
        let (title, _) = world.refused(command_type, &payload);
        assert_eq!(title, "An issued invoice can no longer be changed");
    }
    assert_eq!(world.data("invoice-series", "2026")["nextNumber"], 3);
}

#[test]
fn a_refused_issue_takes_no_number() {
    let mut world = open();
    world.apply("INVOICE_DRAFT_CREATE_V1", &draft("i1", -1));
    let (title, _) = world.refused("INVOICE_ISSUE_V1", &issue("i1"));
    assert_eq!(title, "An invoice whose total is negative cannot be issued");
    world.apply("INVOICE_DRAFT_UPDATE_V1", &json!({ "invoiceId": "i1", "lines": [] }));
    let (title, _) = world.refused("INVOICE_ISSUE_V1", &issue("i1"));
    assert_eq!(title, "An invoice without lines cannot be issued");
    let stale = world.run_expecting("ana", "INVOICE_ISSUE_V1", &issue("i1"), Some(Version::new(1).unwrap()));
    assert!(matches!(stale, Execution::Conflict { reason: ConflictReason::VersionConflict, .. }));
    assert_eq!(world.missing("INVOICE_ISSUE_V1", &issue("i9")), "invoice");
    world.apply("INVOICE_DRAFT_CREATE_V1", &draft("i2", 1));
    let mut closed = issue("i2");
    closed["series"] = json!("2027");
    assert_eq!(world.missing("INVOICE_ISSUE_V1", &closed), "invoice-series");
    assert_eq!(world.apply("INVOICE_ISSUE_V1", &issue("i2"))["sequence"], 1);
}

#[test]
fn a_series_begins_where_it_is_told_to_and_ends() {
    let mut world = World::default();
    let last = 999_999_999_999_i64;
    world.apply("INVOICE_SERIES_OPEN_V1", &json!({ "series": "2026", "firstNumber": last, "digits": 1 }));
    for id in ["i1", "i2"] {
        world.apply("INVOICE_DRAFT_CREATE_V1", &draft(id, 1));
    }
    let result = world.apply("INVOICE_ISSUE_V1", &issue("i1"));
    assert_eq!(result, json!({ "number": "999999999999", "sequence": last }));
    let (_, refused) = world.refused("INVOICE_ISSUE_V1", &issue("i2"));
    assert_eq!(refused, errors(&[("/series", "exhausted")]));
    let again = world.run("INVOICE_SERIES_OPEN_V1", &json!({ "series": "2026" }));
    assert!(matches!(again, Execution::Conflict { reason: ConflictReason::AlreadyExists, .. }));
}

#[test]
fn no_two_series_are_opened_that_come_to_the_same_numbers() {
    let mut world = World::default();
    let opening = |code: &str, prefix: Option<&str>| {
        let mut payload = json!({ "series": code });
        prefix.into_iter().for_each(|prefix| payload["prefix"] = json!(prefix));
        payload
    };
    let names = ["INV-", "RE2026", "RE2027", "INV", "INV-A", "A", "\u{c4}1", "B-1-"];
    for (number, prefix) in names.into_iter().enumerate() {
        world.apply("INVOICE_SERIES_OPEN_V1", &opening(&format!("s{number}"), Some(prefix)));
    }
    // RE + 20260001 is RE2026 + 0001, A + 10001 is A1 + 0001.
    for prefix in ["INV-", "INV-0", "INV-2026", "RE", "RE202", "RE20261", "A1", "A0", "\u{c4}", "B-1-7"] {
        let (title, refused) = world.refused("INVOICE_SERIES_OPEN_V1", &opening("new", Some(prefix)));
        assert_eq!(title, "Another series could come to the same numbers", "{prefix}");
        assert_eq!(refused, errors(&[("/prefix", "taken")]), "{prefix}");
    }
    // A prefix that is all digits looks like a number of the series that has none.
    world.apply("INVOICE_SERIES_OPEN_V1", &opening("plain", None));
    for prefix in [None, Some("2027")] {
        world.refused("INVOICE_SERIES_OPEN_V1", &opening("new", prefix));
    }
    let again = world.run("INVOICE_SERIES_OPEN_V1", &opening("plain", Some("2027")));
    assert!(matches!(again, Execution::Conflict { reason: ConflictReason::AlreadyExists, .. }));
}

#[test]
fn a_workspace_has_a_thousand_series_at_most() {
    let mut world = World::default();
    let series = |prefix: &str| json!({ "prefix": prefix, "digits": 5, "nextNumber": 1 });
    for number in 0..999 {
        world.put(key("invoice-series", &format!("s{number}")), Some(series(&format!("{number}-"))));
    }
    world.apply("INVOICE_SERIES_OPEN_V1", &json!({ "series": "last", "prefix": "last-" }));
    let (title, _) = world.refused("INVOICE_SERIES_OPEN_V1", &json!({ "series": "more", "prefix": "more-" }));
    assert_eq!(title, "The workspace has as many series as it may have");
}

/// Series as they could be opened before prefixes were compared.
fn older(world: &mut World, all: &[(&str, &str, i64, i64)]) {
    for (code, prefix, digits, next) in all {
        let data = json!({ "prefix": prefix, "digits": digits, "nextNumber": next });
        world.put(key("invoice-series", code), Some(data));
    }
}

/// A draft `i1`, whatever was there before.
fn put_draft(world: &mut World) {
    let draft = crate::corpus::sample("INVOICE_DRAFT_CREATE_V1").written().clone();
    world.put(key("invoice", "i1"), Some(draft));
}

fn issue_of(series: &str) -> Value {
    let mut payload = issue("i1");
    payload["series"] = json!(series);
    payload
}

#[test]
fn series_from_before_that_share_a_prefix_count_on_together() {
    let mut world = World::default();
    older(&mut world, &[("a", "INV-", 4, 12), ("b", "INV-", 5, 3), ("c", "RE-", 5, 40)]);
    let expected =
        [("b", "INV-00012"), ("a", "INV-0013"), ("a", "INV-0014"), ("b", "INV-00015"), ("c", "RE-00040")];
    for (series, number) in expected {
        put_draft(&mut world);
        assert_eq!(world.apply("INVOICE_ISSUE_V1", &issue_of(series))["number"], number);
    }
    assert_eq!(world.data("invoice-series", "a")["nextNumber"], 15);
    assert_eq!(world.data("invoice-series", "b")["nextNumber"], 16);
}

#[test]
fn a_series_from_before_stops_at_the_numbers_of_another_one() {
    let mut world = World::default();
    older(&mut world, &[("a", "A", 4, 10_001), ("b", "A1", 4, 5)]);
    put_draft(&mut world);
    let (title, refused) = world.refused("INVOICE_ISSUE_V1", &issue_of("a"));
    assert_eq!(title, "The series' next number is one of another series");
    assert_eq!(refused, errors(&[("/series", "taken")]));
    // The other one goes on, and its numbers are longer than those that differ in their zeros alone.
    older(&mut world, &[("a", "A", 4, 10_001), ("b", "A1", 5, 5)]);
    assert_eq!(world.apply("INVOICE_ISSUE_V1", &issue_of("b"))["number"], "A100005");
}

proptest! {
    /// Whatever series there were, and whatever they had given before.
    #[test]
    fn no_number_is_given_twice(
        series in proptest::collection::vec(("[A1]{0,2}", 1..=3_i64, 1..=120_i64), 2..4),
        turns in proptest::collection::vec(0..4_usize, 1..60)
    ) {
        let mut world = World::default();
        let mut given = BTreeSet::new();
        for (code, (prefix, digits, next)) in series.iter().enumerate() {
            older(&mut world, &[(&format!("s{code}"), prefix, *digits, *next)]);
            let width = usize::try_from(*digits).unwrap();
            given.extend((1..*next).map(|number| format!("{prefix}{number:0width$}")));
        }
        for turn in turns {
            put_draft(&mut world);
            let command = issue_of(&format!("s{}", turn % series.len()));
            if let Execution::Applied(effect) = world.run("INVOICE_ISSUE_V1", &command) {
                let number = effect.result["number"].as_str().unwrap().to_owned();
                prop_assert!(given.insert(number.clone()), "{} was given twice", number);
            }
        }
    }
}

#[test]
fn a_parked_issue_does_not_hold_the_others_of_its_series() {
    let (_, prepared) = erp::registry().prepare_named("INVOICE_ISSUE_V1", &issue("i1")).unwrap();
    assert_eq!(prepared.keys(), [key("invoice", "i1")]);
}

/// The overlay has the records of one kind alone: it must not make a number up.
#[test]
fn without_the_series_at_hand_no_number_is_shown() {
    let mut world = open();
    world.apply("INVOICE_DRAFT_CREATE_V1", &draft("i1", 1));
    let record = Record {
        version: Version::new(1).unwrap(),
        data: Some(world.data("invoice", "i1").clone()),
        updated_by: UserId::new("ana").unwrap(),
        updated_at: Timestamp::EPOCH,
    };
    let invoices: Records = [(key("invoice", "i1"), record)].into_iter().collect();
    let (_, prepared) = erp::registry().prepare_named("INVOICE_ISSUE_V1", &issue("i1")).unwrap();
    assert!(prepared.handle(&context("ana"), &invoices).is_err());
}

#[test]
fn an_issue_of_a_wrong_shape_names_its_fields() {
    let wrong = json!({ "invoiceId": "i1", "series": "RE 26", "issuedOn": "2026-11-31" });
    assert_eq!(
        misfits("INVOICE_ISSUE_V1", &wrong),
        errors(&[("/series", "invalid-code"), ("/issuedOn", "invalid-date")])
    );
    let mut early = issue("i1");
    early["dueOn"] = json!("2026-11-23");
    assert_eq!(misfits("INVOICE_ISSUE_V1", &early), errors(&[("/dueOn", "before-issue")]));
    let wrong = json!({ "series": "2026", "prefix": "", "digits": 13, "firstNumber": 0 });
    assert_eq!(
        misfits("INVOICE_SERIES_OPEN_V1", &wrong),
        errors(&[("/prefix", "empty"), ("/digits", "out-of-range"), ("/firstNumber", "out-of-range")])
    );
}
