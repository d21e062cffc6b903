#![doc = include_str!("../README.md")]

mod check;
mod customer;
mod expense;
mod expense_approval;
mod expense_submit;
mod inventory;
mod invoice;
mod invoice_issue;
mod ledger;
mod payment;
mod price_list;
mod product;
mod resources;
mod sales_order;
mod sales_order_commands;
mod setting;
mod totals;

use offline_domain::{Registry, RegistryError};

pub use customer::{
    CUSTOMER, CustomerCreate, CustomerCreateV1, CustomerData, CustomerState, CustomerUpdate,
    CustomerUpdateV1, PostalAddress,
};
pub use expense::{
    EXPENSE, ExpenseCreate, ExpenseCreateV1, ExpenseData, ExpenseState, ExpenseSubmit, ExpenseSubmitV1,
    ExpenseUpdate, ExpenseUpdateV1,
};
pub use expense_approval::{
    ExpenseApprove, ExpenseApproveV1, ExpenseDecision, ExpenseReject, ExpenseRejectV1,
};
pub use expense_submit::{ExpenseSubmitAll, ExpenseSubmitV2};
pub use inventory::{
    InventoryAdjust, InventoryAdjustV1, InventoryCount, InventoryCountV1, InventoryResult, MovementReason,
    STOCK, STOCK_MOVEMENT, StockData, StockMovementData,
};
pub use invoice::{
    INVOICE, InvoiceData, InvoiceDraftCreate, InvoiceDraftCreateV1, InvoiceDraftUpdate, InvoiceDraftUpdateV1,
    InvoiceLine, InvoiceLineData, InvoiceState, InvoiceTax,
};
pub use invoice_issue::{
    INVOICE_SERIES, InvoiceIssue, InvoiceIssueData, InvoiceIssueResult, InvoiceIssueV1, InvoiceSeriesData,
    InvoiceSeriesOpen, InvoiceSeriesOpenV1,
};
pub use ledger::{
    LEDGER_ENTRY, LEDGER_REVERSAL, LedgerEntryData, LedgerLine, LedgerPost, LedgerPostV1, LedgerReversalData,
    LedgerReverse, LedgerReverseV1, LedgerSide,
};
pub use payment::{
    PAYMENT, PaymentData, PaymentMethod, PaymentRecord, PaymentRecordV1, PaymentRefund, PaymentRefundV1,
    PaymentResult,
};
pub use price_list::{
    PRICE, PRICE_LIST, PriceData, PriceListCreate, PriceListCreateV1, PriceListData, PriceSet, PriceSetV1,
};
pub use product::{
    PRODUCT, PRODUCT_SKU, ProductCreate, ProductCreateV1, ProductData, ProductSkuData, ProductState,
    ProductUpdate, ProductUpdateV1,
};
pub use resources::resources;
pub use sales_order::{
    SALES_ORDER, SalesOrderCancelV1, SalesOrderConfirmV1, SalesOrderCreateV1, SalesOrderData, SalesOrderLine,
    SalesOrderLineData, SalesOrderState, SalesOrderUpdateV1,
};
pub use sales_order_commands::{SalesOrderCancel, SalesOrderConfirm, SalesOrderCreate, SalesOrderUpdate};
pub use setting::{SETTING, SettingData, SettingSet, SettingSetV1};

/// Every command of the ERP: what the server accepts.
pub fn registry() -> Registry {
    all().expect("BUG: the ERP's command types are distinct and well named")
}

/// The commands that the web app sends. What else the ERP knows stays out of what a browser loads, and is refused there as unknown.
pub fn web_registry() -> Registry {
    web().expect("BUG: the web app's command types are distinct and well named")
}

fn web() -> Result<Registry, RegistryError> {
    Registry::new()
        .with(ExpenseCreate)?
        .with(ExpenseUpdate)?
        .with(ExpenseSubmit)?
        .with(InvoiceDraftCreate)?
        .with(InvoiceDraftUpdate)
}

fn all() -> Result<Registry, RegistryError> {
    Registry::new()
        .with(CustomerCreate)?
        .with(CustomerUpdate)?
        .with(ExpenseApprove)?
        .with(ExpenseCreate)?
        .with(ExpenseReject)?
        .with(ExpenseSubmitAll)?
        .with_upcaster("EXPENSE_SUBMIT_V1", "EXPENSE_SUBMIT_V2", expense_submit::from_v1)?
        .with(ExpenseUpdate)?
        .with(InventoryAdjust)?
        .with(InventoryCount)?
        .with(InvoiceDraftCreate)?
        .with(InvoiceDraftUpdate)?
        .with(InvoiceIssue)?
        .with(InvoiceSeriesOpen)?
        .with(LedgerPost)?
        .with(LedgerReverse)?
        .with(PaymentRecord)?
        .with(PaymentRefund)?
        .with(PriceListCreate)?
        .with(PriceSet)?
        .with(ProductCreate)?
        .with(ProductUpdate)?
        .with(SalesOrderCancel)?
        .with(SalesOrderConfirm)?
        .with(SalesOrderCreate)?
        .with(SalesOrderUpdate)?
        .with(SettingSet)
}
