import type { ExpenseCreateV1, ExpenseUpdateV1 } from '../generated/erp.ts';
import { amountText, decimalsOf, parseAmount, type Amount } from '../money/money.ts';
import type { FieldErrors } from '../records/field-errors.ts';

/** An expense as it is typed. */
export interface ExpenseFields {
  description: string;
  amount: string;
  currency: string;
  spentOn: string;
  category: string;
}

/** What a create or an update says of an expense. */
export type ExpenseContent = Omit<ExpenseCreateV1, 'expenseId' | 'category'> & { category: string | null };

/** What was typed, ready for a payload; or what cannot be read of it, by pointer. Whether it is allowed is the engine's to say. */
export type Read<Content> = { ok: true; content: Content } | { ok: false; errors: FieldErrors };

export function emptyExpense(currency: string, today: string): ExpenseFields {
  return { description: '', amount: '', currency, spentOn: today, category: '' };
}

export function expenseFields(data: Partial<ExpenseContent>): ExpenseFields {
  const { description = '', amountMinor, currency = 'EUR', spentOn = '', category } = data;
  const amount = amountMinor === undefined ? '' : amountText(amountMinor, decimalsOf(currency));
  return { description, amount, currency, spentOn, category: category ?? '' };
}

export function readExpense(fields: ExpenseFields): Read<ExpenseContent> {
  const amount = parseAmount(fields.amount, decimalsOf(fields.currency));
  if (!amount.ok) return { ok: false, errors: { '/amountMinor': amountProblem(amount.problem, fields.currency) } };
  const { currency, spentOn } = fields;
  const category = fields.category.trim();
  return {
    ok: true,
    content: { description: fields.description.trim(), amountMinor: amount.minor, currency, spentOn, category: category === '' ? null : category },
  };
}

export function createPayload(expenseId: string, { category, ...content }: ExpenseContent): ExpenseCreateV1 {
  return { expenseId, ...content, ...(category === null ? {} : { category }) };
}

/** Only what differs; null when nothing does. */
export function updatePayload(expenseId: string, before: ExpenseContent, after: ExpenseContent): ExpenseUpdateV1 | null {
  const changed = Object.entries(after).filter(([field, value]) => before[field as keyof ExpenseContent] !== value);
  return changed.length === 0 ? null : { expenseId, ...(Object.fromEntries(changed) as Partial<ExpenseContent>) };
}

export function amountProblem(problem: Extract<Amount, { ok: false }>['problem'], currency: string): string {
  const decimals = decimalsOf(currency);
  switch (problem) {
    case 'empty':
      return 'Enter an amount.';
    case 'not-a-number':
      return 'This is not a number.';
    case 'too-many-decimals':
      return decimals === 0 ? `${currency} has no decimals.` : `${currency} has ${decimals} decimals.`;
    case 'too-large':
      return 'This amount is too large.';
  }
}
