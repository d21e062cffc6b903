// Generated from the Rust types of `erp`. Change those, then run its tests with UPDATE_GENERATED=1.

import type { RecordId, UserId } from "offline-protocol";

/**
 * The payload of each command type.
 */
export interface CommandPayloads {
  CUSTOMER_CREATE_V1: CustomerCreateV1;
  CUSTOMER_UPDATE_V1: CustomerUpdateV1;
  EXPENSE_APPROVE_V1: ExpenseApproveV1;
  EXPENSE_CREATE_V1: ExpenseCreateV1;
  EXPENSE_REJECT_V1: ExpenseRejectV1;
  EXPENSE_SUBMIT_V1: ExpenseSubmitV1;
  EXPENSE_SUBMIT_V2: ExpenseSubmitV2;
  EXPENSE_UPDATE_V1: ExpenseUpdateV1;
  INVENTORY_ADJUST_V1: InventoryAdjustV1;
  INVENTORY_COUNT_V1: InventoryCountV1;
  INVOICE_DRAFT_CREATE_V1: InvoiceDraftCreateV1;
  INVOICE_DRAFT_UPDATE_V1: InvoiceDraftUpdateV1;
  INVOICE_ISSUE_V1: InvoiceIssueV1;
  INVOICE_SERIES_OPEN_V1: InvoiceSeriesOpenV1;
  LEDGER_POST_V1: LedgerPostV1;
  LEDGER_REVERSE_V1: LedgerReverseV1;
  PAYMENT_RECORD_V1: PaymentRecordV1;
  PAYMENT_REFUND_V1: PaymentRefundV1;
  PRICE_LIST_CREATE_V1: PriceListCreateV1;
  PRICE_SET_V1: PriceSetV1;
  PRODUCT_CREATE_V1: ProductCreateV1;
  PRODUCT_UPDATE_V1: ProductUpdateV1;
  SALES_ORDER_CANCEL_V1: SalesOrderCancelV1;
  SALES_ORDER_CONFIRM_V1: SalesOrderConfirmV1;
  SALES_ORDER_CREATE_V1: SalesOrderCreateV1;
  SALES_ORDER_UPDATE_V1: SalesOrderUpdateV1;
  SETTING_SET_V1: SettingSetV1;
}

/**
 * The result of each command type that answers something.
 */
export interface CommandResults {
  INVENTORY_ADJUST_V1: InventoryResult;
  INVENTORY_COUNT_V1: InventoryResult;
  INVOICE_ISSUE_V1: InvoiceIssueResult;
  PAYMENT_RECORD_V1: PaymentResult;
  PAYMENT_REFUND_V1: PaymentResult;
}

/**
 * The content of each kind of record.
 */
export interface RecordData {
  customer: CustomerData;
  expense: ExpenseData & { decision?: ExpenseDecision };
  invoice: InvoiceData & { issue?: InvoiceIssueData };
  "invoice-series": InvoiceSeriesData;
  "ledger-entry": LedgerEntryData;
  "ledger-reversal": LedgerReversalData;
  payment: PaymentData;
  price: PriceData;
  "price-list": PriceListData;
  product: ProductData;
  "product-sku": ProductSkuData;
  "sales-order": SalesOrderData;
  setting: SettingData;
  stock: StockData;
  "stock-movement": StockMovementData;
}

/**
 * The payload of `CUSTOMER_CREATE_V1`.
 */
export type CustomerCreateV1 = {
/**
 * The new customer's id, made by the client.
 */
customerId: RecordId,
/**
 * What it is called, 1 to 200 characters.
 */
name: string,
/**
 * Where invoices are sent to.
 */
email?: string | null,
/**
 * Its VAT identification number, 1 to 20 characters.
 */
vatNumber?: string | null,
/**
 * Where it is.
 */
address?: PostalAddress | null,
/**
 * In how many days it pays, 0 to 365; 30 when absent.
 */
paymentDays?: number, };

/**
 * The payload of `CUSTOMER_UPDATE_V1`: what is absent stays as it is.
 */
export type CustomerUpdateV1 = {
/**
 * Which customer.
 */
customerId: RecordId,
/**
 * What it is called, 1 to 200 characters.
 */
name?: string,
/**
 * Where invoices are sent to; null clears it.
 */
email?: string | null,
/**
 * Its VAT identification number, 1 to 20 characters; null clears it.
 */
vatNumber?: string | null,
/**
 * Where it is; null clears it.
 */
address?: PostalAddress | null,
/**
 * In how many days it pays, 0 to 365.
 */
paymentDays?: number,
/**
 * Whether it can order.
 */
state?: CustomerState, };

/**
 * The payload of `EXPENSE_CREATE_V1`.
 */
export type ExpenseCreateV1 = {
/**
 * The new expense's id, made by the client.
 */
expenseId: RecordId,
/**
 * What the money was spent for, 1 to 500 characters.
 */
description: string,
/**
 * How much, in the currency's minor unit; more than zero.
 */
amountMinor: number,
/**
 * The ISO 4217 code of the currency.
 */
currency: string,
/**
 * The day on which it was spent, `YYYY-MM-DD`.
 */
spentOn: string,
/**
 * What sort of expense, 1 to 64 characters.
 */
category?: string | null, };

/**
 * The payload of `EXPENSE_UPDATE_V1`: what is absent stays as it is.
 */
export type ExpenseUpdateV1 = {
/**
 * Which expense.
 */
expenseId: RecordId,
/**
 * What the money was spent for, 1 to 500 characters.
 */
description?: string,
/**
 * How much, in the currency's minor unit; more than zero.
 */
amountMinor?: number,
/**
 * The ISO 4217 code of the currency.
 */
currency?: string,
/**
 * The day on which it was spent, `YYYY-MM-DD`.
 */
spentOn?: string,
/**
 * What sort of expense, 1 to 64 characters; null clears it.
 */
category?: string | null, };

/**
 * The payload of `EXPENSE_SUBMIT_V1`.
 */
export type ExpenseSubmitV1 = {
/**
 * Which expense.
 */
expenseId: RecordId, };

/**
 * The payload of `EXPENSE_SUBMIT_V2`.
 */
export type ExpenseSubmitV2 = {
/**
 * Which expenses, 1 to 100, none of them twice. All are handed in, or none.
 */
expenseIds: Array<RecordId>, };

/**
 * The payload of `EXPENSE_APPROVE_V1`.
 */
export type ExpenseApproveV1 = {
/**
 * Which expense; a submitted one of somebody else.
 */
expenseId: RecordId, };

/**
 * The payload of `EXPENSE_REJECT_V1`.
 */
export type ExpenseRejectV1 = {
/**
 * Which expense; a submitted one of somebody else.
 */
expenseId: RecordId,
/**
 * Why, 1 to 500 characters.
 */
reason: string, };

/**
 * The payload of `INVENTORY_ADJUST_V1`.
 */
export type InventoryAdjustV1 = {
/**
 * The new movement's id, made by the client.
 */
movementId: RecordId,
/**
 * The product, whose id has at most 95 characters.
 */
productId: RecordId,
/**
 * The place, 1 to 32 characters of a-z, 0-9, - and _.
 */
location: string,
/**
 * How many units came, up to 1,000,000,000; less than zero when they went; not zero.
 */
delta: number,
/**
 * Why; every reason but `count`.
 */
reason: MovementReason, };

/**
 * The payload of `INVENTORY_COUNT_V1`.
 */
export type InventoryCountV1 = {
/**
 * The new movement's id, made by the client. The movement is the difference.
 */
movementId: RecordId,
/**
 * The product, whose id has at most 95 characters.
 */
productId: RecordId,
/**
 * The place, 1 to 32 characters of a-z, 0-9, - and _.
 */
location: string,
/**
 * How many units lie there, 0 to 1,000,000,000.
 */
counted: number, };

/**
 * A line as the client gives it.
 */
export type InvoiceLine = {
/**
 * What is sold, 1 to 200 characters.
 */
description: string,
/**
 * How many, 1 to 1,000,000.
 */
quantity: number,
/**
 * The price of one without tax, in the currency's minor unit; negative for a discount.
 */
unitPriceMinor: number,
/**
 * The tax rate in basis points, 0 to 10,000.
 */
taxRateBp: number, };

/**
 * The payload of `INVOICE_DRAFT_CREATE_V1`.
 */
export type InvoiceDraftCreateV1 = {
/**
 * The new invoice's id, made by the client.
 */
invoiceId: RecordId,
/**
 * Who is to pay, 1 to 200 characters.
 */
customer: string,
/**
 * The ISO 4217 code of the currency.
 */
currency: string,
/**
 * What is to be paid for, at most 1,000 lines.
 */
lines: Array<InvoiceLine>, };

/**
 * The payload of `INVOICE_DRAFT_UPDATE_V1`: what is absent stays as it is.
 */
export type InvoiceDraftUpdateV1 = {
/**
 * Which invoice.
 */
invoiceId: RecordId,
/**
 * Who is to pay, 1 to 200 characters.
 */
customer?: string,
/**
 * The ISO 4217 code of the currency.
 */
currency?: string,
/**
 * All lines anew, at most 1,000.
 */
lines?: Array<InvoiceLine>, };

/**
 * The payload of `INVOICE_ISSUE_V1`.
 */
export type InvoiceIssueV1 = {
/**
 * Which invoice; a draft with lines.
 */
invoiceId: RecordId,
/**
 * The series that its number is from, which must be open.
 */
series: string,
/**
 * The day on which it is issued, `YYYY-MM-DD`.
 */
issuedOn: string,
/**
 * The day until which it is to be paid, `YYYY-MM-DD`, not before that.
 */
dueOn?: string | null, };

/**
 * The payload of `INVOICE_SERIES_OPEN_V1`.
 */
export type InvoiceSeriesOpenV1 = {
/**
 * The new series' code, 1 to 32 characters of a-z, 0-9, - and _.
 */
series: string,
/**
 * What stands before the number, 1 to 20 characters; nothing when absent. No other series may have it, nor one that is the same but for
 * digits at the end of either: `A` and `A1` both come to `A10001`.
 */
prefix?: string,
/**
 * How many digits a number has at least, 1 to 12; 5 when absent.
 */
digits?: number,
/**
 * The first number, 1 to 999,999,999,999; 1 when absent.
 */
firstNumber?: number, };

/**
 * The payload of `LEDGER_POST_V1`.
 */
export type LedgerPostV1 = {
/**
 * The new entry's id, made by the client.
 */
entryId: RecordId,
/**
 * The day it counts for, `YYYY-MM-DD`.
 */
postedOn: string,
/**
 * The ISO 4217 code of the currency of all lines.
 */
currency: string,
/**
 * What happened, 1 to 500 characters.
 */
description: string,
/**
 * What went where, 2 to 500 lines, debits and credits in balance.
 */
lines: Array<LedgerLine>, };

/**
 * The payload of `LEDGER_REVERSE_V1`.
 */
export type LedgerReverseV1 = {
/**
 * The new entry's id, made by the client.
 */
entryId: RecordId,
/**
 * The entry to take back. Once, and no reversal itself.
 */
reverses: RecordId,
/**
 * The day it counts for, `YYYY-MM-DD`.
 */
postedOn: string,
/**
 * Why, 1 to 500 characters.
 */
description: string, };

/**
 * The payload of `PAYMENT_RECORD_V1`.
 */
export type PaymentRecordV1 = {
/**
 * The new payment's id, made by the client.
 */
paymentId: RecordId,
/**
 * The sales order.
 */
orderId: RecordId,
/**
 * How much came, in the currency's minor unit; more than zero.
 */
amountMinor: number,
/**
 * The ISO 4217 code of the currency, that of the order.
 */
currency: string,
/**
 * How.
 */
method: PaymentMethod,
/**
 * The day, `YYYY-MM-DD`.
 */
paidOn: string,
/**
 * What stands on the bank's statement, 1 to 140 characters.
 */
reference?: string | null, };

/**
 * The payload of `PAYMENT_REFUND_V1`.
 */
export type PaymentRefundV1 = {
/**
 * The new payment's id, made by the client.
 */
paymentId: RecordId,
/**
 * The sales order.
 */
orderId: RecordId,
/**
 * How much went back, in the currency's minor unit; more than zero, and no more than is paid.
 */
amountMinor: number,
/**
 * The ISO 4217 code of the currency, that of the order.
 */
currency: string,
/**
 * How.
 */
method: PaymentMethod,
/**
 * The day, `YYYY-MM-DD`.
 */
paidOn: string,
/**
 * What stands on the bank's statement, 1 to 140 characters.
 */
reference?: string | null, };

/**
 * The payload of `PRICE_LIST_CREATE_V1`.
 */
export type PriceListCreateV1 = {
/**
 * The new list's code, 1 to 32 characters of a-z, 0-9, - and _.
 */
priceList: string,
/**
 * What it is called, 1 to 200 characters.
 */
name: string,
/**
 * The ISO 4217 code of the currency of all its prices. It stays for ever.
 */
currency: string, };

/**
 * The payload of `PRICE_SET_V1`.
 */
export type PriceSetV1 = {
/**
 * The code of the price list.
 */
priceList: string,
/**
 * The product, whose id has at most 95 characters.
 */
productId: RecordId,
/**
 * The price of one without tax, in the minor unit of the list's currency, not negative; null takes the product off the list.
 */
unitPriceMinor: number | null, };

/**
 * The payload of `PRODUCT_CREATE_V1`.
 */
export type ProductCreateV1 = {
/**
 * The new product's id, made by the client.
 */
productId: RecordId,
/**
 * The number that people know it by, 1 to 128 visible ASCII characters without `/`, `?` and `#`. No two products have the same.
 */
sku: RecordId,
/**
 * What it is called, 1 to 200 characters.
 */
name: string,
/**
 * What one of it is, 1 to 16 characters.
 */
unit: string,
/**
 * The tax rate in basis points, 0 to 10,000.
 */
taxRateBp: number, };

/**
 * The payload of `PRODUCT_UPDATE_V1`: what is absent stays as it is.
 */
export type ProductUpdateV1 = {
/**
 * Which product.
 */
productId: RecordId,
/**
 * What it is called, 1 to 200 characters.
 */
name?: string,
/**
 * What one of it is, 1 to 16 characters.
 */
unit?: string,
/**
 * The tax rate in basis points, 0 to 10,000.
 */
taxRateBp?: number,
/**
 * Whether it is still sold.
 */
state?: ProductState, };

/**
 * A line as the client gives it. The price is what was agreed: a till without a network has told it to the customer already.
 */
export type SalesOrderLine = {
/**
 * The product, which must exist and still be sold; absent or null for what is none, like a discount.
 */
productId?: RecordId | null,
/**
 * What is sold, 1 to 200 characters.
 */
description: string,
/**
 * How many, 1 to 1,000,000.
 */
quantity: number,
/**
 * The price of one without tax, in the currency's minor unit; negative for a discount.
 */
unitPriceMinor: number,
/**
 * The tax rate in basis points, 0 to 10,000.
 */
taxRateBp: number, };

/**
 * The payload of `SALES_ORDER_CANCEL_V1`.
 */
export type SalesOrderCancelV1 = {
/**
 * Which order; nothing of it may be paid.
 */
orderId: RecordId,
/**
 * Why, 1 to 500 characters.
 */
reason: string, };

/**
 * The payload of `SALES_ORDER_CONFIRM_V1`.
 */
export type SalesOrderConfirmV1 = {
/**
 * Which order; a draft with lines.
 */
orderId: RecordId, };

/**
 * The payload of `SALES_ORDER_CREATE_V1`.
 */
export type SalesOrderCreateV1 = {
/**
 * The new order's id, made by the client.
 */
orderId: RecordId,
/**
 * Who orders. The customer must exist and not be blocked.
 */
customerId: RecordId,
/**
 * The ISO 4217 code of the currency.
 */
currency: string,
/**
 * What is ordered, at most 500 lines.
 */
lines: Array<SalesOrderLine>, };

/**
 * The payload of `SALES_ORDER_UPDATE_V1`.
 */
export type SalesOrderUpdateV1 = {
/**
 * Which order; a draft.
 */
orderId: RecordId,
/**
 * All lines anew, at most 500.
 */
lines: Array<SalesOrderLine>, };

/**
 * The payload of `SETTING_SET_V1`.
 */
export type SettingSetV1 = {
/**
 * The setting's name, 1 to 64 characters of a-z, 0-9, `.`, `-` and `_`.
 */
name: RecordId,
/**
 * What it is set to, at most 4,000 characters, whose meaning is that of the application; null clears it.
 */
value: string | null, };

/**
 * What `INVENTORY_ADJUST_V1` and `INVENTORY_COUNT_V1` come to.
 */
export type InventoryResult = {
/**
 * How many units lie there now.
 */
quantity: number,
/**
 * How many came, or went when it is less than zero.
 */
delta: number, };

/**
 * What `INVOICE_ISSUE_V1` comes to. Only the server knows it.
 */
export type InvoiceIssueResult = {
/**
 * The number as it is printed.
 */
number: string,
/**
 * Its place in the series.
 */
sequence: number, };

/**
 * What `PAYMENT_RECORD_V1` and `PAYMENT_REFUND_V1` come to.
 */
export type PaymentResult = {
/**
 * What is paid on the order now.
 */
paidMinor: number,
/**
 * What is to be paid.
 */
totalMinor: number,
/**
 * Where the order stands now.
 */
state: SalesOrderState, };

/**
 * Where somebody is.
 */
export type PostalAddress = {
/**
 * Street and number, 1 to 200 characters.
 */
street: string,
/**
 * The postal code, 1 to 20 characters.
 */
postalCode: string,
/**
 * The city, 1 to 200 characters.
 */
city: string,
/**
 * The country in two capital letters, as ISO 3166 has them.
 */
country: string, };

/**
 * Whether a customer can order.
 */
export type CustomerState = "active" | "blocked";

/**
 * A customer as the server stores it.
 */
export type CustomerData = {
/**
 * What it is called.
 */
name: string,
/**
 * Where invoices are sent to.
 */
email: string | null,
/**
 * Its VAT identification number.
 */
vatNumber: string | null,
/**
 * Where it is.
 */
address: PostalAddress | null,
/**
 * In how many days it pays.
 */
paymentDays: number,
/**
 * Whether it can order.
 */
state: CustomerState, };

/**
 * Where an expense stands.
 */
export type ExpenseState = "draft" | "submitted" | "approved" | "rejected";

/**
 * An expense as the server stores it.
 */
export type ExpenseData = {
/**
 * What the money was spent for.
 */
description: string,
/**
 * How much, in the currency's minor unit; more than zero.
 */
amountMinor: number,
/**
 * The ISO 4217 code of the currency.
 */
currency: string,
/**
 * The day on which it was spent, `YYYY-MM-DD`.
 */
spentOn: string,
/**
 * What sort of expense, in the user's words.
 */
category: string | null,
/**
 * Where it stands.
 */
state: ExpenseState,
/**
 * Who made it.
 */
createdBy: UserId, };

/**
 * What a decided expense holds beside [`ExpenseData`], as `decision`.
 */
export type ExpenseDecision = {
/**
 * Who decided.
 */
by: UserId,
/**
 * Why it was rejected.
 */
reason: string | null, };

/**
 * Where an invoice stands.
 */
export type InvoiceState = "draft" | "issued";

/**
 * A line of a stored invoice.
 */
export type InvoiceLineData = {
/**
 * What is sold.
 */
description: string,
/**
 * How many.
 */
quantity: number,
/**
 * The price of one without tax, in the currency's minor unit; negative for a discount.
 */
unitPriceMinor: number,
/**
 * The tax rate in basis points: 1900 is 19 %.
 */
taxRateBp: number,
/**
 * Quantity times price.
 */
netMinor: number,
/**
 * The line's share of its rate's tax.
 */
taxMinor: number, };

/**
 * The tax of one rate.
 */
export type InvoiceTax = {
/**
 * The rate in basis points.
 */
taxRateBp: number,
/**
 * The sum of the lines with this rate.
 */
netMinor: number,
/**
 * The tax on that sum, rounded half away from zero.
 */
taxMinor: number, };

/**
 * An invoice as the server stores it. All amounts are computed by the handler.
 */
export type InvoiceData = {
/**
 * Who is to pay.
 */
customer: string,
/**
 * The ISO 4217 code of the currency.
 */
currency: string,
/**
 * What is to be paid for.
 */
lines: Array<InvoiceLineData>,
/**
 * The taxes, one entry for each rate, in the order of the rates.
 */
taxes: Array<InvoiceTax>,
/**
 * The sum without tax, in the currency's minor unit.
 */
netMinor: number,
/**
 * The taxes' sum.
 */
taxMinor: number,
/**
 * What is to be paid.
 */
totalMinor: number,
/**
 * Where it stands.
 */
state: InvoiceState, };

/**
 * What an issued invoice holds beside [`InvoiceData`], as `issue`.
 */
export type InvoiceIssueData = {
/**
 * The number as it is printed.
 */
number: string,
/**
 * The series it is from.
 */
series: string,
/**
 * Its place in the series.
 */
sequence: number,
/**
 * The day on which it was issued, `YYYY-MM-DD`.
 */
issuedOn: string,
/**
 * The day until which it is to be paid, `YYYY-MM-DD`.
 */
dueOn: string | null,
/**
 * Who issued it.
 */
issuedBy: UserId, };

/**
 * A series of invoice numbers. Commands of one workspace are executed one after the other, so that a number is given once and none is left out.
 *
 * No two series may be opened that could come to the same number. Some that were opened before this rule have one prefix: they count on
 * together, each beginning behind the number that any of them has come to.
 */
export type InvoiceSeriesData = {
/**
 * What stands before the number.
 */
prefix: string,
/**
 * How many digits a number has at least.
 */
digits: number,
/**
 * The number that the next invoice gets.
 */
nextNumber: number, };

/**
 * A side of the ledger.
 */
export type LedgerSide = "debit" | "credit";

/**
 * A line of an entry.
 */
export type LedgerLine = {
/**
 * The account, 1 to 32 characters of a-z, 0-9, - and _.
 */
account: string,
/**
 * On which side.
 */
side: LedgerSide,
/**
 * How much, in the currency's minor unit; more than zero.
 */
amountMinor: number, };

/**
 * An entry of the ledger. It never changes.
 */
export type LedgerEntryData = {
/**
 * The day it counts for, `YYYY-MM-DD`.
 */
postedOn: string,
/**
 * The ISO 4217 code of the currency of all lines.
 */
currency: string,
/**
 * What happened.
 */
description: string,
/**
 * What went where: the debits come to as much as the credits.
 */
lines: Array<LedgerLine>,
/**
 * The entry that this one takes back.
 */
reverses: RecordId | null,
/**
 * Who posted it.
 */
postedBy: UserId, };

/**
 * What reverses an entry.
 */
export type LedgerReversalData = {
/**
 * The entry that takes it back.
 */
entryId: RecordId, };

/**
 * Why stock came or went.
 */
export type MovementReason = "receipt" | "sale" | "return" | "loss" | "transfer" | "correction" | "count";

/**
 * How much of a product lies at a place: the sum of its movements.
 */
export type StockData = {
/**
 * The product.
 */
productId: RecordId,
/**
 * The place.
 */
location: string,
/**
 * How many units; less than zero when more was sold than anybody booked in.
 */
quantity: number, };

/**
 * What came or went.
 */
export type StockMovementData = {
/**
 * The product.
 */
productId: RecordId,
/**
 * The place.
 */
location: string,
/**
 * How many units came; less than zero when they went.
 */
delta: number,
/**
 * Why.
 */
reason: MovementReason,
/**
 * Who booked it.
 */
recordedBy: UserId, };

/**
 * How money comes and goes.
 */
export type PaymentMethod = "cash" | "card" | "transfer" | "other";

/**
 * Money that came for a sales order, or went back.
 */
export type PaymentData = {
/**
 * The sales order.
 */
orderId: RecordId,
/**
 * How much came, in the currency's minor unit; less than zero when it went back.
 */
amountMinor: number,
/**
 * The ISO 4217 code of the currency, that of the order.
 */
currency: string,
/**
 * How it came or went.
 */
method: PaymentMethod,
/**
 * The day on which it came or went, `YYYY-MM-DD`.
 */
paidOn: string,
/**
 * What stands on the bank's statement.
 */
reference: string | null,
/**
 * Who booked it.
 */
recordedBy: UserId, };

/**
 * A price list as the server stores it.
 */
export type PriceListData = {
/**
 * What it is called.
 */
name: string,
/**
 * The ISO 4217 code of the currency of all its prices.
 */
currency: string, };

/**
 * What a product costs by a price list.
 */
export type PriceData = {
/**
 * The price list.
 */
priceList: string,
/**
 * The product.
 */
productId: RecordId,
/**
 * The price of one without tax, in the minor unit of the list's currency.
 */
unitPriceMinor: number, };

/**
 * Whether a product is still sold.
 */
export type ProductState = "active" | "discontinued";

/**
 * A product as the server stores it.
 */
export type ProductData = {
/**
 * The number that people know it by, for life.
 */
sku: RecordId,
/**
 * What it is called.
 */
name: string,
/**
 * What one of it is: `piece`, `kg`.
 */
unit: string,
/**
 * The tax rate in basis points: 1900 is 19 %.
 */
taxRateBp: number,
/**
 * Whether it is still sold.
 */
state: ProductState, };

/**
 * Whose an SKU is.
 */
export type ProductSkuData = {
/**
 * The product.
 */
productId: RecordId, };

/**
 * Where a sales order stands. From `confirmed` on its payments alone decide.
 */
export type SalesOrderState = "draft" | "confirmed" | "partly-paid" | "paid" | "overpaid" | "cancelled";

/**
 * A line of a stored order.
 */
export type SalesOrderLineData = {
/**
 * The product; null for what is none, like a discount.
 */
productId: RecordId | null,
/**
 * What is sold.
 */
description: string,
/**
 * How many.
 */
quantity: number,
/**
 * The price of one without tax, in the currency's minor unit; negative for a discount.
 */
unitPriceMinor: number,
/**
 * The tax rate in basis points: 1900 is 19 %.
 */
taxRateBp: number,
/**
 * Quantity times price.
 */
netMinor: number,
/**
 * The line's share of its rate's tax.
 */
taxMinor: number, };

/**
 * A sales order as the server stores it. All amounts but the unit prices are computed by the handlers.
 */
export type SalesOrderData = {
/**
 * Who ordered.
 */
customerId: RecordId,
/**
 * The ISO 4217 code of the currency.
 */
currency: string,
/**
 * What was ordered.
 */
lines: Array<SalesOrderLineData>,
/**
 * The taxes, one entry for each rate, in the order of the rates.
 */
taxes: Array<InvoiceTax>,
/**
 * The sum without tax, in the currency's minor unit.
 */
netMinor: number,
/**
 * The taxes' sum.
 */
taxMinor: number,
/**
 * What is to be paid.
 */
totalMinor: number,
/**
 * What has been paid, refunds taken off.
 */
paidMinor: number,
/**
 * Where it stands.
 */
state: SalesOrderState,
/**
 * Why it was cancelled.
 */
cancelReason: string | null,
/**
 * Who made it.
 */
createdBy: UserId, };

/**
 * A setting as the server stores it.
 */
export type SettingData = {
/**
 * What it is set to.
 */
value: string, };
