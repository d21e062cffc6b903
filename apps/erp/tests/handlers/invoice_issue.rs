use offline_domain::{Execution, Record, Records};
use offline_protocol::{ConflictReason, Timestamp, UserId, Version};
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
