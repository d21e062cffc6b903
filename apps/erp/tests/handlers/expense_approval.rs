use offline_domain::Execution;
use serde_json::{Value, json};

use crate::world::{World, errors, misfits};

fn expense(id: &str) -> Value {
    json!({ "expenseId": id, "description": "Train", "amountMinor": 1, "currency": "CHF", "spentOn": "2026-11-20" })
}

fn submitted() -> World {
    let mut world = World::default();
    for id in ["e1", "e2"] {
        world.apply("EXPENSE_CREATE_V1", &expense(id));
    }
    world.apply("EXPENSE_SUBMIT_V2", &json!({ "expenseIds": ["e1", "e2"] }));
    world
}

#[test]
fn a_submitted_expense_is_approved_or_rejected_by_another() {
    let mut world = submitted();
    world.apply_as("maria", "EXPENSE_APPROVE_V1", &json!({ "expenseId": "e1" }));
    let approved = world.data("expense", "e1");
    assert_eq!(
        (&approved["state"], &approved["decision"]),
        (&json!("approved"), &json!({ "by": "maria", "reason": null }))
    );
    assert_eq!((&approved["createdBy"], &approved["amountMinor"]), (&json!("ana"), &json!(1)));
    world.apply_as("maria", "EXPENSE_REJECT_V1", &json!({ "expenseId": "e2", "reason": "Private" }));
    let rejected = world.data("expense", "e2");
    assert_eq!(
        (&rejected["state"], &rejected["decision"]),
        (&json!("rejected"), &json!({ "by": "maria", "reason": "Private" }))
    );
    let approve = |id: &str| json!({ "expenseId": id });
    let (again, _) = world.refused_as("maria", "EXPENSE_APPROVE_V1", &approve("e1"));
    assert_eq!(again, "The expense has been approved already");
    let (after, _) = world.refused_as("maria", "EXPENSE_APPROVE_V1", &approve("e2"));
    assert_eq!(after, "The expense has been rejected already");
    let (changed, _) = world.refused("EXPENSE_UPDATE_V1", &json!({ "expenseId": "e1", "amountMinor": 2 }));
    assert_eq!(changed, "A submitted expense can no longer be changed");
}

#[test]
fn nobody_decides_on_his_own_nor_on_a_draft_nor_on_what_he_has_not_seen() {
    let mut world = submitted();
    let approve = |id: &str| json!({ "expenseId": id });
    let reject = json!({ "expenseId": "e1", "reason": "x" });
    for (command_type, payload) in [("EXPENSE_APPROVE_V1", approve("e1")), ("EXPENSE_REJECT_V1", reject)] {
        let (own, _) = world.refused_as("ana", command_type, &payload);
        assert_eq!(own, "Nobody decides on an expense of his own");
        let blind = world.run_expecting("maria", command_type, &payload, None);
        assert!(matches!(blind, Execution::Rejected(problem) if problem.status == 428));
    }
    world.apply("EXPENSE_CREATE_V1", &expense("e3"));
    let (draft, _) = world.refused_as("maria", "EXPENSE_APPROVE_V1", &approve("e3"));
    assert_eq!(draft, "The expense has not been submitted yet");
    assert_eq!(world.missing("EXPENSE_APPROVE_V1", &approve("e9")), "expense");
    let wrong = json!({ "expenseId": "e1", "reason": "" });
    assert_eq!(misfits("EXPENSE_REJECT_V1", &wrong), errors(&[("/reason", "empty")]));
}

#[test]
fn only_managers_may_decide() {
    for info in erp::registry().types() {
        let decides = ["EXPENSE_APPROVE_V1", "EXPENSE_REJECT_V1"].contains(&info.command_type.as_str());
        assert_eq!(info.roles, if decides { &["manager"][..] } else { &[] }, "{}", info.command_type);
    }
}

#[test]
fn expenses_are_handed_in_together_or_not_at_all() {
    let mut world = submitted();
    for id in ["e3", "e4"] {
        world.apply("EXPENSE_CREATE_V1", &expense(id));
    }
    let (title, refused) = world.refused("EXPENSE_SUBMIT_V2", &json!({ "expenseIds": ["e3", "e1", "e4"] }));
    assert_eq!(title, "A submitted expense can no longer be changed");
    assert_eq!(refused, errors(&[("/expenseIds/1", "refused")]));
    assert_eq!(world.data("expense", "e3")["state"], "draft");
    assert_eq!(world.missing("EXPENSE_SUBMIT_V2", &json!({ "expenseIds": ["e3", "e9"] })), "expense");
    world.apply("EXPENSE_SUBMIT_V2", &json!({ "expenseIds": ["e3", "e4"] }));
    assert_eq!(world.data("expense", "e4")["state"], "submitted");
    let ids: Vec<String> = (0..101).map(|number| format!("e{number}")).collect();
    for (ids, pointer, code) in [
        (json!([]), "/expenseIds", "empty"),
        (json!(["a", "b", "a"]), "/expenseIds/2", "duplicate"),
        (json!(ids), "/expenseIds", "too-many"),
    ] {
        assert_eq!(misfits("EXPENSE_SUBMIT_V2", &json!({ "expenseIds": ids })), errors(&[(pointer, code)]));
    }
}

#[test]
fn version_1_of_handing_in_still_means_what_it_meant() {
    for (payload, wrong) in [
        (json!({}), ("", "required")),
        (json!({ "expenseId": 1 }), ("/expenseId", "invalid-type")),
        (json!({ "expenseId": "e1", "expenseIds": [] }), ("", "unknown-field")),
    ] {
        assert_eq!(misfits("EXPENSE_SUBMIT_V1", &payload), errors(&[wrong]), "{payload}");
    }
    let mut world = World::default();
    world.apply("EXPENSE_CREATE_V1", &expense("e1"));
    world.apply("EXPENSE_SUBMIT_V1", &json!({ "expenseId": "e1" }));
    let again = world.refused("EXPENSE_SUBMIT_V1", &json!({ "expenseId": "e1" }));
    assert_eq!(again, ("A submitted expense can no longer be changed".to_owned(), Vec::new()));
}
