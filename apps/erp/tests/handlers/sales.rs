use offline_domain::{Execution, Records};
use offline_protocol::{ConflictReason, Version};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{World, context, errors, key, misfits};

fn order(id: &str, lines: Value) -> Value {
    json!({ "orderId": id, "customerId": "c1", "currency": "EUR", "lines": lines })
}

fn lines() -> Value {
    json!([
        { "productId": "p1", "description": "Lamp", "quantity": 2, "unitPriceMinor": 5000, "taxRateBp": 1900 },
        { "description": "Discount", "quantity": 1, "unitPriceMinor": -1000, "taxRateBp": 1900 },
    ])
}

fn of(order: &str) -> Value {
    json!({ "orderId": order })
}

fn cancel(order: &str) -> Value {
    json!({ "orderId": order, "reason": "Changed their mind" })
}

fn payment(id: &str, amount: i64) -> Value {
    json!({
        "paymentId": id, "orderId": "o1", "amountMinor": amount, "currency": "EUR", "method": "card",
        "paidOn": "2026-11-24",
    })
}

/// With the order `o1` over 107.10 EUR.
fn confirmed() -> World {
    let mut world = World::with_master_data();
    world.apply("SALES_ORDER_CREATE_V1", &order("o1", lines()));
    world.apply("SALES_ORDER_CONFIRM_V1", &of("o1"));
    world
}

fn standing(world: &World) -> (i64, &str) {
    let order = world.data("sales-order", "o1");
    (order["paidMinor"].as_i64().unwrap(), order["state"].as_str().unwrap())
}

#[test]
fn an_order_is_added_up_by_the_handler_and_fixed_by_its_confirmation() {
    let mut world = World::with_master_data();
    world.apply("SALES_ORDER_CREATE_V1", &order("o1", json!([])));
    world.apply("SALES_ORDER_UPDATE_V1", &json!({ "orderId": "o1", "lines": lines() }));
    let made = world.data("sales-order", "o1");
    assert_eq!(
        (&made["netMinor"], &made["taxMinor"], &made["totalMinor"], &made["paidMinor"], &made["state"]),
        (&json!(9000), &json!(1710), &json!(10_710), &json!(0), &json!("draft"))
    );
    assert_eq!(
        (&made["lines"][0]["productId"], &made["lines"][1]["productId"]),
        (&json!("p1"), &Value::Null)
    );
    assert_eq!((&made["lines"][0]["taxMinor"], &made["lines"][1]["taxMinor"]), (&json!(1900), &json!(-190)));
    world.apply("SALES_ORDER_CONFIRM_V1", &of("o1"));
    assert_eq!(standing(&world), (0, "confirmed"));
    for (command_type, payload) in [
        ("SALES_ORDER_UPDATE_V1", json!({ "orderId": "o1", "lines": [] })),
        ("SALES_ORDER_CONFIRM_V1", of("o1")),
    ] {
        let (title, _) = world.refused(command_type, &payload);
        assert_eq!(title, "A confirmed order can no longer be changed");
    }
}

#[test]
fn an_order_is_for_a_customer_and_for_products_that_there_are() {
    let mut world = World::with_master_data();
    let mut stranger = order("o1", lines());
    stranger["customerId"] = json!("c9");
    assert_eq!(world.missing("SALES_ORDER_CREATE_V1", &stranger), "customer");
    let mut unknown = order("o1", lines());
    unknown["lines"][1]["productId"] = json!("p9");
    assert_eq!(world.missing("SALES_ORDER_CREATE_V1", &unknown), "product");
    world.apply("PRODUCT_UPDATE_V1", &json!({ "productId": "p2", "state": "discontinued" }));
    let mut old = order("o1", lines());
    old["lines"][1]["productId"] = json!("p2");
    let (_, refused) = world.refused("SALES_ORDER_CREATE_V1", &old);
    assert_eq!(refused, errors(&[("/lines/1/productId", "discontinued")]));
    world.apply("CUSTOMER_UPDATE_V1", &json!({ "customerId": "c1", "state": "blocked" }));
    let (_, refused) = world.refused("SALES_ORDER_CREATE_V1", &order("o1", lines()));
    assert_eq!(refused, errors(&[("/customerId", "blocked")]));
}

#[test]
fn orders_of_one_customer_do_not_wait_for_each_other() {
    let prepared =
        |id: &str| erp::registry().prepare_named("SALES_ORDER_CREATE_V1", &order(id, lines())).unwrap().1;
    assert_eq!(prepared("o1").keys(), [key("sales-order", "o1")]);
    assert_eq!(prepared("o2").keys(), [key("sales-order", "o2")]);
    assert_eq!(prepared("o1").touches().len(), 3);
}

/// The overlay has the records of one kind alone.
#[test]
fn an_order_is_added_up_where_its_customer_is_not_at_hand() {
    let (_, prepared) =
        erp::registry().prepare_named("SALES_ORDER_CREATE_V1", &order("o1", lines())).unwrap();
    let effect = prepared.handle(&context("ana"), &Records::new()).unwrap();
    assert_eq!(effect.writes[0].data.as_ref().unwrap()["totalMinor"], 10_710);
}

#[test]
fn an_order_that_comes_to_nothing_sensible_is_not_confirmed() {
    let mut world = World::with_master_data();
    world.apply("SALES_ORDER_CREATE_V1", &order("o1", json!([])));
    let (title, _) = world.refused("SALES_ORDER_CONFIRM_V1", &of("o1"));
    assert_eq!(title, "An order without lines cannot be confirmed");
    let line =
        |price: i64| json!([{ "description": "a", "quantity": 1, "unitPriceMinor": price, "taxRateBp": 0 }]);
    world.apply("SALES_ORDER_UPDATE_V1", &json!({ "orderId": "o1", "lines": line(-1) }));
    let (title, _) = world.refused("SALES_ORDER_CONFIRM_V1", &of("o1"));
    assert_eq!(title, "An order whose total is negative cannot be confirmed");
    world.apply("SALES_ORDER_UPDATE_V1", &json!({ "orderId": "o1", "lines": line(0) }));
    world.apply("SALES_ORDER_CONFIRM_V1", &of("o1"));
    assert_eq!(standing(&world), (0, "paid"));
    let huge = json!([{ "description": "a", "quantity": 1_000_000, "unitPriceMinor": 9_007_199_254_740_991_i64, "taxRateBp": 0 }]);
    let (title, refused) = world.refused("SALES_ORDER_CREATE_V1", &order("o2", huge));
    assert_eq!(
        (title.as_str(), refused),
        ("The order's amounts are too large", errors(&[("/lines/0", "overflow")]))
    );
}

#[test]
fn the_state_of_an_order_follows_what_is_paid() {
    let mut world = confirmed();
    let result = world.apply("PAYMENT_RECORD_V1", &payment("y1", 10_000));
    assert_eq!(result, json!({ "paidMinor": 10_000, "totalMinor": 10_710, "state": "partly-paid" }));
    world.apply("PAYMENT_RECORD_V1", &payment("y2", 710));
    assert_eq!(standing(&world), (10_710, "paid"));
    // Money that has come is never refused.
    world.apply("PAYMENT_RECORD_V1", &payment("y3", 1));
    assert_eq!(standing(&world), (10_711, "overpaid"));
    world.apply("PAYMENT_REFUND_V1", &payment("y4", 711));
    assert_eq!(standing(&world), (10_000, "partly-paid"));
    assert_eq!(world.data("payment", "y4")["amountMinor"], -711);
    let (_, refused) = world.refused("PAYMENT_REFUND_V1", &payment("y5", 10_001));
    assert_eq!(refused, errors(&[("/amountMinor", "more-than-paid")]));
    let (title, _) = world.refused("SALES_ORDER_CANCEL_V1", &cancel("o1"));
    assert_eq!(title, "Something is paid on this order: refund it before it is cancelled");
    world.apply("PAYMENT_REFUND_V1", &payment("y5", 10_000));
    assert_eq!(standing(&world), (0, "confirmed"));
    world.apply("SALES_ORDER_CANCEL_V1", &cancel("o1"));
    assert_eq!(standing(&world), (0, "cancelled"));
    assert_eq!(world.data("sales-order", "o1")["cancelReason"], "Changed their mind");
    let (title, _) = world.refused("SALES_ORDER_CANCEL_V1", &cancel("o1"));
    assert_eq!(title, "The order has been cancelled already");
    let (title, _) = world.refused("PAYMENT_RECORD_V1", &payment("y6", 1));
    assert_eq!(title, "The order has been cancelled");
    let (title, _) = world.refused("SALES_ORDER_CONFIRM_V1", &of("o1"));
    assert_eq!(title, "A cancelled order can no longer be changed");
}

#[test]
fn a_payment_is_for_an_order_that_takes_it() {
    let mut world = World::with_master_data();
    assert_eq!(world.missing("PAYMENT_RECORD_V1", &payment("y1", 1)), "sales-order");
    world.apply("SALES_ORDER_CREATE_V1", &order("o1", lines()));
    let (title, _) = world.refused("PAYMENT_RECORD_V1", &payment("y1", 1));
    assert_eq!(title, "The order has not been confirmed yet");
    let mut world = confirmed();
    for command_type in ["PAYMENT_RECORD_V1", "PAYMENT_REFUND_V1"] {
        for (amount, code) in [(0, "zero"), (-5, "negative")] {
            let (_, refused) = world.refused(command_type, &payment("y1", amount));
            assert_eq!(refused, errors(&[("/amountMinor", code)]));
        }
    }
    let mut francs = payment("y1", 1);
    francs["currency"] = json!("CHF");
    let (_, refused) = world.refused("PAYMENT_RECORD_V1", &francs);
    assert_eq!(refused, errors(&[("/currency", "other-currency")]));
    world.apply("PAYMENT_RECORD_V1", &payment("y1", 9_007_199_254_740_991));
    let (_, refused) = world.refused("PAYMENT_RECORD_V1", &payment("y2", 1));
    assert_eq!(refused, errors(&[("/amountMinor", "overflow")]));
    let twice = world.run("PAYMENT_RECORD_V1", &payment("y1", 1));
    assert!(matches!(twice, Execution::Conflict { reason: ConflictReason::AlreadyExists, .. }));
}

#[test]
fn a_payment_never_meets_a_conflict_with_the_orders_version() {
    let mut world = confirmed();
    for (id, expected) in [("y1", Some(1)), ("y2", Some(77)), ("y3", None)] {
        let expected = expected.map(|version| Version::new(version).unwrap());
        let execution = world.run_expecting("ana", "PAYMENT_RECORD_V1", &payment(id, 1), expected);
        assert!(matches!(execution, Execution::Applied(_)), "{id}");
    }
    assert_eq!(standing(&world), (3, "partly-paid"));
}

#[test]
fn orders_and_payments_of_a_wrong_shape_name_their_fields() {
    let line = json!({ "description": "", "quantity": 0, "unitPriceMinor": 1, "taxRateBp": -1 });
    assert_eq!(
        misfits("SALES_ORDER_UPDATE_V1", &json!({ "orderId": "o1", "lines": [line] })),
        errors(&[
            ("/lines/0/description", "empty"),
            ("/lines/0/quantity", "out-of-range"),
            ("/lines/0/taxRateBp", "out-of-range"),
        ])
    );
    let mut believed = order("o1", json!([]));
    believed["totalMinor"] = json!(1);
    assert_eq!(misfits("SALES_ORDER_CREATE_V1", &believed), errors(&[("", "unknown-field")]));
    let many = json!(vec![lines()[1].clone(); 501]);
    assert_eq!(misfits("SALES_ORDER_CREATE_V1", &order("o1", many)), errors(&[("/lines", "too-many")]));
    let mut wrong = payment("y1", 1);
    wrong["paidOn"] = json!("24.11.2026");
    wrong["currency"] = json!("eur");
    wrong["reference"] = json!("two\nlines");
    assert_eq!(
        misfits("PAYMENT_RECORD_V1", &wrong),
        errors(&[
            ("/currency", "unknown-currency"),
            ("/paidOn", "invalid-date"),
            ("/reference", "control-character")
        ])
    );
    let mut wrong = payment("y1", 1);
    wrong["method"] = json!("cheque");
    assert_eq!(misfits("PAYMENT_REFUND_V1", &wrong), errors(&[("/method", "unknown-variant")]));
    let wrong = json!({ "orderId": "o1", "reason": " " });
    assert_eq!(misfits("SALES_ORDER_CANCEL_V1", &wrong), errors(&[("/reason", "empty")]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn payments_in_any_order_come_to_the_same(
        (amounts, shuffled) in proptest::collection::vec(prop_oneof![1..=10_710_i64, Just(5355)], 0..8)
            .prop_map(|amounts| amounts.into_iter().enumerate().collect::<Vec<_>>())
            .prop_flat_map(|amounts| (Just(amounts.clone()), Just(amounts).prop_shuffle()))
    ) {
        let paid = |order: &[(usize, i64)]| {
            let mut world = confirmed();
            for (index, amount) in order {
                world.apply("PAYMENT_RECORD_V1", &payment(&format!("y{index}"), *amount));
            }
            world.data("sales-order", "o1").clone()
        };
        let one = paid(&amounts);
        prop_assert_eq!(&one, &paid(&shuffled));
        let sum: i64 = amounts.iter().map(|(_, amount)| amount).sum();
        let state = match sum {
            0 => "confirmed",
            1..10_710 => "partly-paid",
            10_710 => "paid",
            _ => "overpaid",
        };
        prop_assert_eq!((&one["paidMinor"], &one["state"]), (&json!(sum), &json!(state)));
    }
}
