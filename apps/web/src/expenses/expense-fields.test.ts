import { expect, test } from 'vitest';
import type { ExpenseData } from '../generated/erp.ts';
import { createPayload, expenseFields, readExpense, updatePayload } from './expense-fields.ts';

const taxi: ExpenseData = { description: 'Taxi', amountMinor: 1250, currency: 'EUR', spentOn: '2026-11-22', category: null, state: 'draft', createdBy: 'ana' };

test('an expense that was not touched has no update', () => {
  const read = readExpense(expenseFields(taxi));
  expect(read.ok && updatePayload('1', taxi, read.content)).toBeNull();
});

test('an update says only what differs', () => {
  const read = readExpense({ ...expenseFields(taxi), amount: '13', category: ' Travel ' });
  expect(read.ok && updatePayload('1', taxi, read.content)).toEqual({ expenseId: '1', amountMinor: 1300, category: 'Travel' });
});

test('clearing the category is said as null in an update and left out of a creation', () => {
  const read = readExpense({ ...expenseFields({ ...taxi, category: 'Travel' }), category: '' });
  expect(read.ok && updatePayload('1', { ...taxi, category: 'Travel' }, read.content)).toEqual({ expenseId: '1', category: null });
  expect(read.ok && createPayload('1', read.content)).toEqual({ expenseId: '1', description: 'Taxi', amountMinor: 1250, currency: 'EUR', spentOn: '2026-11-22' });
});

test('another currency reads the same digits with its own decimals', () => {
  const read = readExpense({ ...expenseFields(taxi), amount: '1250', currency: 'JPY' });
  expect(read.ok && read.content.amountMinor).toBe(1250);
  expect(readExpense({ ...expenseFields(taxi), currency: 'JPY' })).toEqual({ ok: false, errors: { '/amountMinor': 'JPY has no decimals.' } });
});

test('a negative amount is not judged here', () => {
  const read = readExpense({ ...expenseFields(taxi), amount: '-5' });
  expect(read.ok && read.content.amountMinor).toBe(-500);
});
