import type { ChangesPage, RecordChange, RecordSnapshot } from 'offline-protocol';
import { expect, test } from 'vitest';

import { createRecordPuller } from '../record-list.ts';

const fields = { updatedAt: '2026-11-22T18:00:00.000Z', updatedBy: 'ana' };
const record = (id: string, version: number): RecordSnapshot => ({ id, version, data: { version }, ...fields });
const change = (id: string, version: number): RecordChange => ({ kind: 'expense', changeSeq: version, deleted: false, ...record(id, version) });
const deletion = (id: string, version: number): RecordChange => ({ kind: 'expense', changeSeq: version, deleted: true, id, version, ...fields });
const page = (changes: RecordChange[], next: string, change: Partial<ChangesPage> = {}): ChangesPage => ({ changes, snapshot: false, more: false, next, ...change });
const shape = ({ records }: { records: readonly RecordSnapshot[] }) => records.map(({ id, version }) => `${id}${version}`).join(' ');

/** A server that gives these answers, in their order; keeps what it was asked. */
function serverOf(...answers: (ChangesPage | Error)[]) {
  const asked: string[] = [];
  const get = async (path: string): Promise<ChangesPage> => {
    asked.push(path.replace('/sync/changes?kinds=expense', ''));
    const answer = answers.shift();
    if (answer === undefined) throw new Error('asked too often');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, ...createRecordPuller(get) };
}

const expired = Object.assign(new Error('gone'), { problem: { code: 'cursor-expired' } });

test('the list is read whole once, page by page, and then what changed since', async () => {
  const server = serverOf(
    page([change('c', 1), change('a', 1)], 's1', { snapshot: true, more: true }),
    // Changed while the pages were read: it comes again.
    page([change('b', 1), change('a', 2)], 'd1', { snapshot: true }),
    page([change('b', 2), deletion('c', 2), change('d', 1)], 'd2'),
    page([], 'd3'),
  );
  expect(shape(await server.pull('expense'))).toBe('a2 b1 c1');
  const list = await server.pull('expense');
  expect([shape(list), list.records[1]]).toEqual(['a2 b2 d1', record('b', 2)]);
  const same = await server.pull('expense');
  expect([same.records === list.records, same.next]).toEqual([true, 'd3']);
  expect(server.asked).toEqual(['', '&since=s1', '&since=d1', '&since=d2']);
});

test('what a cache has kept is the beginning, once', async () => {
  const server = serverOf(page([change('a', 2)], 'd2'), page([], 'd3'));
  const kept = { records: [record('a', 1), record('b', 1)], next: 'd1' };
  expect(shape(await server.pull('expense', kept))).toBe('a2 b1');
  expect(shape(await server.pull('expense', kept))).toBe('a2 b1');
  expect(server.asked).toEqual(['&since=d1', '&since=d2']);
});

test('a kept list without a cursor is replaced: what the server does not name is gone', async () => {
  const server = serverOf(page([change('a', 1)], 'd1', { snapshot: true }));
  expect(shape(await server.pull('expense', { records: [record('b', 1)] }))).toBe('a1');
});

test('a cursor that the server does not know any more makes the list be read whole', async () => {
  const server = serverOf(expired, page([change('b', 3)], 'd9', { snapshot: true }));
  expect(shape(await server.pull('expense', { records: [record('a', 1)], next: 'old' }))).toBe('b3');
  expect(server.asked).toEqual(['&since=old', '']);
});

test('a failure in the middle changes nothing, and the next pull goes on from before', async () => {
  const server = serverOf(page([change('a', 2)], 'd2', { more: true }), new Error('offline'), page([change('a', 2), change('b', 1)], 'd3'));
  const kept = { records: [record('a', 1)], next: 'd1' };
  await expect(server.pull('expense', kept)).rejects.toThrow('offline');
  expect(shape(await server.pull('expense', kept))).toBe('a2 b1');
  expect(server.asked).toEqual(['&since=d1', '&since=d2', '&since=d1']);
});

test('pulls of one kind take turns, so a later one never brings an older list', async () => {
  const server = serverOf(page([change('a', 1)], 'd1', { snapshot: true }), page([change('a', 2)], 'd2'));
  const lists = await Promise.all([server.pull('expense'), server.pull('expense')]);
  expect(lists.map(shape)).toEqual(['a1', 'a2']);
});

test('one that is called off asks nothing', async () => {
  const server = serverOf();
  await expect(server.pull('expense', undefined, AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
  expect(server.asked).toEqual([]);
});
