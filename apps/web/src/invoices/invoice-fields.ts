import { amountProblem, type Read } from '../expenses/expense-fields.ts';
import type { InvoiceDraftCreateV1, InvoiceLine } from '../generated/erp.ts';
import { amountText, decimalsOf, parseAmount, percentText } from '../money/money.ts';

/** A line as it is typed. */
export interface LineFields {
  /** Stays with the line when others come and go. */
  key: string;
  description: string;
  quantity: string;
  unitPrice: string;
  /** In percent. */
  taxRate: string;
}

export interface InvoiceFields {
  customer: string;
  currency: string;
  lines: readonly LineFields[];
}

export type InvoiceContent = Omit<InvoiceDraftCreateV1, 'invoiceId'>;

/** Rates have hundredths of a percent. */
const RATE_DECIMALS = 2;

let lastKey = 0;

/** A new line takes the tax rate of the one before it. */
export function emptyLine(taxRate = '19'): LineFields {
  lastKey += 1;
  return { key: String(lastKey), description: '', quantity: '1', unitPrice: '', taxRate };
}

/** With as many lines as `like` has, they are the same lines. */
export function invoiceFields({ customer = '', currency = 'EUR', lines = [] }: Partial<InvoiceContent>, like?: InvoiceFields): InvoiceFields {
  const decimals = decimalsOf(currency);
  const known = like?.lines.length === lines.length ? like.lines : [];
  return {
    customer,
    currency,
    lines: lines.map((line, index) => ({
      key: known[index]?.key ?? emptyLine().key,
      description: line.description,
      quantity: String(line.quantity),
      unitPrice: amountText(line.unitPriceMinor, decimals),
      taxRate: percentText(line.taxRateBp),
    })),
  };
}

/** Lines in which nothing was typed are left out. Errors point at the lines as they are shown. */
export function readInvoice({ customer, currency, lines }: InvoiceFields): Read<InvoiceContent> {
  const errors: Record<string, string> = {};
  const read: InvoiceLine[] = [];
  lines.forEach((line, index) => {
    if (isBlank(line)) return;
    const { line: content, errors: found } = readLine(line, currency);
    for (const [field, message] of Object.entries(found)) errors[`/lines/${index}/${field}`] = message;
    if (content !== null) read.push(content);
  });
  if (Object.keys(errors).length > 0) return { ok: false, errors };
  return { ok: true, content: { customer: customer.trim(), currency, lines: read } };
}

export function isBlank({ description, unitPrice }: LineFields): boolean {
  return description.trim() === '' && unitPrice.trim() === '';
}

/** What the handler says of line `index` of what was sent, told of the line as it is shown. */
export function shownPointer(pointer: string, lines: readonly LineFields[]): string {
  const match = /^\/lines\/(\d+)(.*)$/u.exec(pointer);
  if (match === null) return pointer;
  const sent = lines.flatMap((line, index) => (isBlank(line) ? [] : [index]));
  return `/lines/${sent[Number(match[1])] ?? match[1]}${match[2] ?? ''}`;
}

export function readLine(line: LineFields, currency: string): { line: InvoiceLine | null; errors: Readonly<Record<string, string>> } {
  const errors: Record<string, string> = {};
  const quantity = parseAmount(line.quantity, 0);
  const price = parseAmount(line.unitPrice, decimalsOf(currency));
  const rate = parseAmount(line.taxRate, RATE_DECIMALS);
  if (!quantity.ok) errors['quantity'] = quantity.problem === 'too-many-decimals' ? 'Whole numbers only.' : 'Enter a number.';
  if (!price.ok) errors['unitPriceMinor'] = amountProblem(price.problem, currency);
  if (!rate.ok) errors['taxRateBp'] = rate.problem === 'too-many-decimals' ? 'Two decimals at most.' : 'Enter a rate.';
  if (!quantity.ok || !price.ok || !rate.ok) return { line: null, errors };
  return {
    line: { description: line.description.trim(), quantity: quantity.minor, unitPriceMinor: price.minor, taxRateBp: rate.minor },
    errors,
  };
}

/** What the handler is asked about while somebody types: texts that are still empty get a stand-in, unreadable lines are left out. */
export function previewContent({ customer, currency, lines }: InvoiceFields): { content: InvoiceContent; keys: string[] } {
  const keys: string[] = [];
  const read: InvoiceLine[] = [];
  for (const fields of lines) {
    const { line } = readLine(fields, currency);
    if (line === null || isBlank(fields)) continue;
    keys.push(fields.key);
    read.push({ ...line, description: line.description === '' ? '–' : line.description });
  }
  return { content: { customer: customer.trim() === '' ? '–' : customer.trim(), currency, lines: read }, keys };
}
