use serde_json::{Value, json};

use crate::world::{World, errors, key, misfits};

fn customer() -> Value {
    json!({
        "customerId": "c1", "name": "Globex", "email": "pay@globex.example", "vatNumber": "DE123456789",
        "address": { "street": "Ring 1", "postalCode": "4051", "city": "Basel", "country": "CH" },
    })
}

#[test]
fn a_customer_is_made_and_changed_field_by_field() {
    let mut world = World::default();
    world.apply("CUSTOMER_CREATE_V1", &customer());
    let made = world.data("customer", "c1").clone();
    assert_eq!((&made["paymentDays"], &made["state"]), (&json!(30), &json!("active")));
    assert_eq!(made["address"]["city"], "Basel");
    world.apply("CUSTOMER_UPDATE_V1", &json!({ "customerId": "c1", "email": null, "state": "blocked" }));
    let mut changed = made;
    changed["email"] = Value::Null;
    changed["state"] = json!("blocked");
    assert_eq!(world.data("customer", "c1"), &changed);
    world.apply(
        "CUSTOMER_UPDATE_V1",
        &json!({ "customerId": "c1", "address": null, "paymentDays": 0, "name": "G" }),
    );
    let changed = world.data("customer", "c1");
    assert_eq!(
        (&changed["address"], &changed["paymentDays"], &changed["name"], &changed["state"]),
        (&Value::Null, &json!(0), &json!("G"), &json!("blocked"))
    );
    assert_eq!(world.missing("CUSTOMER_UPDATE_V1", &json!({ "customerId": "c2", "name": "x" })), "customer");
}

#[test]
fn a_customer_of_a_wrong_shape_names_its_fields() {
    let mut payload = customer();
    payload["name"] = json!(" ");
    payload["email"] = json!("two@at@signs");
    payload["vatNumber"] = json!("x".repeat(21));
    payload["address"] =
        json!({ "street": "", "postalCode": "1\n2", "city": "x".repeat(201), "country": "che" });
    payload["paymentDays"] = json!(366);
    assert_eq!(
        misfits("CUSTOMER_CREATE_V1", &payload),
        errors(&[
            ("/name", "empty"),
            ("/email", "invalid-email"),
            ("/vatNumber", "too-long"),
            ("/address/street", "empty"),
            ("/address/postalCode", "control-character"),
            ("/address/city", "too-long"),
            ("/address/country", "invalid-country"),
            ("/paymentDays", "out-of-range"),
        ])
    );
    let wrong = json!({ "customerId": "c1", "state": "vip", "address": { "street": "a" } });
    assert_eq!(
        misfits("CUSTOMER_UPDATE_V1", &wrong),
        errors(&[
            ("/address", "required"),
            ("/address", "required"),
            ("/address", "required"),
            ("/state", "unknown-variant"),
        ])
    );
    for email in ["@", "a@", "@b", "a b@c", "plain"] {
        let payload = json!({ "customerId": "c1", "email": email });
        assert_eq!(
            misfits("CUSTOMER_UPDATE_V1", &payload),
            errors(&[("/email", "invalid-email")]),
            "{email}"
        );
    }
}

/// What moves the letters behind it about makes a name look like another one; a mark that Hebrew and Arabic need does not.
#[test]
fn a_text_of_one_line_looks_like_what_it_is() {
    let create = |name: String| json!({ "customerId": "c1", "name": name });
    for refused in
        "\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{85}\t"
            .chars()
    {
        let misfit = misfits("CUSTOMER_CREATE_V1", &create(format!("A{refused}B")));
        assert_eq!(misfit, errors(&[("/name", "control-character")]), "{refused:?}");
    }
    for taken in "\u{200c}\u{200d}\u{200e}\u{200f}\u{2027}\u{202f}\u{2065}\u{206a}\u{61c}\u{a0}".chars() {
        World::default().apply("CUSTOMER_CREATE_V1", &create(format!("A{taken}B")));
    }
    // What was stored before goes on working.
    let mut world = World::default();
    world.apply("CUSTOMER_CREATE_V1", &create("A".into()));
    let mut older = world.data("customer", "c1").clone();
    older["name"] = "A\u{202e}B".into();
    world.put(key("customer", "c1"), Some(older.clone()));
    world.apply("CUSTOMER_UPDATE_V1", &json!({ "customerId": "c1", "paymentDays": 30 }));
    assert_eq!(world.data("customer", "c1")["name"], older["name"]);
    // Nothing to read is empty, whatever space it is made of.
    for blank in ["", " ", "\u{a0}\u{2003}", "\u{3000}", "\u{2028}"] {
        assert_eq!(
            misfits("CUSTOMER_CREATE_V1", &create(blank.into())),
            errors(&[("/name", "empty")]),
            "{blank:?}"
        );
    }
}
