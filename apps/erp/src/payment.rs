use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, Write, form, read_form,
};
use offline_protocol::{FieldError, RecordId, UserId};
use serde_json::Value;

use crate::{
    check::{Checks, key, more_than_zero, refusal, stored, sum},
    sales_order::{SALES_ORDER, SalesOrderData, SalesOrderState},
};

/// The kind of the records of payments. They are never written twice.
pub const PAYMENT: &str = "payment";

/// The most characters of a reference.
const MAX_REFERENCE: usize = 140;

form! {
    /// Money that came for a sales order, or went back.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct PaymentData {
        /// The sales order.
        pub order_id as "orderId": RecordId,
        /// How much came, in the currency's minor unit; less than zero when it went back.
        pub amount_minor as "amountMinor": i64,
        /// The ISO 4217 code of the currency, that of the order.
        pub currency as "currency": String,
        /// How it came or went.
        pub method as "method": PaymentMethod,
        /// The day on which it came or went, `YYYY-MM-DD`.
        pub paid_on as "paidOn": String,
        /// What stands on the bank's statement.
        pub reference as "reference": Option<String>,
        /// Who booked it.
        pub recorded_by as "recordedBy": UserId,
    }
}

form! {
    /// How money comes and goes.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub enum PaymentMethod {
        /// Coins and notes.
        Cash as "cash",
        /// A card.
        Card as "card",
        /// A transfer between banks.
        Transfer as "transfer",
        /// Anything else.
        Other as "other",
    }
}

form! {
    /// The payload of `PAYMENT_RECORD_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct PaymentRecordV1 {
        /// The new payment's id, made by the client.
        pub payment_id as "paymentId": RecordId,
        /// The sales order.
        pub order_id as "orderId": RecordId,
        /// How much came, in the currency's minor unit; more than zero.
        pub amount_minor as "amountMinor": i64,
        /// The ISO 4217 code of the currency, that of the order.
        pub currency as "currency": String,
        /// How.
        pub method as "method": PaymentMethod,
        /// The day, `YYYY-MM-DD`.
        pub paid_on as "paidOn": String,
        /// What stands on the bank's statement, 1 to 140 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional = nullable))]
        pub reference as "reference": Option<String>,
    }
}

form! {
    /// The payload of `PAYMENT_REFUND_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct PaymentRefundV1 {
        /// The new payment's id, made by the client.
        pub payment_id as "paymentId": RecordId,
        /// The sales order.
        pub order_id as "orderId": RecordId,
        /// How much went back, in the currency's minor unit; more than zero, and no more than is paid.
        pub amount_minor as "amountMinor": i64,
        /// The ISO 4217 code of the currency, that of the order.
        pub currency as "currency": String,
        /// How.
        pub method as "method": PaymentMethod,
        /// The day, `YYYY-MM-DD`.
        pub paid_on as "paidOn": String,
        /// What stands on the bank's statement, 1 to 140 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional = nullable))]
        pub reference as "reference": Option<String>,
    }
}

form! {
    /// What `PAYMENT_RECORD_V1` and `PAYMENT_REFUND_V1` come to.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct PaymentResult {
        /// What is paid on the order now.
        pub paid_minor as "paidMinor": i64,
        /// What is to be paid.
        pub total_minor as "totalMinor": i64,
        /// Where the order stands now.
        pub state as "state": SalesOrderState,
    }
}

/// Books money that came. It has come, so it is never too much: what is over the total makes the order `overpaid`.
pub struct PaymentRecord;

impl CommandHandler for PaymentRecord {
    type Payload = PaymentRecordV1;
    const TYPE: &'static str = "PAYMENT_RECORD_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Commutes;

    fn read(&self, payload: &Value) -> Result<PaymentRecordV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &PaymentRecordV1) -> Vec<FieldError> {
        check_fields(payload.amount_minor, &payload.currency, &payload.paid_on, payload.reference.as_deref())
    }

    fn touches(&self, payload: &PaymentRecordV1) -> Vec<Touch> {
        vec![
            Touch::update(key(SALES_ORDER, &payload.order_id)),
            Touch::create(key(PAYMENT, &payload.payment_id)),
        ]
    }

    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: PaymentRecordV1,
    ) -> Result<Effect, Rejection> {
        more_than_zero(
            "The amount of a payment must be more than zero",
            "/amountMinor",
            payload.amount_minor,
        )?;
        let payment = PaymentData {
            order_id: payload.order_id,
            amount_minor: payload.amount_minor,
            currency: payload.currency,
            method: payload.method,
            paid_on: payload.paid_on,
            reference: payload.reference,
            recorded_by: context.user_id.clone(),
        };
        book(records, &payload.payment_id, &payment)
    }
}

/// Books money that went back.
pub struct PaymentRefund;

impl CommandHandler for PaymentRefund {
    type Payload = PaymentRefundV1;
    const TYPE: &'static str = "PAYMENT_REFUND_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CheckedWhenGiven;

    fn read(&self, payload: &Value) -> Result<PaymentRefundV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &PaymentRefundV1) -> Vec<FieldError> {
        check_fields(payload.amount_minor, &payload.currency, &payload.paid_on, payload.reference.as_deref())
    }

    fn touches(&self, payload: &PaymentRefundV1) -> Vec<Touch> {
        vec![
            Touch::update(key(SALES_ORDER, &payload.order_id)),
            Touch::create(key(PAYMENT, &payload.payment_id)),
        ]
    }

    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: PaymentRefundV1,
    ) -> Result<Effect, Rejection> {
        more_than_zero(
            "The amount of a refund must be more than zero",
            "/amountMinor",
            payload.amount_minor,
        )?;
        let payment = PaymentData {
            order_id: payload.order_id,
            amount_minor: -payload.amount_minor,
            currency: payload.currency,
            method: payload.method,
            paid_on: payload.paid_on,
            reference: payload.reference,
            recorded_by: context.user_id.clone(),
        };
        book(records, &payload.payment_id, &payment)
    }
}

fn check_fields(amount: i64, currency: &str, paid_on: &str, reference: Option<&str>) -> Vec<FieldError> {
    let mut checks = Checks::new();
    checks.amount("/amountMinor", amount);
    checks.currency("/currency", currency);
    checks.date("/paidOn", paid_on);
    reference.inspect(|text| checks.text("/reference", text, MAX_REFERENCE));
    checks.finish()
}

fn book(records: &Records, payment_id: &RecordId, payment: &PaymentData) -> Result<Effect, Rejection> {
    let order_key = key(SALES_ORDER, &payment.order_id);
    let order: SalesOrderData = stored(records, &order_key)?;
    match order.state {
        SalesOrderState::Draft => return Err(Rejection::new("The order has not been confirmed yet")),
        SalesOrderState::Cancelled => return Err(Rejection::new("The order has been cancelled")),
        _ => {}
    }
    if payment.currency != order.currency {
        let title = "The payment's currency is not that of the order";
        return Err(refusal(title, "/currency", "other-currency", "must be the currency of the order"));
    }
    let paid = sum(order.paid_minor, payment.amount_minor).ok_or_else(|| {
        let message = "comes to more than an amount can hold";
        refusal("The order's amounts are too large", "/amountMinor", "overflow", message)
    })?;
    if paid < 0 {
        let title = "A refund must not be more than what is paid";
        return Err(refusal(title, "/amountMinor", "more-than-paid", "must not be more than what is paid"));
    }
    let order = order.with_paid(paid);
    let result = PaymentResult { paid_minor: paid, total_minor: order.total_minor, state: order.state };
    let writes = vec![
        Write { key: order_key, data: Some(order.to_json()) },
        Write { key: key(PAYMENT, payment_id), data: Some(payment.to_json()) },
    ];
    Ok(Effect { writes, result: result.to_json() })
}
