import type { ExpenseData, InvoiceData } from '../generated/erp.ts';
import { formatMoney, percentText } from '../money/money.ts';
import { formatDay } from '../ui/time.ts';

/** One property of a record, as a person reads it. */
export interface ShownField {
  label: string;
  /** Absent: this side does not say anything about it. */
  text: string | undefined;
}

/** The properties of a record, or of a command's payload, which may say only some of them. `fallback` lends the currency. */
export function shownFields(kind: string, data: unknown, fallback: unknown = null): ShownField[] {
  const object = (value: unknown) => (typeof value === 'object' && value !== null ? value : {});
  if (kind === 'expense') return expenseFields(object(data), object(fallback));
  if (kind === 'invoice') return invoiceFields(object(data), object(fallback));
  return Object.entries(object(data)).map(([label, value]) => ({ label, text: JSON.stringify(value) }));
}

function expenseFields(data: Partial<ExpenseData>, fallback: Partial<ExpenseData>): ShownField[] {
  const { description, amountMinor, spentOn, category, state } = data;
  const currency = data.currency ?? (amountMinor === undefined ? undefined : (fallback.currency ?? 'EUR'));
  const amount = amountMinor ?? (data.currency === undefined ? undefined : fallback.amountMinor);
  return [
    { label: 'Description', text: description },
    { label: 'Amount', text: amount === undefined || currency === undefined ? undefined : formatMoney(amount, currency) },
    { label: 'Date', text: spentOn === undefined ? undefined : formatDay(spentOn) },
    { label: 'Category', text: category === undefined ? undefined : (category ?? 'None') },
    { label: 'State', text: state === undefined ? undefined : state === 'draft' ? 'Draft' : 'Submitted' },
  ];
}

function invoiceFields(data: Partial<InvoiceData>, fallback: Partial<InvoiceData>): ShownField[] {
  const { customer, lines, totalMinor } = data;
  const currency = data.currency ?? fallback.currency ?? 'EUR';
  const line = ({ description, quantity, unitPriceMinor, taxRateBp }: InvoiceData['lines'][number]) =>
    `${quantity} × ${description} at ${formatMoney(unitPriceMinor, currency)}, ${percentText(taxRateBp)} % tax`;
  return [
    { label: 'Customer', text: customer },
    { label: 'Currency', text: data.currency },
    { label: 'Lines', text: lines === undefined ? undefined : lines.length === 0 ? 'None' : lines.map(line).join('\n') },
    { label: 'Total', text: totalMinor === undefined ? undefined : formatMoney(totalMinor, currency) },
  ];
}
