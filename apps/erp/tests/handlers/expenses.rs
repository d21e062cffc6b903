use serde_json::{Value, json};

use crate::world::World;

fn expense() -> Value {
    json!({ "expenseId": "e1", "description": "Train", "amountMinor": 4990, "currency": "CHF", "spentOn": "2026-11-20" })
}

#[test]
fn an_expense_is_made_changed_and_handed_in() {
    let mut world = World::default();
    world.apply("EXPENSE_CREATE_V1", &expense());
    let made = json!({
        "description": "Train", "amountMinor": 4990, "currency": "CHF", "spentOn": "2026-11-20", "category": null,
        "state": "draft", "createdBy": "ana",
    });
    assert_eq!(world.data("expense", "e1"), &made);
    world.apply("EXPENSE_UPDATE_V1", &json!({ "expenseId": "e1", "category": "travel", "amountMinor": 1 }));
    world.apply("EXPENSE_UPDATE_V1", &json!({ "expenseId": "e1", "description": "Bus" }));
    let changed = world.data("expense", "e1");
    assert_eq!(
        (&changed["category"], &changed["amountMinor"], &changed["description"]),
        (&json!("travel"), &json!(1), &json!("Bus"))
    );
    world.apply("EXPENSE_UPDATE_V1", &json!({ "expenseId": "e1", "category": null }));
    assert_eq!(world.data("expense", "e1")["category"], Value::Null);
    world.apply("EXPENSE_SUBMIT_V1", &json!({ "expenseId": "e1" }));
    assert_eq!(world.data("expense", "e1")["state"], "submitted");
}

#[test]
fn the_rules_of_expenses_refuse_with_a_reason() {
    let mut world = World::default();
    for (amount, code) in [(-1, "negative"), (0, "zero")] {
        let mut payload = expense();
        payload["amountMinor"] = json!(amount);
        let (title, errors) = world.refused("EXPENSE_CREATE_V1", &payload);
        assert_eq!(title, "The amount of an expense must be more than zero");
        assert_eq!(errors, [("/amountMinor".to_owned(), code.to_owned())]);
    }
    world.apply("EXPENSE_CREATE_V1", &expense());
    world.refused("EXPENSE_UPDATE_V1", &json!({ "expenseId": "e1", "amountMinor": -5 }));
    world.apply("EXPENSE_SUBMIT_V1", &json!({ "expenseId": "e1" }));
    let (title, _) = world.refused("EXPENSE_UPDATE_V1", &json!({ "expenseId": "e1", "description": "x" }));
    assert_eq!(title, "A submitted expense can no longer be changed");
    world.refused("EXPENSE_SUBMIT_V1", &json!({ "expenseId": "e1" }));
}
