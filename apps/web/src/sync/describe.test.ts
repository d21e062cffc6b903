import type { OutboxEntry } from 'offline-web';
import { expect, test } from 'vitest';
import { namesFrom } from '../records/names.ts';
import { changes, commandSync, commandVerb, describeCommand, recordPath } from './describe.ts';

const entry = (change: Partial<OutboxEntry>): OutboxEntry => ({
  commandId: 'c1', workspaceId: 'acme', userId: 'ana', deviceId: 'd', seq: 1, type: 'EXPENSE_UPDATE_V1', payload: { expenseId: 'e1' },
  touches: [{ kind: 'expense', id: 'e1' }], expected: null, dependsOn: [], status: 'PENDING', attempts: 0, nextAttemptAt: null, idempotencyKey: 'k',
  createdAt: '2026-11-22T10:00:00.000Z', clientTraceId: 't', lastError: null, conflict: null, heldBy: null, ...change,
});
const server = { expense: [{ id: 'e1', version: 1, data: { description: 'Taxi' }, updatedAt: '2026-01-01T00:00:00.000Z', updatedBy: 'ana' }] };

test('a command is described by what it does and to what', () => {
  expect(describeCommand(entry({}), namesFrom(server, [], []))).toBe('Edit expense “Taxi”');
});

test('the latest own change of a name wins over the server’s', () => {
  const renamed = entry({ payload: { expenseId: 'e1', description: 'Night taxi' } });
  const again = entry({ commandId: 'c2', seq: 2, payload: { expenseId: 'e1', description: 'Late taxi' } });
  expect(describeCommand(renamed, namesFrom(server, [renamed, again], []))).toBe('Edit expense “Late taxi”');
});

test('a record that nothing is known of is named by the beginning of its id', () => {
  const unknown = entry({ type: 'INVOICE_DRAFT_CREATE_V1', touches: [{ kind: 'invoice', id: '0123456789' }], payload: {} });
  expect(describeCommand(unknown, namesFrom({}, [], []))).toBe('Create invoice “invoice 01234567”');
});

test('a newer version of a type reads like the one before, and an unknown type is still readable', () => {
  expect([commandVerb('EXPENSE_CREATE_V2'), commandVerb('STOCK_COUNT_V1')]).toEqual(['Create expense', 'Stock count']);
});

test('a waiting command behind a parked one is held', () => {
  const statuses = [entry({}), entry({ heldBy: 'c0' }), entry({ status: 'IN_FLIGHT' }), entry({ status: 'CONFLICT' }), entry({ status: 'FAILED' })];
  expect(statuses.map(commandSync)).toEqual(['pending', 'held', 'syncing', 'conflict', 'failed']);
});

test('a record’s page survives an id that is not fit for an address', () => {
  expect(recordPath(entry({ touches: [{ kind: 'expense', id: 'a/b ?' }] }))).toBe('/expenses/a%2Fb%20%3F');
  expect(recordPath(entry({ touches: [] }))).toBeNull();
});

test('one change is not changes', () => {
  expect([changes(0), changes(1), changes(2)]).toEqual(['0 changes', '1 change', '2 changes']);
});
