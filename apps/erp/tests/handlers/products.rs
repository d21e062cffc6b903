use offline_domain::Execution;
use offline_protocol::ConflictReason;
use serde_json::{Value, json};

use crate::world::{World, errors, key, misfits, product_payload};

#[test]
fn no_two_products_have_the_same_sku() {
    let mut world = World::default();
    world.apply("PRODUCT_CREATE_V1", &product_payload("p1", "LAMP-1"));
    assert_eq!(
        world.refused("PRODUCT_CREATE_V1", &product_payload("p2", "LAMP-1")),
        ("Another product has this SKU".to_owned(), errors(&[("/sku", "taken")]))
    );
    world.apply("PRODUCT_CREATE_V1", &product_payload("p2", "LAMP-2"));
    assert_eq!(world.data("product-sku", "LAMP-2"), &json!({ "productId": "p2" }));
    let again = world.run("PRODUCT_CREATE_V1", &product_payload("p1", "LAMP-3"));
    assert!(matches!(again, Execution::Conflict { reason: ConflictReason::AlreadyExists, .. }));
}

#[test]
fn a_product_is_changed_field_by_field() {
    let mut world = World::with_master_data();
    world.apply(
        "PRODUCT_UPDATE_V1",
        &json!({ "productId": "p1", "name": "Big lamp", "state": "discontinued" }),
    );
    assert_eq!(
        world.data("product", "p1"),
        &json!({ "sku": "sku-p1", "name": "Big lamp", "unit": "piece", "taxRateBp": 1900, "state": "discontinued" })
    );
    assert_eq!(
        misfits(
            "PRODUCT_UPDATE_V1",
            &json!({ "productId": "p1", "unit": "x".repeat(17), "taxRateBp": 10_001 })
        ),
        errors(&[("/unit", "too-long"), ("/taxRateBp", "out-of-range")])
    );
    assert_eq!(
        misfits("PRODUCT_UPDATE_V1", &json!({ "productId": "p1", "sku": "other" })),
        errors(&[("", "unknown-field")])
    );
}

fn price(list: &str, product: &str, price: Value) -> Value {
    json!({ "priceList": list, "productId": product, "unitPriceMinor": price })
}

#[test]
fn a_price_list_has_the_prices_that_were_set() {
    let mut world = World::with_master_data();
    assert_eq!(world.missing("PRICE_SET_V1", &price("retail", "p1", json!(1990))), "price-list");
    world
        .apply("PRICE_LIST_CREATE_V1", &json!({ "priceList": "retail", "name": "Shops", "currency": "CHF" }));
    assert_eq!(world.missing("PRICE_SET_V1", &price("retail", "p9", json!(1990))), "product");
    world.apply("PRICE_SET_V1", &price("retail", "p1", json!(1990)));
    world.apply("PRICE_SET_V1", &price("retail", "p2", json!(0)));
    assert_eq!(world.data("price", "retail:p1"), &price("retail", "p1", json!(1990)));
    let (_, negative) = world.refused("PRICE_SET_V1", &price("retail", "p1", json!(-1)));
    assert_eq!(negative, errors(&[("/unitPriceMinor", "negative")]));
    world.apply("PRICE_SET_V1", &price("retail", "p1", Value::Null));
    assert!(world.0.data(&key("price", "retail:p1")).is_none());
    world.apply("PRICE_SET_V1", &price("retail", "p1", json!(2090)));
    assert_eq!(world.data("price", "retail:p1")["unitPriceMinor"], 2090);
}

#[test]
fn two_prices_of_one_list_do_not_wait_for_each_other() {
    let keys = |product: &str| {
        let payload = price("retail", product, json!(1));
        erp::registry().prepare_named("PRICE_SET_V1", &payload).unwrap().1.keys()
    };
    assert_eq!((keys("p1"), keys("p2")), (vec![key("price", "retail:p1")], vec![key("price", "retail:p2")]));
}

#[test]
fn a_price_of_a_wrong_shape_names_its_fields() {
    let forgotten = json!({ "priceList": "Retail!", "productId": "x".repeat(96) });
    assert_eq!(
        misfits("PRICE_SET_V1", &forgotten),
        errors(&[
            ("/priceList", "invalid-code"),
            ("/productId", "too-long"),
            ("/unitPriceMinor", "required")
        ])
    );
    assert_eq!(
        misfits("PRICE_SET_V1", &price("retail", "p1", json!(9_007_199_254_740_992_i64))),
        errors(&[("/unitPriceMinor", "out-of-range")])
    );
    for code in ["", "-a", "a:b", "A", "ü", &"x".repeat(33)] {
        let payload = json!({ "priceList": code, "name": "n", "currency": "EUR" });
        assert_eq!(
            misfits("PRICE_LIST_CREATE_V1", &payload),
            errors(&[("/priceList", "invalid-code")]),
            "{code}"
        );
    }
}
