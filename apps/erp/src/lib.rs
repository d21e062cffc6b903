#![doc = include_str!("../README.md")]

mod check;
mod expense;
mod invoice;
mod totals;

pub use expense::{
    EXPENSE, ExpenseCreate, ExpenseCreateV1, ExpenseData, ExpenseState, ExpenseSubmit, ExpenseSubmitV1,
    ExpenseUpdate, ExpenseUpdateV1,
};
pub use invoice::{
    INVOICE, InvoiceData, InvoiceDraftCreate, InvoiceDraftCreateV1, InvoiceDraftUpdate, InvoiceDraftUpdateV1,
    InvoiceLine, InvoiceLineData, InvoiceState, InvoiceTax,
};

/// Every command of the ERP.
pub fn registry() -> offline_domain::Registry {
    build().expect("BUG: the ERP's command types are distinct and well named")
}

/// The REST faces of the modules.
pub fn resources() -> Vec<offline_domain::Resource> {
    use offline_domain::Resource;
    vec![
        Resource::new("expenses", EXPENSE, "expenseId")
            .create("EXPENSE_CREATE_V1")
            .update("EXPENSE_UPDATE_V1")
            .action("submit", "EXPENSE_SUBMIT_V1"),
        Resource::new("invoices", INVOICE, "invoiceId")
            .create("INVOICE_DRAFT_CREATE_V1")
            .update("INVOICE_DRAFT_UPDATE_V1"),
    ]
}

fn build() -> Result<offline_domain::Registry, offline_domain::RegistryError> {
    offline_domain::Registry::new()
        .with(ExpenseCreate)?
        .with(ExpenseUpdate)?
        .with(ExpenseSubmit)?
        .with(InvoiceDraftCreate)?
        .with(InvoiceDraftUpdate)
}
