//! The generated TypeScript says what the payloads and records are.

use std::path::Path;

use erp::{
    ExpenseCreateV1, ExpenseData, ExpenseState, ExpenseSubmitV1, ExpenseUpdateV1, InvoiceData,
    InvoiceDraftCreateV1, InvoiceDraftUpdateV1, InvoiceLine, InvoiceLineData, InvoiceState, InvoiceTax,
};
use offline_protocol::typescript::TypeScriptModule;

#[test]
fn the_typescript_types_are_those_of_the_erp() {
    let payloads: String = erp::registry()
        .types()
        .iter()
        .map(|info| format!("  {}: {};\n", info.command_type, payload_type(info.command_type.as_str())))
        .collect();
    let preamble = format!(
        "\nimport type {{ RecordId, UserId }} from \"offline-protocol\";\n\n\
         /**\n * The payload of each command type.\n */\n\
         export interface CommandPayloads {{\n{payloads}}}\n\n\
         /**\n * The content of each kind of record.\n */\n\
         export interface RecordData {{\n  {}: ExpenseData;\n  {}: InvoiceData;\n}}",
        erp::EXPENSE,
        erp::INVOICE
    );
    TypeScriptModule::new("erp", &preamble)
        .with::<ExpenseCreateV1>()
        .with::<ExpenseUpdateV1>()
        .with::<ExpenseSubmitV1>()
        .with::<InvoiceLine>()
        .with::<InvoiceDraftCreateV1>()
        .with::<InvoiceDraftUpdateV1>()
        .with::<ExpenseState>()
        .with::<ExpenseData>()
        .with::<InvoiceState>()
        .with::<InvoiceLineData>()
        .with::<InvoiceTax>()
        .with::<InvoiceData>()
        .assert_current(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/src/generated/erp.ts"));
}

/// `EXPENSE_CREATE_V1` has the payload `ExpenseCreateV1`; `tsc` refuses a name that is not declared.
fn payload_type(command_type: &str) -> String {
    let word = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    command_type.split('_').map(word).collect()
}
