import { expect, test } from 'vitest';
import { filterExpenses, sortExpenses, type Expense } from './filter.ts';

const expense = (id: string, spentOn: string, data: Partial<Expense['data']> = {}, sync: Expense['sync'] = 'synced'): Expense => ({
  id, version: 1, updatedAt: null, updatedBy: null, sync, expected: { version: 1 }, commandIds: [],
  data: { description: 'Taxi to the airport', amountMinor: 1250, currency: 'EUR', spentOn, category: 'Travel', state: 'draft', createdBy: 'ana', ...data },
});
const all = [expense('a', '2026-11-01'), expense('b', '2026-11-03', { state: 'submitted' }), expense('c', '2026-11-03', { category: null, amountMinor: 99900 }, 'pending')];
const ids = (expenses: Expense[]) => expenses.map(({ id }) => id).join('');

test('the newest day comes first, and the order never depends on the order before', () => {
  expect(ids(sortExpenses(all))).toBe('cba');
  expect(ids(sortExpenses([...all].reverse()))).toBe('cba');
});

test('the filters look at the state and at what is not synced', () => {
  expect((['all', 'draft', 'submitted', 'unsynced'] as const).map((filter) => ids(filterExpenses(all, filter, '')))).toEqual(['abc', 'ac', 'b', 'c']);
});

test('what the handler refuses has no state and counts as a draft', () => {
  const { state: _, ...written } = expense('d', '2026-11-04').data;
  expect(ids(filterExpenses([{ ...expense('d', '2026-11-04'), data: written as Expense['data'] }], 'draft', ''))).toBe('d');
});

test('every word has to be found, in whichever field', () => {
  expect(ids(filterExpenses(all, 'all', 'TAXI travel'))).toBe('ab');
  expect(ids(filterExpenses(all, 'all', 'taxi 999'))).toBe('c');
  expect(ids(filterExpenses(all, 'all', '2026-11-03 submitted?'))).toBe('');
});
