use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, Write, form, read_form,
};
use offline_protocol::{FieldError, RecordId, RecordKey, UserId};
use serde_json::Value;

use crate::{
    check::{Checks, key, pair_key, refusal, stored, sum},
    product::PRODUCT,
};

/// The kind of the records of what lies where. Their ids are `<location>:<product>`.
pub const STOCK: &str = "stock";

/// The kind of the records of what came and went. They are never written twice.
pub const STOCK_MOVEMENT: &str = "stock-movement";

/// The most that comes or goes at once, or is counted.
const MAX_QUANTITY: i64 = 1_000_000_000;

form! {
    /// How much of a product lies at a place: the sum of its movements.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct StockData {
        /// The product.
        pub product_id as "productId": RecordId,
        /// The place.
        pub location as "location": String,
        /// How many units; less than zero when more was sold than anybody booked in.
        pub quantity as "quantity": i64,
    }
}

form! {
    /// What came or went.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct StockMovementData {
        /// The product.
        pub product_id as "productId": RecordId,
        /// The place.
        pub location as "location": String,
        /// How many units came; less than zero when they went.
        pub delta as "delta": i64,
        /// Why.
        pub reason as "reason": MovementReason,
        /// Who booked it.
        pub recorded_by as "recordedBy": UserId,
    }
}

form! {
    /// Why stock came or went.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub enum MovementReason {
        /// Delivered to us.
        Receipt as "receipt",
        /// Sold.
        Sale as "sale",
        /// Brought back.
        Return as "return",
        /// Broken, spoilt or stolen.
        Loss as "loss",
        /// To or from another place.
        Transfer as "transfer",
        /// Booked wrongly before.
        Correction as "correction",
        /// Counted.
        Count as "count",
    }
}

form! {
    /// The payload of `INVENTORY_ADJUST_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct InventoryAdjustV1 {
        /// The new movement's id, made by the client.
        pub movement_id as "movementId": RecordId,
        /// The product, whose id has at most 95 characters.
        pub product_id as "productId": RecordId,
        /// The place, 1 to 32 characters of a-z, 0-9, - and _.
        pub location as "location": String,
        /// How many units came, up to 1,000,000,000; less than zero when they went; not zero.
        pub delta as "delta": i64,
        /// Why; every reason but `count`.
        pub reason as "reason": MovementReason,
    }
}

form! {
    /// The payload of `INVENTORY_COUNT_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct InventoryCountV1 {
        /// The new movement's id, made by the client. The movement is the difference.
        pub movement_id as "movementId": RecordId,
        /// The product, whose id has at most 95 characters.
        pub product_id as "productId": RecordId,
        /// The place, 1 to 32 characters of a-z, 0-9, - and _.
        pub location as "location": String,
        /// How many units lie there, 0 to 1,000,000,000.
        pub counted as "counted": i64,
    }
}

form! {
    /// What `INVENTORY_ADJUST_V1` and `INVENTORY_COUNT_V1` come to.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct InventoryResult {
        /// How many units lie there now.
        pub quantity as "quantity": i64,
        /// How many came, or went when it is less than zero.
        pub delta as "delta": i64,
    }
}

/// Books what came or went. Any order gives the same sum, so it never meets a conflict, and stock may fall below zero: what left the shelf has left it.
pub struct InventoryAdjust;

impl CommandHandler for InventoryAdjust {
    type Payload = InventoryAdjustV1;
    const TYPE: &'static str = "INVENTORY_ADJUST_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Commutes;

    fn read(&self, payload: &Value) -> Result<InventoryAdjustV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &InventoryAdjustV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        check_place(&mut checks, &payload.location, &payload.product_id);
        checks.range("/delta", payload.delta, -MAX_QUANTITY, MAX_QUANTITY);
        if payload.delta == 0 {
            checks.fail("/delta", "zero", "must not be zero");
        }
        if payload.reason == MovementReason::Count {
            checks.fail("/reason", "reserved", "is the reason of a count");
        }
        checks.finish()
    }

    fn touches(&self, payload: &InventoryAdjustV1) -> Vec<Touch> {
        touches(&payload.location, &payload.product_id, &payload.movement_id)
    }

    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: InventoryAdjustV1,
    ) -> Result<Effect, Rejection> {
        let before = quantity(records, &pair_key(STOCK, &payload.location, &payload.product_id))?;
        let quantity = sum(before, payload.delta).ok_or_else(|| {
            let message = "comes to more than a quantity can hold";
            refusal("The quantity is too large", "/delta", "overflow", message)
        })?;
        let movement = StockMovementData {
            product_id: payload.product_id,
            location: payload.location,
            delta: payload.delta,
            reason: payload.reason,
            recorded_by: context.user_id.clone(),
        };
        Ok(effect(&payload.movement_id, quantity, &movement))
    }
}

/// Sets the stock to what was counted, if nothing has moved since the counting began.
pub struct InventoryCount;

impl CommandHandler for InventoryCount {
    type Payload = InventoryCountV1;
    const TYPE: &'static str = "INVENTORY_COUNT_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn read(&self, payload: &Value) -> Result<InventoryCountV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &InventoryCountV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        check_place(&mut checks, &payload.location, &payload.product_id);
        checks.range("/counted", payload.counted, 0, MAX_QUANTITY);
        checks.finish()
    }

    fn touches(&self, payload: &InventoryCountV1) -> Vec<Touch> {
        touches(&payload.location, &payload.product_id, &payload.movement_id)
    }

    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: InventoryCountV1,
    ) -> Result<Effect, Rejection> {
        let before = quantity(records, &pair_key(STOCK, &payload.location, &payload.product_id))?;
        let delta = sum(payload.counted, -before).ok_or_else(|| {
            let message = "is further from the stock than a quantity can hold";
            refusal("The quantity is too large", "/counted", "overflow", message)
        })?;
        let movement = StockMovementData {
            product_id: payload.product_id,
            location: payload.location,
            delta,
            reason: MovementReason::Count,
            recorded_by: context.user_id.clone(),
        };
        Ok(effect(&payload.movement_id, payload.counted, &movement))
    }
}

fn check_place(checks: &mut Checks, location: &str, product_id: &RecordId) {
    checks.code("/location", location);
    checks.part_of_id("/productId", product_id);
}

fn touches(location: &str, product_id: &RecordId, movement_id: &RecordId) -> Vec<Touch> {
    vec![
        Touch::upsert(pair_key(STOCK, location, product_id)),
        Touch::create(key(STOCK_MOVEMENT, movement_id)),
        Touch::require(key(PRODUCT, product_id)),
    ]
}

fn quantity(records: &Records, key: &RecordKey) -> Result<i64, Rejection> {
    if records.data(key).is_none() {
        return Ok(0);
    }
    stored::<StockData>(records, key).map(|stock| stock.quantity)
}

fn effect(movement_id: &RecordId, quantity: i64, movement: &StockMovementData) -> Effect {
    let stock =
        StockData { product_id: movement.product_id.clone(), location: movement.location.clone(), quantity };
    let writes = vec![
        Write { key: pair_key(STOCK, &stock.location, &stock.product_id), data: Some(stock.to_json()) },
        Write { key: key(STOCK_MOVEMENT, movement_id), data: Some(movement.to_json()) },
    ];
    Effect { writes, result: InventoryResult { quantity, delta: movement.delta }.to_json() }
}
