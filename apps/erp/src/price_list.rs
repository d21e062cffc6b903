use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, Write, form, read_form,
};
use offline_protocol::{FieldError, RecordId};
use serde_json::Value;

use crate::{
    check::{Checks, code_key, key, pair_key, present, refusal},
    product::PRODUCT,
};

/// The kind of the records of price lists. Their ids are the lists' codes.
pub const PRICE_LIST: &str = "price-list";

/// The kind of the records of prices. Their ids are `<price list>:<product>`.
pub const PRICE: &str = "price";

/// The most characters of a price list's name.
const MAX_NAME: usize = 200;

form! {
    /// A price list as the server stores it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct PriceListData {
        /// What it is called.
        pub name as "name": String,
        /// The ISO 4217 code of the currency of all its prices.
        pub currency as "currency": String,
    }
}

form! {
    /// What a product costs by a price list.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct PriceData {
        /// The price list.
        pub price_list as "priceList": String,
        /// The product.
        pub product_id as "productId": RecordId,
        /// The price of one without tax, in the minor unit of the list's currency.
        pub unit_price_minor as "unitPriceMinor": i64,
    }
}

form! {
    /// The payload of `PRICE_LIST_CREATE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct PriceListCreateV1 {
        /// The new list's code, 1 to 32 characters of a-z, 0-9, - and _.
        pub price_list as "priceList": String,
        /// What it is called, 1 to 200 characters.
        pub name as "name": String,
        /// The ISO 4217 code of the currency of all its prices. It stays for ever.
        pub currency as "currency": String,
    }
}

form! {
    /// The payload of `PRICE_SET_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct PriceSetV1 {
        /// The code of the price list.
        pub price_list as "priceList": String,
        /// The product, whose id has at most 95 characters.
        pub product_id as "productId": RecordId,
        /// The price of one without tax, in the minor unit of the list's currency, not negative; null takes the product off the list.
        #[serde(deserialize_with = "present")]
        #[cfg_attr(feature = "typescript", ts(type = "number | null"))]
        pub unit_price_minor as "unitPriceMinor": Option<Option<i64>>,
    }
}

/// Makes a price list.
pub struct PriceListCreate;

impl CommandHandler for PriceListCreate {
    type Payload = PriceListCreateV1;
    const TYPE: &'static str = "PRICE_LIST_CREATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn read(&self, payload: &Value) -> Result<PriceListCreateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &PriceListCreateV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        checks.code("/priceList", &payload.price_list);
        checks.text("/name", &payload.name, MAX_NAME);
        checks.currency("/currency", &payload.currency);
        checks.finish()
    }

    fn touches(&self, payload: &PriceListCreateV1) -> Vec<Touch> {
        vec![Touch::create(code_key(PRICE_LIST, &payload.price_list))]
    }

    fn handle(&self, _: &Context, _: &Records, payload: PriceListCreateV1) -> Result<Effect, Rejection> {
        let list = PriceListData { name: payload.name, currency: payload.currency };
        Ok(Effect::write(code_key(PRICE_LIST, &payload.price_list), list.to_json()))
    }
}

/// Sets the price of a product in a list, or takes it off.
pub struct PriceSet;

impl CommandHandler for PriceSet {
    type Payload = PriceSetV1;
    const TYPE: &'static str = "PRICE_SET_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CheckedWhenGiven;

    fn read(&self, payload: &Value) -> Result<PriceSetV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &PriceSetV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        checks.code("/priceList", &payload.price_list);
        checks.part_of_id("/productId", &payload.product_id);
        match payload.unit_price_minor {
            None => checks.missing("/unitPriceMinor"),
            Some(price) => _ = price.inspect(|price| checks.amount("/unitPriceMinor", *price)),
        }
        checks.finish()
    }

    fn touches(&self, payload: &PriceSetV1) -> Vec<Touch> {
        vec![
            Touch::upsert(pair_key(PRICE, &payload.price_list, &payload.product_id)),
            Touch::require(code_key(PRICE_LIST, &payload.price_list)),
            Touch::require(key(PRODUCT, &payload.product_id)),
        ]
    }

    fn handle(&self, _: &Context, _: &Records, payload: PriceSetV1) -> Result<Effect, Rejection> {
        let price = payload.unit_price_minor.flatten();
        if price.is_some_and(|price| price < 0) {
            let title = "A price must not be negative";
            return Err(refusal(title, "/unitPriceMinor", "negative", "must not be negative"));
        }
        let key = pair_key(PRICE, &payload.price_list, &payload.product_id);
        let price = price.map(|unit_price_minor| PriceData {
            price_list: payload.price_list,
            product_id: payload.product_id,
            unit_price_minor,
        });
        let write = Write { key, data: price.map(|price| price.to_json()) };
        Ok(Effect { writes: vec![write], result: Value::Null })
    }
}
