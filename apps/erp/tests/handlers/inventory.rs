use offline_domain::Execution;
use offline_protocol::ConflictReason;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{World, errors, misfits};

fn adjust(movement: &str, location: &str, delta: i64) -> Value {
    json!({ "movementId": movement, "productId": "p1", "location": location, "delta": delta, "reason": "sale" })
}

fn count(movement: &str, counted: i64) -> Value {
    json!({ "movementId": movement, "productId": "p1", "location": "shop", "counted": counted })
}

#[test]
fn stock_is_the_sum_of_its_movements_and_may_fall_below_zero() {
    let mut world = World::with_master_data();
    let sold = world.apply("INVENTORY_ADJUST_V1", &adjust("m1", "shop", -3));
    assert_eq!(sold, json!({ "quantity": -3, "delta": -3 }));
    world.apply("INVENTORY_ADJUST_V1", &adjust("m2", "shop", 10));
    world.apply("INVENTORY_ADJUST_V1", &adjust("m3", "cellar", 5));
    assert_eq!(
        world.data("stock", "shop:p1"),
        &json!({ "productId": "p1", "location": "shop", "quantity": 7 })
    );
    assert_eq!(world.data("stock", "cellar:p1")["quantity"], 5);
    assert_eq!(
        world.data("stock-movement", "m1"),
        &json!({ "productId": "p1", "location": "shop", "delta": -3, "reason": "sale", "recordedBy": "ana" })
    );
}

#[test]
fn a_movement_is_booked_once() {
    let mut world = World::with_master_data();
    world.apply("INVENTORY_ADJUST_V1", &adjust("m1", "shop", 1));
    let again = world.run("INVENTORY_ADJUST_V1", &adjust("m1", "shop", 1));
    assert!(matches!(again, Execution::Conflict { reason: ConflictReason::AlreadyExists, .. }));
    assert_eq!(world.data("stock", "shop:p1")["quantity"], 1);
}

#[test]
fn a_count_stands_only_when_nothing_has_moved_meanwhile() {
    let mut world = World::with_master_data();
    // Nothing was ever booked: the version that its author saw is zero.
    assert_eq!(world.apply("INVENTORY_COUNT_V1", &count("m1", 4)), json!({ "quantity": 4, "delta": 4 }));
    assert_eq!(world.apply("INVENTORY_COUNT_V1", &count("m2", 3)), json!({ "quantity": 3, "delta": -1 }));
    assert_eq!(world.data("stock-movement", "m2")["reason"], "count");
    let seen = world.0.version(&crate::world::key("stock", "shop:p1"));
    world.apply("INVENTORY_ADJUST_V1", &adjust("m3", "shop", -1));
    let late = world.run_expecting("ana", "INVENTORY_COUNT_V1", &count("m4", 9), Some(seen));
    assert!(matches!(late, Execution::Conflict { reason: ConflictReason::VersionConflict, .. }));
    let blind = world.run_expecting("ana", "INVENTORY_COUNT_V1", &count("m4", 9), None);
    assert!(matches!(blind, Execution::Rejected(problem) if problem.status == 428));
    assert_eq!(world.data("stock", "shop:p1")["quantity"], 2);
}

#[test]
fn a_movement_needs_a_product_and_a_quantity_that_fits() {
    let mut world = World::default();
    assert_eq!(world.missing("INVENTORY_ADJUST_V1", &adjust("m1", "shop", 1)), "product");
    let mut wrong = adjust("m1", "Shop", 0);
    wrong["reason"] = json!("count");
    assert_eq!(
        misfits("INVENTORY_ADJUST_V1", &wrong),
        errors(&[("/location", "invalid-code"), ("/delta", "zero"), ("/reason", "reserved")])
    );
    for delta in [1_000_000_001, -1_000_000_001, i64::MIN] {
        assert_eq!(
            misfits("INVENTORY_ADJUST_V1", &adjust("m1", "shop", delta)),
            errors(&[("/delta", "out-of-range")])
        );
    }
    assert_eq!(misfits("INVENTORY_COUNT_V1", &count("m1", -1)), errors(&[("/counted", "out-of-range")]));
    let mut world = World::with_master_data();
    let full = json!({ "productId": "p1", "location": "shop", "quantity": 9_007_199_254_740_991_i64 });
    world.put(crate::world::key("stock", "shop:p1"), Some(full));
    let (_, overflow) = world.refused("INVENTORY_ADJUST_V1", &adjust("m1", "shop", 1));
    assert_eq!(overflow, errors(&[("/delta", "overflow")]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_of_movements_comes_to_the_same_stock(
        (deltas, shuffled) in proptest::collection::vec((-1_000_000_000..=1_000_000_000_i64, any::<bool>()), 1..20)
            .prop_map(|deltas| deltas.into_iter().enumerate().filter(|(_, (delta, _))| *delta != 0).collect::<Vec<_>>())
            .prop_flat_map(|deltas| (Just(deltas.clone()), Just(deltas).prop_shuffle()))
    ) {
        let stock = |order: &[(usize, (i64, bool))]| {
            let mut world = World::with_master_data();
            for (index, (delta, in_shop)) in order {
                let place = if *in_shop { "shop" } else { "cellar" };
                world.apply("INVENTORY_ADJUST_V1", &adjust(&format!("m{index}"), place, *delta));
            }
            let quantity = |place: &str| {
                let key = crate::world::key("stock", &format!("{place}:p1"));
                world.0.data(&key).map_or(0, |stock| stock["quantity"].as_i64().unwrap())
            };
            (quantity("shop"), quantity("cellar"))
        };
        let model = |shop: bool| deltas.iter().filter(|(_, (_, in_shop))| *in_shop == shop).map(|(_, (delta, _))| delta).sum::<i64>();
        prop_assert_eq!(stock(&deltas), (model(true), model(false)));
        prop_assert_eq!(stock(&shuffled), (model(true), model(false)));
    }
}
