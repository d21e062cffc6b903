import type { OverlaidRecord } from 'offline-web';
import type { ExpenseData } from '../generated/erp.ts';
import { formatMoney } from '../money/money.ts';

export type Expense = OverlaidRecord<ExpenseData>;
export type ExpenseFilter = 'all' | 'draft' | 'submitted' | 'unsynced';

/** An expense that the handler refuses is shown as its author wrote it, without the state that only the handler gives: it is a draft. */
export function isSubmitted({ state }: Pick<Expense['data'], 'state'>): boolean {
  return state === 'submitted';
}

/** Newest day first; of one day the later id first, so that the order is always the same. */
export function sortExpenses(expenses: readonly Expense[]): Expense[] {
  return [...expenses].sort((a, b) => compare(b.data.spentOn, a.data.spentOn) || compare(b.id, a.id));
}

/** Keeps the order. Every word of `search` has to be in the description, category, date or amount. */
export function filterExpenses(expenses: readonly Expense[], filter: ExpenseFilter, search: string): Expense[] {
  const words = search.toLowerCase().split(/\s+/u).filter(Boolean);
  return expenses.filter((expense) => matchesFilter(expense, filter) && (words.length === 0 || matches(expense, words)));
}

function matchesFilter({ data, sync }: Expense, filter: ExpenseFilter): boolean {
  if (filter === 'all') return true;
  return filter === 'unsynced' ? sync !== 'synced' : isSubmitted(data) === (filter === 'submitted');
}

function matches({ data }: Expense, words: readonly string[]): boolean {
  const text = `${data.description} ${data.category ?? ''} ${data.spentOn} ${data.currency}`.toLowerCase();
  return words.every((word) => text.includes(word) || (/\d/u.test(word) && formatMoney(data.amountMinor, data.currency).includes(word)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
