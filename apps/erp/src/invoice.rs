use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, form, read_form,
};
use offline_protocol::{FieldError, RecordId, RecordKey, joined};
use serde_json::Value;

use crate::{
    check::{Checks, key},
    totals::totals,
};

/// The kind of the records of invoices.
pub const INVOICE: &str = "invoice";

/// The most lines of an invoice.
const MAX_LINES: usize = 1000;

/// The most characters of a customer's name and of a line's description.
const MAX_TEXT: usize = 200;

form! {
    /// An invoice as the server stores it. All amounts are computed by the handler.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct InvoiceData {
        /// Who is to pay.
        pub customer as "customer": String,
        /// The ISO 4217 code of the currency.
        pub currency as "currency": String,
        /// What is to be paid for.
        pub lines as "lines": Vec<InvoiceLineData>,
        /// The taxes, one entry for each rate, in the order of the rates.
        pub taxes as "taxes": Vec<InvoiceTax>,
        /// The sum without tax, in the currency's minor unit.
        pub net_minor as "netMinor": i64,
        /// The taxes' sum.
        pub tax_minor as "taxMinor": i64,
        /// What is to be paid.
        pub total_minor as "totalMinor": i64,
        /// Where it stands.
        pub state as "state": InvoiceState,
    }
}

form! {
    /// Where an invoice stands.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub enum InvoiceState {
        /// Can be changed, has no number yet.
        Draft as "draft",
        /// Has its number; fixed.
        Issued as "issued",
    }
}

form! {
    /// A line of a stored invoice.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct InvoiceLineData {
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
    /// The tax of one rate.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct InvoiceTax {
        /// The rate in basis points.
        pub tax_rate_bp as "taxRateBp": i64,
        /// The sum of the lines with this rate.
        pub net_minor as "netMinor": i64,
        /// The tax on that sum, rounded half away from zero.
        pub tax_minor as "taxMinor": i64,
    }
}

form! {
    /// A line as the client gives it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct InvoiceLine {
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
    /// The payload of `INVOICE_DRAFT_CREATE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct InvoiceDraftCreateV1 {
        /// The new invoice's id, made by the client.
        pub invoice_id as "invoiceId": RecordId,
        /// Who is to pay, 1 to 200 characters.
        pub customer as "customer": String,
        /// The ISO 4217 code of the currency.
        pub currency as "currency": String,
        /// What is to be paid for, at most 1,000 lines.
        pub lines as "lines": Vec<InvoiceLine>,
    }
}

form! {
    /// The payload of `INVOICE_DRAFT_UPDATE_V1`: what is absent stays as it is.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct InvoiceDraftUpdateV1 {
        /// Which invoice.
        pub invoice_id as "invoiceId": RecordId,
        /// Who is to pay, 1 to 200 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub customer as "customer": Option<String>,
        /// The ISO 4217 code of the currency.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub currency as "currency": Option<String>,
        /// All lines anew, at most 1,000.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub lines as "lines": Option<Vec<InvoiceLine>>,
    }
}

/// Makes a draft invoice.
pub struct InvoiceDraftCreate;

impl CommandHandler for InvoiceDraftCreate {
    type Payload = InvoiceDraftCreateV1;
    const TYPE: &'static str = "INVOICE_DRAFT_CREATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn read(&self, payload: &Value) -> Result<InvoiceDraftCreateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &InvoiceDraftCreateV1) -> Vec<FieldError> {
        check_fields(Some(&payload.customer), Some(&payload.currency), Some(&payload.lines))
    }

    fn touches(&self, payload: &InvoiceDraftCreateV1) -> Vec<Touch> {
        vec![Touch::create(key(INVOICE, &payload.invoice_id))]
    }

    fn handle(&self, _: &Context, _: &Records, payload: InvoiceDraftCreateV1) -> Result<Effect, Rejection> {
        let key = key(INVOICE, &payload.invoice_id);
        store(key, payload.customer, payload.currency, data(payload.lines))
    }
}

/// Changes a draft invoice.
pub struct InvoiceDraftUpdate;

impl CommandHandler for InvoiceDraftUpdate {
    type Payload = InvoiceDraftUpdateV1;
    const TYPE: &'static str = "INVOICE_DRAFT_UPDATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn read(&self, payload: &Value) -> Result<InvoiceDraftUpdateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &InvoiceDraftUpdateV1) -> Vec<FieldError> {
        check_fields(payload.customer.as_deref(), payload.currency.as_deref(), payload.lines.as_deref())
    }

    fn touches(&self, payload: &InvoiceDraftUpdateV1) -> Vec<Touch> {
        vec![Touch::update(key(INVOICE, &payload.invoice_id))]
    }

    fn handle(
        &self,
        _: &Context,
        records: &Records,
        payload: InvoiceDraftUpdateV1,
    ) -> Result<Effect, Rejection> {
        let key = key(INVOICE, &payload.invoice_id);
        let old = draft(records, &key)?;
        store(
            key,
            payload.customer.unwrap_or(old.customer),
            payload.currency.unwrap_or(old.currency),
            payload.lines.map_or(old.lines, data),
        )
    }
}

/// An invoice that can still be changed.
pub(crate) fn draft(records: &Records, key: &RecordKey) -> Result<InvoiceData, Rejection> {
    let invoice: Option<InvoiceData> = records.data(key).and_then(|data| read_form(data).ok());
    let title = match invoice {
        Some(invoice) if invoice.state == InvoiceState::Draft => return Ok(invoice),
        Some(_) => "An issued invoice can no longer be changed",
        None => "The stored invoice cannot be read by this version",
    };
    Err(Rejection::new(title))
}

/// A client's lines as they are stored, their amounts still to be computed.
fn data(lines: Vec<InvoiceLine>) -> Vec<InvoiceLineData> {
    let mut all = Vec::with_capacity(lines.len());
    for InvoiceLine { description, quantity, unit_price_minor, tax_rate_bp } in lines {
        let (net_minor, tax_minor) = (0, 0);
        all.push(InvoiceLineData {
            description,
            quantity,
            unit_price_minor,
            tax_rate_bp,
            net_minor,
            tax_minor,
        });
    }
    all
}

fn check_fields(
    customer: Option<&str>,
    currency: Option<&str>,
    lines: Option<&[InvoiceLine]>,
) -> Vec<FieldError> {
    let mut checks = Checks::new();
    customer.inspect(|text| checks.text("/customer", text, MAX_TEXT));
    currency.inspect(|code| checks.currency("/currency", code));
    let lines = lines.unwrap_or_default();
    checks.count("/lines", lines.len(), MAX_LINES);
    for (index, line) in lines.iter().take(MAX_LINES).enumerate() {
        let field = |name: &str| joined!["/lines/", index, "/", name];
        checks.text(&field("description"), &line.description, MAX_TEXT);
        checks.range(&field("quantity"), line.quantity, 1, 1_000_000);
        checks.amount(&field("unitPriceMinor"), line.unit_price_minor);
        checks.range(&field("taxRateBp"), line.tax_rate_bp, 0, 10_000);
    }
    checks.finish()
}

fn store(
    key: RecordKey,
    customer: String,
    currency: String,
    lines: Vec<InvoiceLineData>,
) -> Result<Effect, Rejection> {
    let totals = totals(lines)?;
    let invoice = InvoiceData {
        customer,
        currency,
        lines: totals.lines,
        taxes: totals.taxes,
        net_minor: totals.net_minor,
        tax_minor: totals.tax_minor,
        total_minor: totals.total_minor,
        state: InvoiceState::Draft,
    };
    Ok(Effect::write(key, invoice.to_json()))
}
