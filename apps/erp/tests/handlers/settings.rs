use serde_json::{Value, json};

use crate::world::{World, errors, key, misfits};

#[test]
fn the_later_setting_stands_whatever_its_author_saw() {
    let mut world = World::default();
    let set = |value: Value| json!({ "name": "invoice.footer", "value": value });
    world.apply("SETTING_SET_V1", &set(json!("Thank you")));
    for (value, expected) in [("Merci", 7), ("Danke", 0)] {
        let expected = Some(offline_protocol::Version::new(expected).unwrap());
        let execution = world.run_expecting("ben", "SETTING_SET_V1", &set(json!(value)), expected);
        assert!(matches!(execution, offline_domain::Execution::Applied(_)));
        assert_eq!(world.data("setting", "invoice.footer"), &json!({ "value": value }));
    }
    world.apply("SETTING_SET_V1", &set(Value::Null));
    assert!(world.0.data(&key("setting", "invoice.footer")).is_none());
    world.apply("SETTING_SET_V1", &set(json!("")));
    assert_eq!(world.data("setting", "invoice.footer"), &json!({ "value": "" }));
}

#[test]
fn a_setting_needs_a_name_and_a_value() {
    assert_eq!(misfits("SETTING_SET_V1", &json!({ "name": "a" })), errors(&[("/value", "required")]));
    for name in ["A", "a b", "a:b", &"a".repeat(65)] {
        let payload = json!({ "name": name, "value": "x".repeat(4001) });
        let wrong = misfits("SETTING_SET_V1", &payload);
        assert_eq!(wrong.last().unwrap().0, if name == "a b" { "/name" } else { "/value" }, "{name}");
        assert_eq!(wrong[0].0, "/name", "{name}");
    }
}
