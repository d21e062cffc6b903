//! docs/openapi.json says what the routes and types are.

use std::{borrow::Cow, fs, path::Path};

use erp::{
    CustomerCreateV1, CustomerData, CustomerUpdateV1, ExpenseApproveV1, ExpenseCreateV1, ExpenseData,
    ExpenseRejectV1, ExpenseSubmitV1, ExpenseSubmitV2, ExpenseUpdateV1, InventoryAdjustV1, InventoryCountV1,
    InvoiceData, InvoiceDraftCreateV1, InvoiceDraftUpdateV1, InvoiceIssueData, InvoiceIssueV1,
    InvoiceLineData, InvoiceSeriesData, InvoiceSeriesOpenV1, LedgerEntryData, LedgerPostV1,
    LedgerReversalData, LedgerReverseV1, PaymentData, PaymentRecordV1, PaymentRefundV1, PriceData,
    PriceListCreateV1, PriceListData, PriceSetV1, ProductCreateV1, ProductData, ProductSkuData,
    ProductUpdateV1, SalesOrderCancelV1, SalesOrderConfirmV1, SalesOrderCreateV1, SalesOrderData,
    SalesOrderLineData, SalesOrderUpdateV1, SettingData, SettingSetV1, StockData, StockMovementData,
};
use offline_domain::openapi::{Host, OpenApi};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

#[test]
fn the_openapi_document_is_that_of_the_types() {
    let host = Host { title: "The ERP", payload: payload_type, content: content_type, example, refine };
    let document = records(payloads(OpenApi::new(host).with::<Currency>()))
        .document(&erp::registry(), &erp::resources());
    let text = serde_json::to_string_pretty(&document).expect("JSON serializes") + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        fs::write(&file, &text).expect("docs/openapi.json can be written");
    }
    let current = fs::read_to_string(&file).unwrap_or_default();
    assert!(current == text, "docs/openapi.json has drifted: run this test with UPDATE_GENERATED=1");
}

fn payloads(api: OpenApi) -> OpenApi {
    api.with::<CustomerCreateV1>()
        .with::<CustomerUpdateV1>()
        .with::<ExpenseApproveV1>()
        .with::<ExpenseCreateV1>()
        .with::<ExpenseRejectV1>()
        .with::<ExpenseSubmitV1>()
        .with::<ExpenseSubmitV2>()
        .with::<ExpenseUpdateV1>()
        .with::<InventoryAdjustV1>()
        .with::<InventoryCountV1>()
        .with::<InvoiceDraftCreateV1>()
        .with::<InvoiceDraftUpdateV1>()
        .with::<InvoiceIssueV1>()
        .with::<InvoiceSeriesOpenV1>()
        .with::<LedgerPostV1>()
        .with::<LedgerReverseV1>()
        .with::<PaymentRecordV1>()
        .with::<PaymentRefundV1>()
        .with::<PriceListCreateV1>()
        .with::<PriceSetV1>()
        .with::<ProductCreateV1>()
        .with::<ProductUpdateV1>()
        .with::<SalesOrderCancelV1>()
        .with::<SalesOrderConfirmV1>()
        .with::<SalesOrderCreateV1>()
        .with::<SalesOrderUpdateV1>()
        .with::<SettingSetV1>()
}

fn records(api: OpenApi) -> OpenApi {
    api.with::<CustomerData>()
        .with::<ExpenseData>()
        .with::<InvoiceData>()
        .with::<InvoiceIssueData>()
        .with::<InvoiceLineData>()
        .with::<InvoiceSeriesData>()
        .with::<LedgerEntryData>()
        .with::<LedgerReversalData>()
        .with::<PaymentData>()
        .with::<PriceData>()
        .with::<PriceListData>()
        .with::<ProductData>()
        .with::<ProductSkuData>()
        .with::<SalesOrderData>()
        .with::<SalesOrderLineData>()
        .with::<SettingData>()
        .with::<StockData>()
        .with::<StockMovementData>()
}

/// `EXPENSE_CREATE_V1` has the payload `ExpenseCreateV1`.
fn payload_type(command_type: &str) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    command_type.split('_').map(word).collect()
}

/// `sales-order` has the content `SalesOrderData`.
fn content_type(kind: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    kind.split(['-', '_']).map(word).collect::<String>() + "Data"
}

/// The sample of the corpus.
fn example(command_type: &str) -> Option<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("corpus/{command_type}.json"));
    let sample: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    Some(sample.get("payload").cloned().unwrap_or(sample))
}

/// What the checks of the payloads ask of a field beyond its type. Lengths and ranges are those that its documentation promises.
fn refine(name: &str, field: &mut Value) {
    let about = field["description"].as_str().unwrap_or_default().to_owned();
    if name == "currency" {
        let null = field["type"].is_array().then(|| json!({ "type": "null" }));
        let all: Vec<_> =
            [json!({ "$ref": "#/components/schemas/Currency" })].into_iter().chain(null).collect();
        *field = json!({ "anyOf": all, "description": about });
    }
    let is = |wanted: &str| match &field["type"] {
        Value::Array(types) => types.iter().any(|found| found == wanted),
        found => found == wanted,
    };
    let kinds = ["string", "integer", "array"].map(is);
    if name.ends_with("Minor") && kinds[1] {
        let least = if about.contains("more than zero") { 1 } else { -MAX_AMOUNT };
        (field["minimum"], field["maximum"]) = (json!(least), json!(MAX_AMOUNT));
    }
    if about.contains("`YYYY-MM-DD`") {
        field["format"] = json!("date");
    }
    let Some((least, most, unit)) = promised(&about) else { return };
    match kinds {
        [true, ..] if unit.starts_with(" characters of a-z") => {
            field["pattern"] = json!(format!("^[a-z0-9][a-z0-9_-]{{0,{}}}$", most - 1));
        }
        [true, ..] if unit.starts_with(" characters") => {
            (field["minLength"], field["maxLength"]) = (json!(least), json!(most));
            field["pattern"] = json!("^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$");
        }
        [_, true, _] => (field["minimum"], field["maximum"]) = (json!(least), json!(most)),
        [_, _, true] => (field["minItems"], field["maxItems"]) = (json!(least), json!(most)),
        _ => {}
    }
}

/// What JavaScript holds exactly.
const MAX_AMOUNT: i64 = 9_007_199_254_740_991;

/// Reads "1 to 1,000 characters": the numbers, and what stands behind them.
fn promised(about: &str) -> Option<(u64, u64, &str)> {
    let (before, behind) = about.split_once(" to ")?;
    let least = before.rsplit(' ').next()?.parse().ok()?;
    let end = behind.find(|of: char| !of.is_ascii_digit() && of != ',').unwrap_or(behind.len());
    let digits = behind[..end].trim_end_matches(',');
    Some((least, digits.replace(',', "").parse().ok()?, &behind[digits.len()..]))
}

/// Every code of ISO 4217 that the ERP knows.
struct Currency;

impl JsonSchema for Currency {
    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A code of ISO 4217.", "enum": currencies() })
    }
}

fn currencies() -> Value {
    let letters = || (b'A'..=b'Z').map(char::from);
    let codes =
        letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))));
    codes.filter(|code| iso_currency::Currency::from_code(code).is_some()).collect::<Vec<_>>().into()
}
