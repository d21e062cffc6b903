use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, form, read_form,
};
use offline_protocol::{FieldError, RecordId};
use serde_json::Value;

use crate::check::{Checks, key, present, stored};

/// The kind of the records of customers.
pub const CUSTOMER: &str = "customer";

/// The most characters of a name, a street and a city.
const MAX_TEXT: usize = 200;

/// The most characters of an address of electronic mail.
const MAX_EMAIL: usize = 254;

/// The most characters of a VAT number and of a postal code.
const MAX_SHORT: usize = 20;

/// The days in which a customer pays when nobody says otherwise.
const PAYMENT_DAYS: i64 = 30;

form! {
    /// A customer as the server stores it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct CustomerData {
        /// What it is called.
        pub name as "name": String,
        /// Where invoices are sent to.
        pub email as "email": Option<String>,
        /// Its VAT identification number.
        pub vat_number as "vatNumber": Option<String>,
        /// Where it is.
        pub address as "address": Option<PostalAddress>,
        /// In how many days it pays.
        pub payment_days as "paymentDays": i64,
        /// Whether it can order.
        pub state as "state": CustomerState,
    }
}

form! {
    /// Whether a customer can order.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub enum CustomerState {
        /// Can order.
        Active as "active",
        /// Gets no new orders.
        Blocked as "blocked",
    }
}

form! {
    /// Where somebody is.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct PostalAddress {
        /// Street and number, 1 to 200 characters.
        pub street as "street": String,
        /// The postal code, 1 to 20 characters.
        pub postal_code as "postalCode": String,
        /// The city, 1 to 200 characters.
        pub city as "city": String,
        /// The country in two capital letters, as ISO 3166 has them.
        pub country as "country": String,
    }
}

form! {
    /// The payload of `CUSTOMER_CREATE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct CustomerCreateV1 {
        /// The new customer's id, made by the client.
        pub customer_id as "customerId": RecordId,
        /// What it is called, 1 to 200 characters.
        pub name as "name": String,
        /// Where invoices are sent to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional = nullable))]
        pub email as "email": Option<String>,
        /// Its VAT identification number, 1 to 20 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional = nullable))]
        pub vat_number as "vatNumber": Option<String>,
        /// Where it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional = nullable))]
        pub address as "address": Option<PostalAddress>,
        /// In how many days it pays, 0 to 365; 30 when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub payment_days as "paymentDays": Option<i64>,
    }
}

form! {
    /// The payload of `CUSTOMER_UPDATE_V1`: what is absent stays as it is.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct CustomerUpdateV1 {
        /// Which customer.
        pub customer_id as "customerId": RecordId,
        /// What it is called, 1 to 200 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub name as "name": Option<String>,
        /// Where invoices are sent to; null clears it.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional, type = "string | null"))]
        pub email as "email": Option<Option<String>>,
        /// Its VAT identification number, 1 to 20 characters; null clears it.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional, type = "string | null"))]
        pub vat_number as "vatNumber": Option<Option<String>>,
        /// Where it is; null clears it.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional, type = "PostalAddress | null"))]
        pub address as "address": Option<Option<PostalAddress>>,
        /// In how many days it pays, 0 to 365.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub payment_days as "paymentDays": Option<i64>,
        /// Whether it can order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub state as "state": Option<CustomerState>,
    }
}

/// Makes a customer.
pub struct CustomerCreate;

impl CommandHandler for CustomerCreate {
    type Payload = CustomerCreateV1;
    const TYPE: &'static str = "CUSTOMER_CREATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn read(&self, payload: &Value) -> Result<CustomerCreateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &CustomerCreateV1) -> Vec<FieldError> {
        check_fields(Fields {
            name: Some(&payload.name),
            email: payload.email.as_deref(),
            vat_number: payload.vat_number.as_deref(),
            address: payload.address.as_ref(),
            payment_days: payload.payment_days,
        })
    }

    fn touches(&self, payload: &CustomerCreateV1) -> Vec<Touch> {
        vec![Touch::create(key(CUSTOMER, &payload.customer_id))]
    }

    fn handle(&self, _: &Context, _: &Records, payload: CustomerCreateV1) -> Result<Effect, Rejection> {
        let customer = CustomerData {
            name: payload.name,
            email: payload.email,
            vat_number: payload.vat_number,
            address: payload.address,
            payment_days: payload.payment_days.unwrap_or(PAYMENT_DAYS),
            state: CustomerState::Active,
        };
        Ok(Effect::write(key(CUSTOMER, &payload.customer_id), customer.to_json()))
    }
}

/// Changes a customer.
pub struct CustomerUpdate;

impl CommandHandler for CustomerUpdate {
    type Payload = CustomerUpdateV1;
    const TYPE: &'static str = "CUSTOMER_UPDATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn read(&self, payload: &Value) -> Result<CustomerUpdateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &CustomerUpdateV1) -> Vec<FieldError> {
        check_fields(Fields {
            name: payload.name.as_deref(),
            email: payload.email.as_ref().and_then(Option::as_deref),
            vat_number: payload.vat_number.as_ref().and_then(Option::as_deref),
            address: payload.address.as_ref().and_then(Option::as_ref),
            payment_days: payload.payment_days,
        })
    }

    fn touches(&self, payload: &CustomerUpdateV1) -> Vec<Touch> {
        vec![Touch::update(key(CUSTOMER, &payload.customer_id))]
    }

    fn handle(&self, _: &Context, records: &Records, payload: CustomerUpdateV1) -> Result<Effect, Rejection> {
        let key = key(CUSTOMER, &payload.customer_id);
        let old: CustomerData = stored(records, &key)?;
        let customer = CustomerData {
            name: payload.name.unwrap_or(old.name),
            email: payload.email.unwrap_or(old.email),
            vat_number: payload.vat_number.unwrap_or(old.vat_number),
            address: payload.address.unwrap_or(old.address),
            payment_days: payload.payment_days.unwrap_or(old.payment_days),
            state: payload.state.unwrap_or(old.state),
        };
        Ok(Effect::write(key, customer.to_json()))
    }
}

#[derive(Clone, Copy)]
struct Fields<'a> {
    name: Option<&'a str>,
    email: Option<&'a str>,
    vat_number: Option<&'a str>,
    address: Option<&'a PostalAddress>,
    payment_days: Option<i64>,
}

fn check_fields(fields: Fields<'_>) -> Vec<FieldError> {
    let mut checks = Checks::new();
    fields.name.inspect(|text| checks.text("/name", text, MAX_TEXT));
    if let Some(email) = fields.email {
        checks.text("/email", email, MAX_EMAIL);
        if !is_email(email) {
            checks.fail("/email", "invalid-email", "must be an address like ana@example.com");
        }
    }
    fields.vat_number.inspect(|text| checks.text("/vatNumber", text, MAX_SHORT));
    if let Some(address) = fields.address {
        checks.text("/address/street", &address.street, MAX_TEXT);
        checks.text("/address/postalCode", &address.postal_code, MAX_SHORT);
        checks.text("/address/city", &address.city, MAX_TEXT);
        if address.country.len() != 2 || !address.country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            checks.fail("/address/country", "invalid-country", "must be two capital letters, like CH");
        }
    }
    fields.payment_days.inspect(|days| checks.range("/paymentDays", *days, 0, 365));
    checks.finish()
}

/// Something, one `@`, something, no space. Only a mail that arrives proves more.
fn is_email(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    parts.len() == 2 && parts.iter().all(|part| !part.is_empty()) && !text.contains(char::is_whitespace)
}
