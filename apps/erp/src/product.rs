use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, Write, form, read_form,
};
use offline_protocol::{FieldError, RecordId};
use serde_json::Value;

use crate::check::{Checks, key, refusal, stored};

/// The kind of the records of products.
pub const PRODUCT: &str = "product";

/// The kind of the records that say whose an SKU is. Their ids are the SKUs.
pub const PRODUCT_SKU: &str = "product-sku";

/// The most characters of a product's name.
const MAX_NAME: usize = 200;

/// The most characters of a unit.
const MAX_UNIT: usize = 16;

form! {
    /// A product as the server stores it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct ProductData {
        /// The number that people know it by, for life.
        pub sku as "sku": RecordId,
        /// What it is called.
        pub name as "name": String,
        /// What one of it is: `piece`, `kg`.
        pub unit as "unit": String,
        /// The tax rate in basis points: 1900 is 19 %.
        pub tax_rate_bp as "taxRateBp": i64,
        /// Whether it is still sold.
        pub state as "state": ProductState,
    }
}

form! {
    /// Whether a product is still sold.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub enum ProductState {
        /// Is sold.
        Active as "active",
        /// Stands in no new order.
        Discontinued as "discontinued",
    }
}

form! {
    /// Whose an SKU is.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct ProductSkuData {
        /// The product.
        pub product_id as "productId": RecordId,
    }
}

form! {
    /// The payload of `PRODUCT_CREATE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct ProductCreateV1 {
        /// The new product's id, made by the client.
        pub product_id as "productId": RecordId,
        /// The number that people know it by, 1 to 128 visible ASCII characters without `/`, `?` and `#`. No two products have the same.
        pub sku as "sku": RecordId,
        /// What it is called, 1 to 200 characters.
        pub name as "name": String,
        /// What one of it is, 1 to 16 characters.
        pub unit as "unit": String,
        /// The tax rate in basis points, 0 to 10,000.
        pub tax_rate_bp as "taxRateBp": i64,
    }
}

form! {
    /// The payload of `PRODUCT_UPDATE_V1`: what is absent stays as it is.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct ProductUpdateV1 {
        /// Which product.
        pub product_id as "productId": RecordId,
        /// What it is called, 1 to 200 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub name as "name": Option<String>,
        /// What one of it is, 1 to 16 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub unit as "unit": Option<String>,
        /// The tax rate in basis points, 0 to 10,000.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub tax_rate_bp as "taxRateBp": Option<i64>,
        /// Whether it is still sold.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub state as "state": Option<ProductState>,
    }
}

/// Makes a product.
pub struct ProductCreate;

impl CommandHandler for ProductCreate {
    type Payload = ProductCreateV1;
    const TYPE: &'static str = "PRODUCT_CREATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn read(&self, payload: &Value) -> Result<ProductCreateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &ProductCreateV1) -> Vec<FieldError> {
        check_fields(Some(&payload.name), Some(&payload.unit), Some(payload.tax_rate_bp))
    }

    fn touches(&self, payload: &ProductCreateV1) -> Vec<Touch> {
        vec![Touch::create(key(PRODUCT, &payload.product_id)), Touch::upsert(key(PRODUCT_SKU, &payload.sku))]
    }

    fn handle(&self, _: &Context, records: &Records, payload: ProductCreateV1) -> Result<Effect, Rejection> {
        let sku = key(PRODUCT_SKU, &payload.sku);
        if records.data(&sku).is_some() {
            let title = "Another product has this SKU";
            return Err(refusal(title, "/sku", "taken", "is that of another product"));
        }
        let owner = ProductSkuData { product_id: payload.product_id.clone() };
        let product = ProductData {
            sku: payload.sku,
            name: payload.name,
            unit: payload.unit,
            tax_rate_bp: payload.tax_rate_bp,
            state: ProductState::Active,
        };
        let writes = vec![
            Write { key: key(PRODUCT, &payload.product_id), data: Some(product.to_json()) },
            Write { key: sku, data: Some(owner.to_json()) },
        ];
        Ok(Effect { writes, result: Value::Null })
    }
}

/// Changes a product.
pub struct ProductUpdate;

impl CommandHandler for ProductUpdate {
    type Payload = ProductUpdateV1;
    const TYPE: &'static str = "PRODUCT_UPDATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn read(&self, payload: &Value) -> Result<ProductUpdateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &ProductUpdateV1) -> Vec<FieldError> {
        check_fields(payload.name.as_deref(), payload.unit.as_deref(), payload.tax_rate_bp)
    }

    fn touches(&self, payload: &ProductUpdateV1) -> Vec<Touch> {
        vec![Touch::update(key(PRODUCT, &payload.product_id))]
    }

    fn handle(&self, _: &Context, records: &Records, payload: ProductUpdateV1) -> Result<Effect, Rejection> {
        let key = key(PRODUCT, &payload.product_id);
        let old: ProductData = stored(records, &key)?;
        let product = ProductData {
            sku: old.sku,
            name: payload.name.unwrap_or(old.name),
            unit: payload.unit.unwrap_or(old.unit),
            tax_rate_bp: payload.tax_rate_bp.unwrap_or(old.tax_rate_bp),
            state: payload.state.unwrap_or(old.state),
        };
        Ok(Effect::write(key, product.to_json()))
    }
}

fn check_fields(name: Option<&str>, unit: Option<&str>, tax_rate_bp: Option<i64>) -> Vec<FieldError> {
    let mut checks = Checks::new();
    name.inspect(|text| checks.text("/name", text, MAX_NAME));
    unit.inspect(|text| checks.text("/unit", text, MAX_UNIT));
    tax_rate_bp.inspect(|rate| checks.range("/taxRateBp", *rate, 0, 10_000));
    checks.finish()
}
