// Generated from the Rust types of `erp`. Change those, then run its tests with UPDATE_GENERATED=1.

import type { RecordId, UserId } from "offline-protocol";

/**
 * The payload of each command type.
 */
export interface CommandPayloads {
  EXPENSE_CREATE_V1: ExpenseCreateV1;
  EXPENSE_SUBMIT_V1: ExpenseSubmitV1;
  EXPENSE_UPDATE_V1: ExpenseUpdateV1;
  INVOICE_DRAFT_CREATE_V1: InvoiceDraftCreateV1;
  INVOICE_DRAFT_UPDATE_V1: InvoiceDraftUpdateV1;
}

/**
 * The content of each kind of record.
 */
export interface RecordData {
  expense: ExpenseData;
  invoice: InvoiceData;
}

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
 * Where an expense stands.
 */
export type ExpenseState = "draft" | "submitted";

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
 * Where an invoice stands.
 */
export type InvoiceState = "draft";

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
