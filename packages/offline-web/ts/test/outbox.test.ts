import { afterEach, describe, expect, it, vi } from 'vitest';
import type { OutboxEntry } from '../index.ts';
import { open, quiet, until } from './harness.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const ids = (entries: OutboxEntry[]): string[] => entries.map((entry) => entry.commandId);

describe('the outbox', () => {
  it('is not read before somebody looks', async () => {
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: '1' });
    client.status.get();
    await quiet();
    expect(engine.asked.lists).toEqual([]);
  });

  it('reads everything once, in pages, and then only what changed', async () => {
    const { client, engine } = await open();
    for (let n = 1; n <= 1200; n += 1) engine.add({ kind: 'expense', id: String(n) }, {}, true);
    const outbox = await until(client.outbox, (snapshot) => snapshot.ready);
    expect(outbox.entries).toHaveLength(1200);
    expect(engine.asked.lists).toHaveLength(3);
    engine.asked.lists.length = 0;
    engine.set('c7', 'IN_FLIGHT');
    engine.set('c8', 'IN_FLIGHT');
    await until(client.outbox, (snapshot) => snapshot.entries[7]?.status === 'IN_FLIGHT');
    expect(engine.asked.lists.map((text) => JSON.parse(text) as unknown)).toEqual([{ by: 'ids', ids: ['c7', 'c8'] }]);
  });

  it('keeps the entries that did not change, and the snapshot until something does', async () => {
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: '1' });
    engine.add({ kind: 'expense', id: '2' });
    const before = await until(client.outbox, (snapshot) => snapshot.entries.length === 2);
    expect(client.outbox.get()).toBe(before);
    engine.set('c2', 'IN_FLIGHT');
    const after = await until(client.outbox, (snapshot) => snapshot !== before);
    expect(after.entries[0]).toBe(before.entries[0]);
    expect(after.entries[1]).not.toBe(before.entries[1]);
  });

  it('moves a settled command to the journal in one step', async () => {
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: '1' });
    await until(client.outbox, (snapshot) => snapshot.entries.length === 1);
    const seen: number[] = [];
    client.outbox.subscribe(() => seen.push(client.outbox.get().entries.length + client.outbox.get().journal.length));
    engine.apply('c1');
    const outbox = await until(client.outbox, (snapshot) => snapshot.entries.length === 0);
    expect(outbox.journal).toMatchObject([{ command: { commandId: 'c1' }, outcome: { kind: 'applied' } }]);
    expect(new Set(seen)).toEqual(new Set([1]));
  });

  it('catches up with what changed while it was reading', async () => {
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: '1' }, {}, true);
    const release = engine.hold();
    client.outbox.get();
    await quiet();
    engine.apply('c1');
    engine.add({ kind: 'expense', id: '2' });
    release();
    const outbox = await until(client.outbox, (snapshot) => snapshot.entries.some((entry) => entry.commandId === 'c2'));
    expect(ids(outbox.entries)).toEqual(['c2']);
  });

  it('reports a failing read and tries again after a while', async () => {
    vi.useFakeTimers();
    const { client, engine, errors } = await open();
    engine.add({ kind: 'expense', id: '1' });
    engine.failNext('list', JSON.stringify({ code: 'storage-unavailable', message: 'Broken.' }), 2);
    client.outbox.get();
    await quiet();
    expect(errors).toHaveLength(1);
    engine.add({ kind: 'expense', id: '2' });
    await quiet();
    expect(errors).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(errors).toMatchObject([{ code: 'storage-unavailable' }, { code: 'storage-unavailable' }]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ids(client.outbox.get().entries)).toEqual(['c1', 'c2']);
  });

  it('loses no change when reading it fails', async () => {
    vi.useFakeTimers();
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: '1' });
    client.outbox.get();
    await quiet();
    engine.failNext('list', JSON.stringify({ code: 'storage-unavailable', message: 'Broken.' }));
    engine.set('c1', 'IN_FLIGHT');
    await quiet();
    expect(client.outbox.get().entries[0]?.status).toBe('PENDING');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.outbox.get().entries[0]?.status).toBe('IN_FLIGHT');
  });

  it('lists the oldest 2,000 and every parked one, and reads on when they shrink', async () => {
    const { client, engine } = await open();
    for (let n = 1; n <= 2600; n += 1) engine.add({ kind: 'expense', id: String(n) }, n === 2500 ? { status: 'FAILED' } : {}, true);
    const outbox = await until(client.outbox, (snapshot) => snapshot.ready);
    expect(outbox.truncated).toBe(true);
    expect(outbox.entries).toHaveLength(2001);
    expect(outbox.entries.at(-1)?.commandId).toBe('c2500');
    for (let n = 1; n <= 1100; n += 1) engine.apply(`c${n}`);
    const rest = await until(client.outbox, (snapshot) => !snapshot.truncated);
    expect(rest.entries).toHaveLength(1500);
    expect(rest.journal).toHaveLength(200);
  });

  it('begins to cut when it grows beyond 2,000', async () => {
    const { client, engine } = await open();
    for (let n = 1; n <= 2000; n += 1) engine.add({ kind: 'expense', id: String(n) }, {}, true);
    expect((await until(client.outbox, (snapshot) => snapshot.ready)).truncated).toBe(false);
    engine.add({ kind: 'expense', id: 'more' });
    const outbox = await until(client.outbox, (snapshot) => snapshot.truncated);
    expect(outbox.entries).toHaveLength(2000);
    engine.set('c2001', 'FAILED');
    expect((await until(client.outbox, (snapshot) => snapshot.entries.length === 2001)).entries.at(-1)?.status).toBe('FAILED');
  });
});

describe('a record', () => {
  it('shows the gravest of its commands', async () => {
    const { client, engine } = await open();
    const record = client.record('expense', '1');
    expect(record.get()).toMatchObject({ status: 'synced', commands: [] });
    engine.add({ kind: 'expense', id: '1' });
    engine.add({ kind: 'expense', id: '1' });
    await until(record, (sync) => sync.status === 'pending' && sync.commands.length === 2);
    engine.set('c1', 'IN_FLIGHT');
    await until(record, (sync) => sync.status === 'syncing');
    engine.set('c1', 'CONFLICT');
    await until(record, (sync) => sync.status === 'conflict');
  });

  it('shows what is held behind a parked command, and is held no longer after it', async () => {
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: '1' });
    engine.add({ kind: 'expense', id: '2' }, { touches: [{ kind: 'expense', id: '1' }, { kind: 'expense', id: '2' }] });
    const second = client.record('expense', '2');
    await until(second, (sync) => sync.status === 'pending');
    engine.set('c1', 'FAILED');
    const held = await until(second, (sync) => sync.status === 'held');
    expect(held.commands[0]?.heldBy).toBe('c1');
    await client.discard('c1');
    await until(second, (sync) => sync.status === 'pending');
  });

  it('shows what is held when many are refused at once', async () => {
    const { client, engine } = await open();
    for (const turn of [1, 2]) for (let n = 1; n <= 20; n += 1) engine.add({ kind: 'expense', id: String(n) }, { createdAt: String(turn) });
    await until(client.outbox, (snapshot) => snapshot.entries.length === 40);
    for (let n = 1; n <= 20; n += 1) engine.set(`c${n}`, 'FAILED');
    await until(client.outbox, (snapshot) => snapshot.entries.filter((entry) => entry.heldBy !== null).length === 20);
  });

  it('calls only those who watch a record that changed', async () => {
    const { client, engine } = await open();
    const calls = Array.from({ length: 500 }, () => 0);
    calls.forEach((_, n) =>
      client.record('expense', String(n)).subscribe(() => {
        calls[n] = (calls[n] ?? 0) + 1;
      }),
    );
    await until(client.outbox, (snapshot) => snapshot.ready);
    const untouched = client.record('expense', '8').get();
    engine.add({ kind: 'expense', id: '7' });
    await until(client.record('expense', '7'), (sync) => sync.status === 'pending');
    expect(calls.flatMap((count, n) => (count > 0 ? [n] : []))).toEqual([7]);
    expect(client.record('expense', '8').get()).toBe(untouched);
  });

  it('serves two readables of one record alike', async () => {
    const { client, engine } = await open();
    const [one, two] = [client.record('expense', '1'), client.record('expense', '1')];
    const heard = vi.fn();
    one.subscribe(() => undefined);
    const stop = two.subscribe(heard);
    engine.add({ kind: 'expense', id: '1' });
    await until(one, (sync) => sync.status === 'pending');
    expect(one.get()).toBe(two.get());
    expect(heard).toHaveBeenCalledTimes(1);
    stop();
    expect(client.record('expense', '1')).toBe(one);
  });

  it('is true of a record whose commands lie beyond the 2,000 as well', async () => {
    const { client, engine } = await open();
    for (let n = 1; n <= 2100; n += 1) engine.add({ kind: 'expense', id: String(n) }, {}, true);
    await until(client.outbox, (snapshot) => snapshot.ready);
    const far = client.record('expense', '2050');
    await until(far, (sync) => sync.status === 'pending');
    expect(client.outbox.get().entries).toHaveLength(2000);
    engine.set('c2050', 'IN_FLIGHT');
    await until(far, (sync) => sync.status === 'syncing');
    engine.apply('c2050');
    await until(far, (sync) => sync.status === 'synced');
  });
});

describe('overlay', () => {
  const record = (id: string, version = 1) => ({ id, version, data: { name: id }, updatedAt: '2026-01-01T00:00:00.000Z', updatedBy: 'ben' });

  it('shows the server records with own commands applied, and those only pending', async () => {
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: '1', name: 'mine' });
    engine.add({ kind: 'expense', id: 'new', name: 'fresh' });
    await until(client.outbox, (snapshot) => snapshot.entries.length === 2);
    const shown = client.overlay<{ name: string }>('expense', [record('1'), record('2')]);
    expect(shown.map(({ id, data, sync, version }) => [id, data.name, sync, version])).toEqual([
      ['1', 'mine', 'pending', 1],
      ['2', '2', 'synced', 1],
      ['new', 'fresh', 'pending', 0],
    ]);
    expect(shown[1]?.expected).toEqual({ version: 1 });
  });

  it('asks the engine about touched records of the kind only, and not at all when there are none', async () => {
    const { client, engine } = await open();
    const list = Array.from({ length: 1000 }, (_, n) => record(String(n)));
    await until(client.outbox, (snapshot) => snapshot.ready);
    client.overlay('expense', list);
    expect(engine.asked.overlays).toEqual([]);
    engine.add({ kind: 'expense', id: '7', name: 'x' });
    await until(client.outbox, (snapshot) => snapshot.entries.length === 1);
    client.overlay('expense', list);
    expect(engine.asked.overlays.map((asked) => asked.records.map(({ id }) => id))).toEqual([['7']]);
  });

  it('gives the same array for the same list while nothing of the kind changes', async () => {
    const { client, engine } = await open();
    const list = [record('1'), record('2')];
    engine.add({ kind: 'expense', id: '1', name: 'mine' });
    const snapshot = await until(client.outbox, (outbox) => outbox.entries.length === 1);
    const before = client.overlay('expense', list);
    expect(client.overlay('expense', list)).toBe(before);
    engine.add({ kind: 'invoice', id: '1' });
    await until(client.outbox, (outbox) => outbox !== snapshot);
    expect(client.overlay('expense', list)).toBe(before);
  });

  it('keeps the rows that look the same when another row changes', async () => {
    const { client, engine } = await open();
    const list = [record('1'), record('2'), record('3')];
    engine.add({ kind: 'expense', id: '1', name: 'a' });
    await until(client.outbox, (outbox) => outbox.entries.length === 1);
    const before = client.overlay('expense', list);
    engine.add({ kind: 'expense', id: '2', name: 'b' });
    await until(client.outbox, (outbox) => outbox.entries.length === 2);
    const after = client.overlay('expense', list);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    expect(after[2]).toBe(before[2]);
  });

  it('asks again only about commands that share a record with one that changed', async () => {
    const { client, engine } = await open();
    const list = ['1', '2', '3', '4'].map((id) => record(id));
    for (const id of ['1', '2', '3']) engine.add({ kind: 'expense', id, name: 'a' });
    const both = [{ kind: 'expense', id: '3' }, { kind: 'expense', id: '4' }];
    engine.add({ kind: 'expense', id: '3', name: 'b' }, { touches: both });
    await until(client.outbox, (outbox) => outbox.entries.length === 4);
    client.overlay('expense', list);
    const asked = async (change: () => void): Promise<string[] | undefined> => {
      const before = client.outbox.get();
      change();
      await until(client.outbox, (outbox) => outbox !== before);
      engine.asked.overlays.length = 0;
      client.overlay('expense', list);
      return engine.asked.overlays[0]?.records.map(({ id }) => id);
    };
    expect(await asked(() => engine.set('c1', 'IN_FLIGHT'))).toEqual(['1']);
    expect(await asked(() => engine.set('c3', 'IN_FLIGHT'))).toEqual(['3', '4']);
    expect(await asked(() => void engine.add({ kind: 'expense', id: '2', name: 'c' }))).toEqual(['2']);
    expect(await asked(() => void engine.add({ kind: 'expense', id: 'new', name: 'd' }))).toEqual([]);
    expect(await asked(() => void engine.discard('c2'))).toEqual(['2']);
    engine.asked.overlays.length = 0;
    const renewed = list.map((one) => (one.id === '1' ? record('1', 2) : one));
    client.overlay('expense', renewed);
    expect(engine.asked.overlays.map((call) => call.records)).toEqual([[renewed[0]]]);
  });

  it('no longer shows a command that was discarded', async () => {
    const { client, engine } = await open();
    const list = [record('1')];
    engine.add({ kind: 'expense', id: '1', name: 'mine' });
    engine.add({ kind: 'expense', id: 'new', name: 'fresh' });
    await until(client.outbox, (outbox) => outbox.entries.length === 2);
    expect(client.overlay('expense', list)).toHaveLength(2);
    await Promise.all([client.discard('c1'), client.discard('c2')]);
    await until(client.outbox, (outbox) => outbox.entries.length === 0);
    expect(client.overlay('expense', list)).toMatchObject([{ id: '1', data: { name: '1' }, sync: 'synced' }]);
  });

  it('keeps an applied command in sight until the list has caught up', async () => {
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: 'new', name: 'fresh' });
    await until(client.outbox, (outbox) => outbox.entries.length === 1);
    engine.apply('c1', 1);
    await until(client.outbox, (outbox) => outbox.entries.length === 0);
    expect(client.overlay<{ name: string }>('expense', []).map(({ data, sync }) => [data.name, sync])).toEqual([['fresh', 'synced']]);
    expect(client.overlay('expense', [record('new', 1)])).toMatchObject([{ id: 'new', version: 1, data: { name: 'new' }, commandIds: [] }]);
  });

  it('throws an OfflineError when the engine does', async () => {
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: '1' });
    await until(client.outbox, (outbox) => outbox.entries.length === 1);
    engine.failNext('overlay', JSON.stringify({ code: 'internal', message: 'No.' }));
    expect(() => client.overlay('expense', [])).toThrow(expect.objectContaining({ name: 'OfflineError', code: 'internal' }));
  });
});
