use std::collections::BTreeSet;

use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, read_form,
};
use offline_protocol::{FieldError, RecordId, RecordKey};
use serde_json::Value;

use crate::{
    check::{Checks, field_error, key, refusal, stored},
    customer::{CUSTOMER, CustomerData, CustomerState},
    product::{PRODUCT, ProductData, ProductState},
    sales_order::{
        SALES_ORDER, SalesOrderCancelV1, SalesOrderConfirmV1, SalesOrderCreateV1, SalesOrderData,
        SalesOrderLine, SalesOrderState, SalesOrderUpdateV1,
    },
};

/// The most lines of an order.
const MAX_LINES: usize = 500;

/// The most characters of a line's description.
const MAX_TEXT: usize = 200;

/// The most characters of a reason.
const MAX_REASON: usize = 500;

/// Makes a draft order.
pub struct SalesOrderCreate;

impl CommandHandler for SalesOrderCreate {
    type Payload = SalesOrderCreateV1;
    const TYPE: &'static str = "SALES_ORDER_CREATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn read(&self, payload: &Value) -> Result<SalesOrderCreateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &SalesOrderCreateV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        checks.currency("/currency", &payload.currency);
        check_lines(&mut checks, &payload.lines);
        checks.finish()
    }

    fn touches(&self, payload: &SalesOrderCreateV1) -> Vec<Touch> {
        let own = [
            Touch::create(key(SALES_ORDER, &payload.order_id)),
            Touch::require(key(CUSTOMER, &payload.customer_id)),
        ];
        own.into_iter().chain(products(&payload.lines)).collect()
    }

    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: SalesOrderCreateV1,
    ) -> Result<Effect, Rejection> {
        may_order(records, &payload.customer_id)?;
        are_sold(records, &payload.lines)?;
        let order = SalesOrderData {
            customer_id: payload.customer_id,
            currency: payload.currency,
            lines: Vec::new(),
            taxes: Vec::new(),
            net_minor: 0,
            tax_minor: 0,
            total_minor: 0,
            paid_minor: 0,
            state: SalesOrderState::Draft,
            cancel_reason: None,
            created_by: context.user_id.clone(),
        };
        Ok(Effect::write(key(SALES_ORDER, &payload.order_id), order.with_lines(payload.lines)?.to_json()))
    }
}

/// Changes the lines of a draft order.
pub struct SalesOrderUpdate;

impl CommandHandler for SalesOrderUpdate {
    type Payload = SalesOrderUpdateV1;
    const TYPE: &'static str = "SALES_ORDER_UPDATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn read(&self, payload: &Value) -> Result<SalesOrderUpdateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &SalesOrderUpdateV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        check_lines(&mut checks, &payload.lines);
        checks.finish()
    }

    fn touches(&self, payload: &SalesOrderUpdateV1) -> Vec<Touch> {
        let own = [Touch::update(key(SALES_ORDER, &payload.order_id))];
        own.into_iter().chain(products(&payload.lines)).collect()
    }

    fn handle(
        &self,
        _: &Context,
        records: &Records,
        payload: SalesOrderUpdateV1,
    ) -> Result<Effect, Rejection> {
        let key = key(SALES_ORDER, &payload.order_id);
        let order = draft(records, &key)?;
        are_sold(records, &payload.lines)?;
        Ok(Effect::write(key, order.with_lines(payload.lines)?.to_json()))
    }
}

/// Fixes a draft order.
pub struct SalesOrderConfirm;

impl CommandHandler for SalesOrderConfirm {
    type Payload = SalesOrderConfirmV1;
    const TYPE: &'static str = "SALES_ORDER_CONFIRM_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn read(&self, payload: &Value) -> Result<SalesOrderConfirmV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn touches(&self, payload: &SalesOrderConfirmV1) -> Vec<Touch> {
        vec![Touch::update(key(SALES_ORDER, &payload.order_id))]
    }

    fn handle(
        &self,
        _: &Context,
        records: &Records,
        payload: SalesOrderConfirmV1,
    ) -> Result<Effect, Rejection> {
        let key = key(SALES_ORDER, &payload.order_id);
        let order = draft(records, &key)?;
        if order.lines.is_empty() {
            return Err(Rejection::new("An order without lines cannot be confirmed"));
        }
        if order.total_minor < 0 {
            return Err(Rejection::new("An order whose total is negative cannot be confirmed"));
        }
        let order = SalesOrderData { state: SalesOrderState::Confirmed, ..order };
        Ok(Effect::write(key, order.with_paid(0).to_json()))
    }
}

/// Calls an order off.
pub struct SalesOrderCancel;

impl CommandHandler for SalesOrderCancel {
    type Payload = SalesOrderCancelV1;
    const TYPE: &'static str = "SALES_ORDER_CANCEL_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn read(&self, payload: &Value) -> Result<SalesOrderCancelV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &SalesOrderCancelV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        checks.text("/reason", &payload.reason, MAX_REASON);
        checks.finish()
    }

    fn touches(&self, payload: &SalesOrderCancelV1) -> Vec<Touch> {
        vec![Touch::update(key(SALES_ORDER, &payload.order_id))]
    }

    fn handle(
        &self,
        _: &Context,
        records: &Records,
        payload: SalesOrderCancelV1,
    ) -> Result<Effect, Rejection> {
        let key = key(SALES_ORDER, &payload.order_id);
        let order: SalesOrderData = stored(records, &key)?;
        if order.state == SalesOrderState::Cancelled {
            return Err(Rejection::new("The order has been cancelled already"));
        }
        if order.paid_minor != 0 {
            return Err(Rejection::new("Something is paid on this order: refund it before it is cancelled"));
        }
        let cancel_reason = Some(payload.reason);
        let order = SalesOrderData { state: SalesOrderState::Cancelled, cancel_reason, ..order };
        Ok(Effect::write(key, order.to_json()))
    }
}

fn check_lines(checks: &mut Checks, lines: &[SalesOrderLine]) {
    checks.count("/lines", lines.len(), MAX_LINES);
    for (index, line) in lines.iter().take(MAX_LINES).enumerate() {
        let field = |name: &str| format!("/lines/{index}/{name}");
        checks.text(&field("description"), &line.description, MAX_TEXT);
        checks.range(&field("quantity"), line.quantity, 1, 1_000_000);
        checks.amount(&field("unitPriceMinor"), line.unit_price_minor);
        checks.range(&field("taxRateBp"), line.tax_rate_bp, 0, 10_000);
    }
}

/// The products of the lines, each once.
fn products(lines: &[SalesOrderLine]) -> impl Iterator<Item = Touch> {
    let ids: BTreeSet<&RecordId> = lines.iter().filter_map(|line| line.product_id.as_ref()).collect();
    ids.into_iter().map(|id| Touch::require(key(PRODUCT, id)))
}

/// The server has seen to it that the customer exists; a client that shows the order may not have him at hand.
fn may_order(records: &Records, customer_id: &RecordId) -> Result<(), Rejection> {
    let key = key(CUSTOMER, customer_id);
    if records.data(&key).is_some() && stored::<CustomerData>(records, &key)?.state == CustomerState::Blocked
    {
        let title = "The customer is blocked";
        return Err(refusal(title, "/customerId", "blocked", "is blocked and gets no new orders"));
    }
    Ok(())
}

/// As [`may_order`], for the products.
fn are_sold(records: &Records, lines: &[SalesOrderLine]) -> Result<(), Rejection> {
    let mut errors = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(key) = line.product_id.as_ref().map(|id| key(PRODUCT, id)) else { continue };
        if records.data(&key).is_some()
            && stored::<ProductData>(records, &key)?.state == ProductState::Discontinued
        {
            let pointer = format!("/lines/{index}/productId");
            errors.push(field_error(&pointer, "discontinued", "is no longer sold"));
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(Rejection { title: "A product of this order is no longer sold".into(), errors })
}

fn draft(records: &Records, key: &RecordKey) -> Result<SalesOrderData, Rejection> {
    let order: SalesOrderData = stored(records, key)?;
    match order.state {
        SalesOrderState::Draft => Ok(order),
        SalesOrderState::Cancelled => Err(Rejection::new("A cancelled order can no longer be changed")),
        _ => Err(Rejection::new("A confirmed order can no longer be changed")),
    }
}
