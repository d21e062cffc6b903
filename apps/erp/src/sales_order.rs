use std::cmp::Ordering;

use offline_domain::{Rejection, form};
use offline_protocol::{RecordId, UserId};

use crate::{
    invoice::{InvoiceLineData, InvoiceTax},
    totals::totals,
};

/// The kind of the records of sales orders.
pub const SALES_ORDER: &str = "sales-order";

form! {
    /// A sales order as the server stores it. All amounts but the unit prices are computed by the handlers.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct SalesOrderData {
        /// Who ordered.
        pub customer_id as "customerId": RecordId,
        /// The ISO 4217 code of the currency.
        pub currency as "currency": String,
        /// What was ordered.
        pub lines as "lines": Vec<SalesOrderLineData>,
        /// The taxes, one entry for each rate, in the order of the rates.
        pub taxes as "taxes": Vec<InvoiceTax>,
        /// The sum without tax, in the currency's minor unit.
        pub net_minor as "netMinor": i64,
        /// The taxes' sum.
        pub tax_minor as "taxMinor": i64,
        /// What is to be paid.
        pub total_minor as "totalMinor": i64,
        /// What has been paid, refunds taken off.
        pub paid_minor as "paidMinor": i64,
        /// Where it stands.
        pub state as "state": SalesOrderState,
        /// Why it was cancelled.
        pub cancel_reason as "cancelReason": Option<String>,
        /// Who made it.
        pub created_by as "createdBy": UserId,
    }
}

form! {
    /// Where a sales order stands. From `confirmed` on its payments alone decide.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub enum SalesOrderState {
        /// Can be changed.
        Draft as "draft",
        /// Fixed, and nothing is paid.
        Confirmed as "confirmed",
        /// Less than the total is paid.
        PartlyPaid as "partly-paid",
        /// The total is paid.
        Paid as "paid",
        /// More than the total is paid: the rest is owed to the customer.
        Overpaid as "overpaid",
        /// Called off before anything was paid, or after all was paid back.
        Cancelled as "cancelled",
    }
}

form! {
    /// A line of a stored order.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct SalesOrderLineData {
        /// The product; null for what is none, like a discount.
        pub product_id as "productId": Option<RecordId>,
        /// What is sold.
        pub description as "description": String,
        /// How many.
        pub quantity as "quantity": i64,
        /// The price of one without tax, in the currency's minor unit; negative for a discount.
        pub unit_price_minor as "unitPriceMinor": i64,
        /// The tax rate in basis points: 1900 is 19 %.
        pub tax_rate_bp as "taxRateBp": i64,
        /// Quantity times price.
        pub net_minor as "netMinor": i64,
        /// The line's share of its rate's tax.
        pub tax_minor as "taxMinor": i64,
    }
}

form! {
    /// A line as the client gives it. The price is what was agreed: a till without a network has told it to the customer already.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct SalesOrderLine {
        /// The product, which must exist and still be sold; absent or null for what is none, like a discount.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional = nullable))]
        pub product_id as "productId": Option<RecordId>,
        /// What is sold, 1 to 200 characters.
        pub description as "description": String,
        /// How many, 1 to 1,000,000.
        pub quantity as "quantity": i64,
        /// The price of one without tax, in the currency's minor unit; negative for a discount.
        pub unit_price_minor as "unitPriceMinor": i64,
        /// The tax rate in basis points, 0 to 10,000.
        pub tax_rate_bp as "taxRateBp": i64,
    }
}

form! {
    /// The payload of `SALES_ORDER_CREATE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct SalesOrderCreateV1 {
        /// The new order's id, made by the client.
        pub order_id as "orderId": RecordId,
        /// Who orders. The customer must exist and not be blocked.
        pub customer_id as "customerId": RecordId,
        /// The ISO 4217 code of the currency.
        pub currency as "currency": String,
        /// What is ordered, at most 500 lines.
        pub lines as "lines": Vec<SalesOrderLine>,
    }
}

form! {
    /// The payload of `SALES_ORDER_UPDATE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct SalesOrderUpdateV1 {
        /// Which order; a draft.
        pub order_id as "orderId": RecordId,
        /// All lines anew, at most 500.
        pub lines as "lines": Vec<SalesOrderLine>,
    }
}

form! {
    /// The payload of `SALES_ORDER_CONFIRM_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct SalesOrderConfirmV1 {
        /// Which order; a draft with lines.
        pub order_id as "orderId": RecordId,
    }
}

form! {
    /// The payload of `SALES_ORDER_CANCEL_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct SalesOrderCancelV1 {
        /// Which order; nothing of it may be paid.
        pub order_id as "orderId": RecordId,
        /// Why, 1 to 500 characters.
        pub reason as "reason": String,
    }
}

impl SalesOrderData {
    pub(crate) fn with_lines(self, lines: Vec<SalesOrderLine>) -> Result<Self, Rejection> {
        let (products, lines): (Vec<_>, Vec<_>) = lines.into_iter().map(SalesOrderLine::split).unzip();
        let totals = totals(lines)
            .map_err(|refused| Rejection { title: "The order's amounts are too large".into(), ..refused })?;
        let line = |(product_id, line): (_, InvoiceLineData)| SalesOrderLineData {
            product_id,
            description: line.description,
            quantity: line.quantity,
            unit_price_minor: line.unit_price_minor,
            tax_rate_bp: line.tax_rate_bp,
            net_minor: line.net_minor,
            tax_minor: line.tax_minor,
        };
        Ok(Self {
            lines: products.into_iter().zip(totals.lines).map(line).collect(),
            taxes: totals.taxes,
            net_minor: totals.net_minor,
            tax_minor: totals.tax_minor,
            total_minor: totals.total_minor,
            ..self
        })
    }

    /// A fixed order on which this much is paid: its state follows from the sum, whatever the order of the payments.
    pub(crate) fn with_paid(self, paid_minor: i64) -> Self {
        let state = match paid_minor.cmp(&self.total_minor) {
            Ordering::Equal => SalesOrderState::Paid,
            Ordering::Greater => SalesOrderState::Overpaid,
            Ordering::Less if paid_minor == 0 => SalesOrderState::Confirmed,
            Ordering::Less => SalesOrderState::PartlyPaid,
        };
        Self { paid_minor, state, ..self }
    }
}

impl SalesOrderLine {
    fn split(self) -> (Option<RecordId>, InvoiceLineData) {
        let line = InvoiceLineData {
            description: self.description,
            quantity: self.quantity,
            unit_price_minor: self.unit_price_minor,
            tax_rate_bp: self.tax_rate_bp,
            net_minor: 0,
            tax_minor: 0,
        };
        (self.product_id, line)
    }
}
