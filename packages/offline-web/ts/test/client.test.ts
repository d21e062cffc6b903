import { afterEach, describe, expect, it, vi } from 'vitest';
import { createOfflineClient, OfflineError } from '../index.ts';
import type { OfflineEvent } from '../index.ts';
import { createFakeEngine } from './fake-engine.ts';
import { open, quiet, until } from './harness.ts';

afterEach(() => vi.unstubAllGlobals());

const command = (id: string, more: object = {}) => ({ type: 'SET_V1', payload: { kind: 'expense', id, ...more } });

describe('opening', () => {
  it('says unsupported-browser where IndexedDB is missing', async () => {
    vi.stubGlobal('indexedDB', undefined);
    const engine = vi.fn(() => Promise.resolve(createFakeEngine().module));
    const opening = createOfflineClient({ workspaceId: 'acme', userId: 'ana', engine, getToken: () => null });
    await expect(opening).rejects.toMatchObject({ name: 'OfflineError', code: 'unsupported-browser' });
    expect(engine).not.toHaveBeenCalled();
  });

  it('says engine-unavailable when the engine does not load', async () => {
    const opening = open({ engine: () => Promise.reject(new TypeError('Failed to fetch dynamically imported module')) });
    await expect(opening).rejects.toMatchObject({ code: 'engine-unavailable' });
  });

  it('passes on what the engine says when its database does not open', async () => {
    const engine = createFakeEngine();
    engine.module.openEngine = () => Promise.reject(JSON.stringify({ code: 'storage-unavailable', message: 'No.' }));
    await expect(open({}, engine)).rejects.toMatchObject({ code: 'storage-unavailable', message: 'No.' });
  });

  it('tells the engine whose partition it is and where the server is', async () => {
    const { engine } = await open({ baseUrl: 'https://erp.example' });
    expect(JSON.parse(engine.opened[0] ?? '')).toEqual({ workspaceId: 'acme', userId: 'ana', baseUrl: 'https://erp.example' });
  });

  it('knows status and verdict once it is open', async () => {
    const { client } = await open();
    expect(client.status.get().phase).toBe('idle');
    expect(client.connectivity.get().verdict).toBe('online');
  });

  it('hands the token to the engine, and reports a getToken that fails', async () => {
    const { engine, errors } = await open({ getToken: () => Promise.reject(new Error('no storage')) });
    await expect(engine.host().token()).rejects.toThrow('no storage');
    expect(errors).toMatchObject([{ code: 'token-unavailable' }]);
  });
});

describe('enqueue', () => {
  it('resolves with what was stored and shows it in the outbox', async () => {
    const { client } = await open();
    const enqueued = await client.enqueue(command('1'));
    expect(enqueued).toMatchObject({ commandId: 'c1', seq: 1, touches: [{ kind: 'expense', id: '1' }] });
    const outbox = await until(client.outbox, (snapshot) => snapshot.entries.length === 1);
    expect(outbox).toMatchObject({ ready: true, truncated: false, entries: [{ commandId: 'c1', status: 'PENDING' }] });
  });

  it('rejects with the code and the field errors of the engine', async () => {
    const { client, engine } = await open();
    const errors = [{ pointer: '/amountMinor', code: 'negative', message: 'Must not be negative.' }];
    engine.failNext('enqueue', JSON.stringify({ code: 'invalid-payload', message: 'Bad.', errors }));
    const failed = await client.enqueue(command('1')).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(OfflineError);
    expect(failed).toMatchObject({ code: 'invalid-payload', errors });
  });

  it.each([
    ['NaN', { amount: NaN }, '/payload/lines/0/amount'],
    ['Infinity', { amount: Infinity }, '/payload/lines/0/amount'],
    ['a big integer', { amount: 1n }, '/payload/lines/0/amount'],
    ['a function', { 'a/b': () => 1 }, '/payload/lines/0/a~1b'],
  ])('refuses %s, which JSON would change or drop, and stores nothing', async (_, line, pointer) => {
    const { client } = await open();
    await expect(client.enqueue(command('1', { lines: [line] }))).rejects.toMatchObject({ code: 'invalid-payload', errors: [{ pointer }] });
    const outbox = await until(client.outbox, (snapshot) => snapshot.ready);
    expect(outbox.entries).toEqual([]);
  });

  it('refuses a payload that contains itself', async () => {
    const { client } = await open();
    const payload: Record<string, unknown> = { kind: 'expense', id: '1' };
    payload['self'] = payload;
    await expect(client.enqueue({ type: 'SET_V1', payload })).rejects.toMatchObject({ code: 'invalid-payload' });
  });

  it('asks the browser to keep the storage, once, after the first command', async () => {
    const persist = vi.fn(() => Promise.resolve(true));
    vi.stubGlobal('navigator', { storage: { persisted: () => Promise.resolve(false), persist } });
    const { client } = await open();
    await until(client.status, (status) => status.storage === 'best-effort');
    expect(persist).not.toHaveBeenCalled();
    await client.enqueue(command('1'));
    await until(client.status, (status) => status.storage === 'persistent');
    await client.enqueue(command('2'));
    expect(persist).toHaveBeenCalledTimes(1);
  });

  it('leaves storage unknown where the browser cannot say', async () => {
    vi.stubGlobal('navigator', {});
    const { client } = await open();
    await client.enqueue(command('1'));
    await quiet();
    expect(client.status.get().storage).toBe('unknown');
  });
});

describe('status and events', () => {
  it('keeps the same object when the engine repeats itself', async () => {
    const { client, engine } = await open();
    const before = client.status.get();
    const heard = vi.fn();
    client.status.subscribe(heard);
    engine.status({});
    await quiet();
    expect(client.status.get()).toBe(before);
    expect(heard).not.toHaveBeenCalled();
  });

  it('tells listeners after the engine has returned, once for several changes', async () => {
    const { client, engine } = await open();
    const heard = vi.fn();
    client.status.subscribe(heard);
    engine.status({ phase: 'syncing' });
    engine.status({ phase: 'waiting' });
    expect(heard).not.toHaveBeenCalled();
    await quiet();
    expect(heard).toHaveBeenCalledTimes(1);
    expect(client.status.get().phase).toBe('waiting');
  });

  it('reports a listener that throws and still calls the others', async () => {
    const { client, engine, errors } = await open();
    const heard: OfflineEvent[] = [];
    client.onEvent(() => {
      throw new Error('oops');
    });
    client.onEvent((event) => heard.push(event));
    engine.event({ type: 'resumed', at: '2026-01-01T00:00:00.000Z' });
    await quiet();
    expect(heard).toHaveLength(1);
    expect(errors).toMatchObject([{ code: 'listener-failed', message: 'oops' }]);
  });

  it('passes on what the browser believes, and reads again after the back-forward cache', async () => {
    const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    vi.stubGlobal('window', page);
    vi.stubGlobal('document', page);
    const { client, engine } = await open();
    await until(client.outbox, (outbox) => outbox.ready);
    for (const type of ['online', 'offline', 'focus', 'visibilitychange']) page.dispatchEvent(new Event(type));
    expect(engine.asked.hints).toEqual(['online', 'offline', 'focus', 'visible']);
    engine.add({ kind: 'expense', id: '1' }, {}, true);
    page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    await until(client.outbox, (outbox) => outbox.entries.length === 1);
    await client.close();
    page.dispatchEvent(new Event('online'));
    expect(engine.asked.hints).toHaveLength(5);
  });
});

describe('closing', () => {
  it('refuses calls with `closed`, shows nothing any more, and frees the engine once', async () => {
    const { client, engine } = await open();
    engine.add({ kind: 'expense', id: '1' });
    await until(client.outbox, (outbox) => outbox.entries.length === 1);
    await Promise.all([client.close(), client.close()]);
    expect(engine.freed()).toBe(true);
    await expect(client.enqueue(command('2'))).rejects.toMatchObject({ code: 'closed' });
    await expect(client.syncNow()).rejects.toMatchObject({ code: 'closed' });
    expect(client.outbox.get()).toMatchObject({ ready: false, entries: [] });
    expect(client.record('expense', '1').get().status).toBe('synced');
    client.signedIn();
  });

  it('does not free the engine under a call that is under way', async () => {
    const { client, engine } = await open();
    const release = engine.hold();
    const syncing = client.syncNow();
    const closing = client.close();
    expect(engine.freed()).toBe(false);
    release();
    await Promise.all([syncing, closing]);
    expect(engine.freed()).toBe(true);
  });

  it('wipe is refused while something is unsynced, and the client stays usable', async () => {
    const { client, engine } = await open();
    await client.enqueue(command('1'));
    await expect(client.wipe()).rejects.toMatchObject({ code: 'unsynced' });
    await client.enqueue(command('2'));
    await client.wipe({ evenUnsynced: true });
    expect(engine.freed()).toBe(true);
  });

  it('wipe deletes the query cache of the partition, and no other', async () => {
    const { client } = await open();
    for (const name of ['offline-cache:acme:ana', 'offline-cache:acme:ben']) {
      await new Promise((resolve) => {
        const request = indexedDB.open(name, 1);
        request.onsuccess = () => resolve(request.result.close());
      });
    }
    await client.wipe();
    expect((await indexedDB.databases()).map((database) => database.name)).toEqual(['offline-cache:acme:ben']);
  });
});
