use offline_domain::Execution;
use offline_protocol::{ConflictReason, ProblemCode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{World, errors, misfits};

const MAX: i64 = 9_007_199_254_740_991;

fn line(account: &str, side: &str, amount: i64) -> Value {
    json!({ "account": account, "side": side, "amountMinor": amount })
}

fn post(id: &str, lines: Vec<Value>) -> Value {
    json!({ "entryId": id, "postedOn": "2026-11-30", "currency": "EUR", "description": "Sale", "lines": lines })
}

fn reverse(id: &str, reverses: &str) -> Value {
    json!({ "entryId": id, "reverses": reverses, "postedOn": "2026-12-01", "description": "Wrong account" })
}

#[test]
fn a_balanced_entry_is_appended_and_never_written_again() {
    let mut world = World::default();
    let sale =
        post("e1", vec![line("1000", "debit", 119), line("8400", "credit", 100), line("1776", "credit", 19)]);
    world.apply("LEDGER_POST_V1", &sale);
    let entry = world.data("ledger-entry", "e1").clone();
    assert_eq!(
        (&entry["lines"], &entry["reverses"], &entry["postedBy"]),
        (&sale["lines"], &Value::Null, &json!("ana"))
    );
    let again = world.run("LEDGER_POST_V1", &sale);
    assert!(matches!(again, Execution::Conflict { reason: ConflictReason::AlreadyExists, .. }));
    world.apply("LEDGER_REVERSE_V1", &reverse("e2", "e1"));
    assert_eq!(world.data("ledger-entry", "e1"), &entry);
    let back = world.data("ledger-entry", "e2");
    assert_eq!((&back["reverses"], &back["currency"]), (&json!("e1"), &json!("EUR")));
    assert_eq!(
        back["lines"],
        json!([line("1000", "credit", 119), line("8400", "debit", 100), line("1776", "debit", 19)])
    );
    let (_, twice) = world.refused("LEDGER_REVERSE_V1", &reverse("e3", "e1"));
    assert_eq!(twice, errors(&[("/reverses", "reversed")]));
    let (_, of_reversal) = world.refused("LEDGER_REVERSE_V1", &reverse("e3", "e2"));
    assert_eq!(of_reversal, errors(&[("/reverses", "is-reversal")]));
    assert_eq!(world.missing("LEDGER_REVERSE_V1", &reverse("e3", "e9")), "ledger-entry");
    let itself = misfits("LEDGER_REVERSE_V1", &reverse("e3", "e3"));
    assert_eq!(itself, errors(&[("/reverses", "itself")]));
}

#[test]
fn what_is_not_balanced_is_refused() {
    for (lines, pointer, code) in [
        (vec![], "/lines", "empty"),
        (vec![line("a", "debit", 1)], "/lines", "unbalanced"),
        (vec![line("a", "debit", 2), line("b", "credit", 1)], "/lines", "unbalanced"),
        (vec![line("a", "debit", 0), line("b", "credit", 0)], "/lines/0/amountMinor", "zero"),
        (
            vec![line("a", "debit", 1), line("b", "credit", 2), line("c", "credit", -1)],
            "/lines/2/amountMinor",
            "negative",
        ),
        (
            vec![
                line("a", "debit", MAX),
                line("a", "debit", 1),
                line("b", "credit", MAX),
                line("b", "credit", 1),
            ],
            "/lines",
            "overflow",
        ),
    ] {
        let (_, refused) = World::default().refused("LEDGER_POST_V1", &post("e1", lines));
        assert_eq!(refused, errors(&[(pointer, code)]));
    }
}

#[test]
fn an_entry_of_a_wrong_shape_names_its_fields() {
    let mut payload = post("e1", vec![line("Cash", "debit", MAX + 1)]);
    payload["postedOn"] = json!("2026-02-29");
    payload["currency"] = json!("EURO");
    payload["description"] = json!("");
    assert_eq!(
        misfits("LEDGER_POST_V1", &payload),
        errors(&[
            ("/postedOn", "invalid-date"),
            ("/description", "empty"),
            ("/currency", "unknown-currency"),
            ("/lines/0/account", "invalid-code"),
            ("/lines/0/amountMinor", "out-of-range"),
        ])
    );
    assert_eq!(
        misfits("LEDGER_POST_V1", &post("e1", vec![line("a", "left", 1)])),
        errors(&[("/lines/0/side", "unknown-variant")])
    );
    let many = post("e1", vec![line("a", "debit", 1); 501]);
    assert_eq!(misfits("LEDGER_POST_V1", &many), errors(&[("/lines", "too-many")]));
}

proptest! {
    #[test]
    fn what_the_ledger_takes_is_balanced(
        lines in proptest::collection::vec((any::<bool>(), prop_oneof![1..=3_i64, MAX - 1..=MAX]), 0..8)
    ) {
        let json = lines.iter().map(|(debit, amount)| line("a", if *debit { "debit" } else { "credit" }, *amount));
        let taken = match World::default().run("LEDGER_POST_V1", &post("e1", json.collect())) {
            Execution::Applied(_) => true,
            Execution::Rejected(problem) => { prop_assert_eq!(problem.code, ProblemCode::RuleViolated); false }
            Execution::Conflict { .. } => panic!("a new entry met a conflict"),
        };
        let side = |debit: bool| lines.iter().filter(|line| line.0 == debit).map(|line| i128::from(line.1)).sum::<i128>();
        let fits = side(true) <= i128::from(MAX);
        prop_assert_eq!(taken, side(true) == side(false) && side(true) > 0 && fits);
    }
}
