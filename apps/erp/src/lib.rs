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

fn build() -> Result<offline_domain::Registry, offline_domain::RegistryError> {
    offline_domain::Registry::new()
        .with(ExpenseCreate)?
        .with(ExpenseUpdate)?
        .with(ExpenseSubmit)?
        .with(InvoiceDraftCreate)?
        .with(InvoiceDraftUpdate)
}
