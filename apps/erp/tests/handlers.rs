//! What the commands do, run through the same `execute` as the server's and the overlay's.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use std::{collections::BTreeSet, fs, path::Path};

use offline_domain::{Context, Execution, Record, Records, execute};
use offline_protocol::{
    CommandId, ProblemCode, RecordId, RecordKey, RecordKind, Timestamp, UserId, Version, WorkspaceId,
};
use serde_json::{Value, json};

/// The records of one workspace, as the commands of one user leave them.
#[derive(Default)]
struct World(Records);

impl World {
    /// Runs a command against the version that the record has now.
    fn run(&mut self, command_type: &str, payload: &Value) -> Execution {
        let (_, prepared) = erp::registry().prepare_named(command_type, payload).unwrap();
        let context = Context {
            workspace_id: WorkspaceId::new("acme").unwrap(),
            user_id: UserId::new("ana").unwrap(),
            command_id: CommandId::from_uuid(uuid::Uuid::nil()),
            created_at: Timestamp::EPOCH,
        };
        let current = self.0.version(&prepared.touches()[0].key);
        let expected = (current != Version::FIRST).then_some(current);
        let execution = execute(&prepared, &context, &self.0, expected);
        if let Execution::Applied(effect) = &execution {
            for write in &effect.writes {
                let version = self.0.version(&write.key).next();
                let (updated_by, updated_at) = (context.user_id.clone(), Timestamp::EPOCH);
                let record = Record { version, data: write.data.clone(), updated_by, updated_at };
                self.0.insert(write.key.clone(), record);
            }
        }
        execution
    }

    fn apply(&mut self, command_type: &str, payload: &Value) {
        let execution = self.run(command_type, payload);
        assert!(matches!(execution, Execution::Applied(_)), "{command_type} was not applied");
    }

    fn refused(&mut self, command_type: &str, payload: &Value) -> (String, Vec<(String, String)>) {
        let Execution::Rejected(problem) = self.run(command_type, payload) else {
            panic!("{command_type} was not refused")
        };
        assert_eq!(problem.code, ProblemCode::RuleViolated);
        let errors = problem.errors.into_iter().map(|error| (error.pointer, error.code)).collect();
        (problem.title, errors)
    }

    fn data(&self, kind: &str, id: &str) -> &Value {
        let key = RecordKey::new(RecordKind::new(kind).unwrap(), RecordId::new(id).unwrap());
        self.0.data(&key).unwrap()
    }
}

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

#[test]
fn an_invoice_is_added_up_by_the_handler() {
    let mut world = World::default();
    let payload: Value =
        serde_json::from_str(include_str!("../corpus/INVOICE_DRAFT_CREATE_V1.json")).unwrap();
    world.apply("INVOICE_DRAFT_CREATE_V1", &payload);
    let id = payload["invoiceId"].as_str().unwrap();
    let invoice = world.data("invoice", id);
    // 36000 - 500 at 19 %: 6745. 3998 at 7 %: 279.86.
    assert_eq!(
        invoice["taxes"],
        json!([
            { "taxRateBp": 700, "netMinor": 3998, "taxMinor": 280 },
            { "taxRateBp": 1900, "netMinor": 35500, "taxMinor": 6745 },
        ])
    );
    assert_eq!(
        (&invoice["netMinor"], &invoice["taxMinor"], &invoice["totalMinor"]),
        (&json!(39498), &json!(7025), &json!(46523))
    );
    assert_eq!(
        (&invoice["lines"][2]["netMinor"], &invoice["lines"][2]["taxMinor"]),
        (&json!(-500), &json!(-95))
    );
    assert_eq!(invoice["state"], "draft");

    world.apply("INVOICE_DRAFT_UPDATE_V1", &json!({ "invoiceId": id, "customer": "Initech" }));
    let renamed = world.data("invoice", id);
    assert_eq!((&renamed["customer"], &renamed["totalMinor"]), (&json!("Initech"), &json!(46523)));
    world.apply("INVOICE_DRAFT_UPDATE_V1", &json!({ "invoiceId": id, "lines": [] }));
    assert_eq!(world.data("invoice", id)["totalMinor"], 0);
}

#[test]
fn an_invoice_beyond_the_range_is_refused() {
    let line = json!({ "description": "Everything", "quantity": 1_000_000, "unitPriceMinor": 9_007_199_254_740_991_i64, "taxRateBp": 1900 });
    let payload = json!({ "invoiceId": "i1", "customer": "c", "currency": "EUR", "lines": [line] });
    let (title, errors) = World::default().refused("INVOICE_DRAFT_CREATE_V1", &payload);
    assert_eq!(
        (title.as_str(), errors),
        ("The invoice's amounts are too large", vec![("/lines/0".into(), "overflow".into())])
    );
}

#[test]
fn a_payload_of_a_wrong_shape_names_its_fields() {
    let errors = |command_type: &str, payload: &Value| {
        let error = erp::registry().prepare_named(command_type, payload).unwrap_err().into_problem();
        assert_eq!(error.code, ProblemCode::InvalidPayload);
        error.errors.into_iter().map(|error| (error.pointer, error.code)).collect::<Vec<_>>()
    };
    let named = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
    let invoice = json!({
        "invoiceId": "i1", "customer": "", "currency": "XXZ",
        "lines": [
            { "description": "ok", "quantity": 0, "unitPriceMinor": 1, "taxRateBp": 10_001 },
            { "description": "\u{0}", "quantity": 1_000_001, "unitPriceMinor": -9_007_199_254_740_992_i64, "taxRateBp": -1 },
        ],
    });
    assert_eq!(
        errors("INVOICE_DRAFT_CREATE_V1", &invoice),
        [
            named("/customer", "empty"),
            named("/currency", "unknown-currency"),
            named("/lines/0/quantity", "out-of-range"),
            named("/lines/0/taxRateBp", "out-of-range"),
            named("/lines/1/description", "control-character"),
            named("/lines/1/quantity", "out-of-range"),
            named("/lines/1/unitPriceMinor", "out-of-range"),
            named("/lines/1/taxRateBp", "out-of-range"),
        ]
    );
    let total =
        json!({ "invoiceId": "i1", "customer": "c", "currency": "EUR", "lines": [], "totalMinor": 1 });
    assert_eq!(errors("INVOICE_DRAFT_CREATE_V1", &total)[0].1, "unknown-field");
    let float = json!({ "invoiceId": "i1", "lines": [{ "description": "a", "quantity": 1.5, "unitPriceMinor": 1, "taxRateBp": 0 }] });
    assert_eq!(errors("INVOICE_DRAFT_UPDATE_V1", &float), [named("/lines/0/quantity", "invalid-type")]);
    let line = json!({ "description": "a", "quantity": 1, "unitPriceMinor": 1, "taxRateBp": 0 });
    let many = json!({ "invoiceId": "i1", "lines": vec![line; 1001] });
    assert_eq!(errors("INVOICE_DRAFT_UPDATE_V1", &many), [named("/lines", "too-many")]);
}

/// One sample of every command version that was ever shipped.
#[test]
fn every_version_that_was_ever_shipped_is_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut seen = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let command_type = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let payload: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let prepared = erp::registry().prepare_named(&command_type, &payload);
        assert!(prepared.is_ok(), "{command_type}: {prepared:?}");
        seen.insert(command_type);
    }
    let accepted: BTreeSet<_> = erp::registry().accepted().iter().map(ToString::to_string).collect();
    assert_eq!(seen, accepted, "each accepted type has its sample");
}
