use offline_protocol::ProblemCode;
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn an_invoice_is_added_up_by_the_handler() {
    let mut world = World::default();
    let payload = crate::corpus::sample("INVOICE_DRAFT_CREATE_V1").payload;
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
