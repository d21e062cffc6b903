import type { RecordSnapshot } from 'offline-protocol';
import { expect, test } from 'vitest';
import { mergeNewer } from './merge.ts';

const record = (id: string, version: number): RecordSnapshot => ({ id, version, data: { version }, updatedAt: '2026-01-01T00:00:00.000Z', updatedBy: 'ana' });
const shape = (records: RecordSnapshot[]) => records.map(({ id, version }) => `${id}${version}`).join(' ');

test('a newer version replaces, an older one does not', () => {
  expect(shape(mergeNewer([record('a', 1), record('b', 5)], [record('a', 2), record('b', 4)]))).toBe('a2 b5');
});

test('a new record takes its place in the order of the ids', () => {
  expect(shape(mergeNewer([record('a', 1), record('c', 1)], [record('b', 1)]))).toBe('a1 b1 c1');
});
