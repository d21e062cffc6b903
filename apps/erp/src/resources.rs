use offline_domain::Resource;

use crate::{
    CUSTOMER, EXPENSE, INVOICE, INVOICE_SERIES, LEDGER_ENTRY, PAYMENT, PRICE, PRICE_LIST, PRODUCT,
    SALES_ORDER, SETTING, STOCK, STOCK_MOVEMENT,
};

/// The REST faces of the modules. What has no operation can be read.
pub fn resources() -> Vec<Resource> {
    vec![
        Resource::new("expenses", EXPENSE, "expenseId")
            .create("EXPENSE_CREATE_V1")
            .update("EXPENSE_UPDATE_V1")
            .action("submit", "EXPENSE_SUBMIT_V1")
            .action("approve", "EXPENSE_APPROVE_V1")
            .action("reject", "EXPENSE_REJECT_V1"),
        Resource::new("invoices", INVOICE, "invoiceId")
            .create("INVOICE_DRAFT_CREATE_V1")
            .update("INVOICE_DRAFT_UPDATE_V1")
            .action("issue", "INVOICE_ISSUE_V1"),
        Resource::new("invoice-series", INVOICE_SERIES, "series").create("INVOICE_SERIES_OPEN_V1"),
        Resource::new("customers", CUSTOMER, "customerId")
            .create("CUSTOMER_CREATE_V1")
            .update("CUSTOMER_UPDATE_V1"),
        Resource::new("products", PRODUCT, "productId")
            .create("PRODUCT_CREATE_V1")
            .update("PRODUCT_UPDATE_V1"),
        Resource::new("price-lists", PRICE_LIST, "priceList")
            .create("PRICE_LIST_CREATE_V1")
            .action("set-price", "PRICE_SET_V1"),
        Resource::new("prices", PRICE, "price"),
        Resource::new("stock", STOCK, "stock"),
        Resource::new("stock-movements", STOCK_MOVEMENT, "movementId").create("INVENTORY_ADJUST_V1"),
        Resource::new("stock-counts", STOCK_MOVEMENT, "movementId").create("INVENTORY_COUNT_V1"),
        Resource::new("sales-orders", SALES_ORDER, "orderId")
            .create("SALES_ORDER_CREATE_V1")
            .update("SALES_ORDER_UPDATE_V1")
            .action("confirm", "SALES_ORDER_CONFIRM_V1")
            .action("cancel", "SALES_ORDER_CANCEL_V1"),
        Resource::new("payments", PAYMENT, "paymentId").create("PAYMENT_RECORD_V1"),
        Resource::new("refunds", PAYMENT, "paymentId").create("PAYMENT_REFUND_V1"),
        Resource::new("ledger-entries", LEDGER_ENTRY, "entryId").create("LEDGER_POST_V1"),
        Resource::new("ledger-reversals", LEDGER_ENTRY, "entryId").create("LEDGER_REVERSE_V1"),
        Resource::new("settings", SETTING, "name").replace("SETTING_SET_V1"),
    ]
}
