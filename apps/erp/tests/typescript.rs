//! The generated TypeScript says what the payloads and records are.

use std::path::Path;

use erp::{
    CustomerCreateV1, CustomerData, CustomerState, CustomerUpdateV1, ExpenseApproveV1, ExpenseCreateV1,
    ExpenseData, ExpenseDecision, ExpenseRejectV1, ExpenseState, ExpenseSubmitV1, ExpenseSubmitV2,
    ExpenseUpdateV1, InventoryAdjustV1, InventoryCountV1, InventoryResult, InvoiceData, InvoiceDraftCreateV1,
    InvoiceDraftUpdateV1, InvoiceIssueData, InvoiceIssueResult, InvoiceIssueV1, InvoiceLine, InvoiceLineData,
    InvoiceSeriesData, InvoiceSeriesOpenV1, InvoiceState, InvoiceTax, LedgerEntryData, LedgerLine,
    LedgerPostV1, LedgerReversalData, LedgerReverseV1, LedgerSide, MovementReason, PaymentData,
    PaymentMethod, PaymentRecordV1, PaymentRefundV1, PaymentResult, PostalAddress, PriceData,
    PriceListCreateV1, PriceListData, PriceSetV1, ProductCreateV1, ProductData, ProductSkuData, ProductState,
    ProductUpdateV1, SalesOrderCancelV1, SalesOrderConfirmV1, SalesOrderCreateV1, SalesOrderData,
    SalesOrderLine, SalesOrderLineData, SalesOrderState, SalesOrderUpdateV1, SettingData, SettingSetV1,
    StockData, StockMovementData,
};
use offline_protocol::typescript::TypeScriptModule;

/// What is answered as `result`; every other type answers nothing.
const RESULTS: [(&str, &str); 5] = [
    ("INVENTORY_ADJUST_V1", "InventoryResult"),
    ("INVENTORY_COUNT_V1", "InventoryResult"),
    ("INVOICE_ISSUE_V1", "InvoiceIssueResult"),
    ("PAYMENT_RECORD_V1", "PaymentResult"),
    ("PAYMENT_REFUND_V1", "PaymentResult"),
];

/// The content of each kind of record.
const RECORDS: [(&str, &str); 15] = [
    (erp::CUSTOMER, "CustomerData"),
    (erp::EXPENSE, "ExpenseData & { decision?: ExpenseDecision }"),
    (erp::INVOICE, "InvoiceData & { issue?: InvoiceIssueData }"),
    (erp::INVOICE_SERIES, "InvoiceSeriesData"),
    (erp::LEDGER_ENTRY, "LedgerEntryData"),
    (erp::LEDGER_REVERSAL, "LedgerReversalData"),
    (erp::PAYMENT, "PaymentData"),
    (erp::PRICE, "PriceData"),
    (erp::PRICE_LIST, "PriceListData"),
    (erp::PRODUCT, "ProductData"),
    (erp::PRODUCT_SKU, "ProductSkuData"),
    (erp::SALES_ORDER, "SalesOrderData"),
    (erp::SETTING, "SettingData"),
    (erp::STOCK, "StockData"),
    (erp::STOCK_MOVEMENT, "StockMovementData"),
];

#[test]
fn the_typescript_types_are_those_of_the_erp() {
    let accepted = erp::registry().accepted();
    let payloads = accepted.iter().map(|name| (name.as_str(), payload_type(name.as_str())));
    let preamble = format!(
        "\nimport type {{ RecordId, UserId }} from \"offline-protocol\";\n\n{}\n{}\n{}",
        interface("CommandPayloads", "The payload of each command type.", payloads),
        interface("CommandResults", "The result of each command type that answers something.", RESULTS),
        interface("RecordData", "The content of each kind of record.", RECORDS),
    );
    let module = TypeScriptModule::new("erp", preamble.trim_end());
    let module = records(results(payloads_of(module)));
    module.assert_current(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/src/generated/erp.ts"));
}

fn payloads_of(module: TypeScriptModule) -> TypeScriptModule {
    module
        .with::<CustomerCreateV1>()
        .with::<CustomerUpdateV1>()
        .with::<ExpenseCreateV1>()
        .with::<ExpenseUpdateV1>()
        .with::<ExpenseSubmitV1>()
        .with::<ExpenseSubmitV2>()
        .with::<ExpenseApproveV1>()
        .with::<ExpenseRejectV1>()
        .with::<InventoryAdjustV1>()
        .with::<InventoryCountV1>()
        .with::<InvoiceLine>()
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
        .with::<SalesOrderLine>()
        .with::<SalesOrderCancelV1>()
        .with::<SalesOrderConfirmV1>()
        .with::<SalesOrderCreateV1>()
        .with::<SalesOrderUpdateV1>()
        .with::<SettingSetV1>()
}

fn results(module: TypeScriptModule) -> TypeScriptModule {
    module.with::<InventoryResult>().with::<InvoiceIssueResult>().with::<PaymentResult>()
}

fn records(module: TypeScriptModule) -> TypeScriptModule {
    module
        .with::<PostalAddress>()
        .with::<CustomerState>()
        .with::<CustomerData>()
        .with::<ExpenseState>()
        .with::<ExpenseData>()
        .with::<ExpenseDecision>()
        .with::<InvoiceState>()
        .with::<InvoiceLineData>()
        .with::<InvoiceTax>()
        .with::<InvoiceData>()
        .with::<InvoiceIssueData>()
        .with::<InvoiceSeriesData>()
        .with::<LedgerSide>()
        .with::<LedgerLine>()
        .with::<LedgerEntryData>()
        .with::<LedgerReversalData>()
        .with::<MovementReason>()
        .with::<StockData>()
        .with::<StockMovementData>()
        .with::<PaymentMethod>()
        .with::<PaymentData>()
        .with::<PriceListData>()
        .with::<PriceData>()
        .with::<ProductState>()
        .with::<ProductData>()
        .with::<ProductSkuData>()
        .with::<SalesOrderState>()
        .with::<SalesOrderLineData>()
        .with::<SalesOrderData>()
        .with::<SettingData>()
}

fn interface<'a>(
    name: &str,
    about: &str,
    fields: impl IntoIterator<Item = (&'a str, impl std::fmt::Display)>,
) -> String {
    let quoted = |field: &str| if field.contains('-') { format!("\"{field}\"") } else { field.to_owned() };
    let fields: String =
        fields.into_iter().map(|(field, of)| format!("  {}: {of};\n", quoted(field))).collect();
    format!("/**\n * {about}\n */\nexport interface {name} {{\n{fields}}}\n")
}

/// `EXPENSE_CREATE_V1` has the payload `ExpenseCreateV1`; `tsc` refuses a name that is not declared.
fn payload_type(command_type: &str) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    command_type.split('_').map(word).collect()
}
