import { QueryClient, QueryObserver } from '@tanstack/query-core';
import type { QueryKey } from '@tanstack/query-core';
import { IDBDatabase, IDBFactory, IDBObjectStore } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OfflineError } from '../error.ts';
import { createQueryPersister } from '../query-persister.ts';
import type { OfflineQueryCache, QueryPersisterOptions } from '../query-persister.ts';

/** Runs in Node against fake-indexeddb; what real browsers make of it is shown by the end-to-end suite. */
const KEY = ['records', 'acme', 'expense'];
const NAME = 'offline-cache:acme:ana';
const opened: { cache: OfflineQueryCache; queries: QueryClient }[] = [];
let errors: OfflineError[];

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory());
  errors = [];
});
afterEach(() => {
  for (const { cache, queries } of opened.splice(0)) {
    queries.clear();
    cache.close();
  }
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** What a page load makes: nothing in memory, the database as it was left. */
function load(change: Partial<QueryPersisterOptions> = {}) {
  const cache = createQueryPersister({
    workspaceId: 'acme',
    userId: 'ana',
    allow: [['records']],
    onError: (error) => errors.push(error),
    ...change,
  });
  const queries = new QueryClient({ defaultOptions: { queries: { ...cache.queries, retry: false } } });
  opened.push({ cache, queries });
  return { cache, queries };
}

const ask = (queries: QueryClient, queryKey: QueryKey, queryFn: () => Promise<unknown>) => queries.fetchQuery({ queryKey, queryFn });
const offline = (): Promise<never> => Promise.reject(new TypeError('Failed to fetch'));

/** The rows as they are stored, once at least `count` are. */
function rows(count = 1): Promise<{ hash: string; bytes: number }[]> {
  return vi.waitFor(async () => {
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(NAME);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error ?? new Error('no database'));
    });
    try {
      const all = await new Promise<{ hash: string; bytes: number }[]>((resolve, reject) => {
        const request = database.transaction('rows').objectStore('rows').getAll();
        request.onsuccess = () => resolve(request.result as { hash: string; bytes: number }[]);
        request.onerror = () => reject(request.error ?? new Error('no rows'));
      });
      expect(all.length).toBeGreaterThanOrEqual(count);
      return all;
    } finally {
      database.close();
    }
  });
}

/** Makes the next handles dead on first use, in the two ways that browsers have; returns how often one was used. */
function killHandles(count: number): () => number {
  const transaction = IDBDatabase.prototype.transaction;
  let tried = 0;
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...rest) {
    if ((rest[1] as string) === 'versionchange') return transaction.apply(this, rest);
    tried += 1;
    if (tried <= count) throw new DOMException('Connection lost.', tried % 2 === 0 ? 'InvalidStateError' : 'UnknownError');
    return transaction.apply(this, rest);
  });
  return () => tried;
}

/** Aborts the next writing transactions as a browser does whose disk is full: not the call fails, the transaction does. */
function fillDisk(count: number): void {
  const put = IDBObjectStore.prototype.put;
  const aborted = new Set<unknown>();
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...rest) {
    const transaction: unknown = this.transaction;
    if (!aborted.has(transaction) && aborted.size === count) return put.apply(this, rest);
    if (!aborted.has(transaction)) (transaction as { _abort(name: string): void })._abort('QuotaExceededError');
    aborted.add(transaction);
    return {} as IDBRequest<IDBValidKey>;
  });
}

async function stored(...keys: QueryKey[]): Promise<void> {
  const { queries, cache } = load();
  for (const key of keys) await ask(queries, key, () => Promise.resolve({ says: 'server' }));
  await rows(keys.length);
  cache.close();
}

describe('restoring', () => {
  it('shows what was seen before when the network is gone', async () => {
    await stored(KEY);
    const { queries } = load();
    expect(await ask(queries, KEY, offline)).toEqual({ says: 'server' });
  });

  it('keeps what something else than a fetch put into a query, and nothing that is not allowed', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    const { queries, cache } = load();
    const find = (queryKey: QueryKey) => queries.getQueryCache().find({ queryKey });
    queries.setQueryData(KEY, { says: 'a push' });
    queries.setQueryData(['secret'], { says: 'nothing' });
    await cache.keep(find(KEY));
    await cache.keep(find(['secret']));
    await cache.keep(find(['unknown']));
    expect(await rows()).toHaveLength(1);
    cache.close();
    vi.setSystemTime(9_000_000);
    const later = load().queries;
    expect(await ask(later, KEY, offline)).toEqual({ says: 'a push' });
    await vi.waitFor(() => expect(later.getQueryState(KEY)?.dataUpdatedAt).toBe(1_000_000));
  });

  it('dates restored data as of then, and fetches it again', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    await stored(KEY);
    vi.setSystemTime(9_000_000);
    const { queries } = load();
    const queryFn = vi.fn(() => Promise.resolve({ says: 'news' }));
    const observer = new QueryObserver(queries, { queryKey: KEY, queryFn, staleTime: 60_000 });
    const seen: unknown[] = [];
    const stop = observer.subscribe((result) => seen.push(result.data));
    await vi.waitFor(() => expect(observer.getCurrentResult().data).toEqual({ says: 'news' }));
    expect(seen.find((data) => data !== undefined)).toEqual({ says: 'server' });
    expect(queryFn).toHaveBeenCalledTimes(1);
    stop();
  });

  it('fetches restored data again even when it is fresh: a reload asks for news', async () => {
    await stored(KEY);
    const { queries } = load();
    const observer = new QueryObserver(queries, { queryKey: KEY, queryFn: () => Promise.resolve({ says: 'news' }), staleTime: 60_000 });
    const stop = observer.subscribe(() => undefined);
    await vi.waitFor(() => expect(observer.getCurrentResult().data).toEqual({ says: 'news' }));
    stop();
  });

  it('fetches restored data for the next page when the first one is left before the answer', async () => {
    await stored(KEY);
    const { queries } = load();
    let asked = 0;
    const queryFn = ({ signal }: { signal: AbortSignal }): Promise<unknown> => {
      asked += 1;
      if (asked > 1) return Promise.resolve({ says: 'news' });
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('left'))));
    };
    const options = { queryKey: KEY, queryFn, staleTime: 60_000 };
    const leave = new QueryObserver(queries, options).subscribe(() => undefined);
    await vi.waitFor(() => expect(asked).toBe(1));
    leave();
    const next = new QueryObserver(queries, options);
    const stop = next.subscribe(() => undefined);
    await vi.waitFor(() => expect(next.getCurrentResult().data).toEqual({ says: 'news' }));
    stop();
  });

  it('keeps the restored data when fetching it again fails', async () => {
    await stored(KEY);
    const { queries } = load();
    const observer = new QueryObserver(queries, { queryKey: KEY, queryFn: offline });
    const stop = observer.subscribe(() => undefined);
    await vi.waitFor(() => expect(observer.getCurrentResult().isError).toBe(true));
    expect(observer.getCurrentResult().data).toEqual({ says: 'server' });
    stop();
  });

  it('leaves out what is too old, of another version, or of another partition', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    await stored(KEY);
    vi.setSystemTime(1_000_000 + 31 * 24 * 60 * 60 * 1_000);
    await expect(ask(load().queries, KEY, offline)).rejects.toThrow('Failed to fetch');
    vi.setSystemTime(1_000_001);
    await expect(ask(load({ version: '2' }).queries, KEY, offline)).rejects.toThrow('Failed to fetch');
    await expect(ask(load({ userId: 'ben' }).queries, KEY, offline)).rejects.toThrow('Failed to fetch');
    expect(await ask(load().queries, KEY, offline)).toEqual({ says: 'server' });
  });
});

describe('what is kept', () => {
  it('is one row per query, and only of allow-listed keys', async () => {
    const { queries } = load({ allow: [['records', 'acme'], ['me']] });
    for (const key of [['secret'], ['records', 'globex'], ['records', 'acme', 'a'], ['records', 'acme', 'b'], ['me']]) {
      await ask(queries, key, () => Promise.resolve(1));
    }
    await ask(queries, ['records', 'acme', 'b'], () => Promise.resolve(2));
    expect((await rows(3)).map((row) => row.hash).sort()).toEqual(['["me"]', '["records","acme","a"]', '["records","acme","b"]']);
  });

  it('goes least recently used first when there are too many', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
    for (const id of ['a', 'b', 'c']) {
      await stored(['records', id]);
      vi.setSystemTime(Date.now() + 100_000);
    }
    await ask(load().queries, ['records', 'a'], offline);
    vi.setSystemTime(Date.now() + 100_000);
    await ask(load({ maxEntries: 3 }).queries, ['records', 'd'], () => Promise.resolve(1));
    await vi.waitFor(async () => expect((await rows()).map((row) => row.hash)).toContain('["records","d"]'));
    expect((await rows()).map((row) => row.hash).sort()).toEqual(['["records","a"]', '["records","c"]', '["records","d"]']);
  });

  it('stays under its size, and a result above it is not kept', async () => {
    const { queries } = load({ maxBytes: 1_000 });
    for (const id of ['a', 'b', 'c']) {
      await ask(queries, ['records', id], () => Promise.resolve('x'.repeat(400)));
      await vi.waitFor(async () => expect((await rows()).map((row) => row.hash)).toContain(`["records","${id}"]`));
    }
    expect((await rows()).reduce((sum, row) => sum + row.bytes, 0)).toBeLessThanOrEqual(1_000);
    await ask(queries, ['records', 'big'], () => Promise.resolve('x'.repeat(2_000)));
    await ask(queries, ['records', 'last'], () => Promise.resolve('x'));
    await vi.waitFor(async () => expect((await rows()).map((row) => row.hash)).toContain('["records","last"]'));
    expect((await rows()).map((row) => row.hash)).not.toContain('["records","big"]');
    expect(errors).toEqual([]);
  });

  it('makes room when the disk is full', async () => {
    await stored(['records', 'a'], ['records', 'b'], ['records', 'c'], ['records', 'd']);
    fillDisk(1);
    expect(await ask(load().queries, ['records', 'e'], () => Promise.resolve(1))).toBe(1);
    await vi.waitFor(async () => expect((await rows()).map((row) => row.hash)).toContain('["records","e"]'));
    expect(await rows()).toHaveLength(3);
    expect(errors).toEqual([]);
  });

  it('gives up with a word when the disk stays full, and the query never notices', async () => {
    fillDisk(Infinity);
    expect(await ask(load().queries, KEY, () => Promise.resolve(1))).toBe(1);
    await vi.waitFor(() => expect(errors).toMatchObject([{ code: 'cache-failed' }]));
  });
});

describe('a broken database', () => {
  it('is opened again when the browser has killed the handle', async () => {
    await stored(KEY);
    const tried = killHandles(2);
    expect(await ask(load().queries, KEY, offline)).toEqual({ says: 'server' });
    expect(tried()).toBeGreaterThan(2);
    expect(errors).toEqual([]);
  });

  it('is given up after three tries, and the query goes to the network', async () => {
    const tried = killHandles(Infinity);
    expect(await ask(load().queries, KEY, () => Promise.resolve(1))).toBe(1);
    await vi.waitFor(() => expect(errors).toMatchObject([{ code: 'cache-failed' }, { code: 'cache-failed' }]));
    expect(tried()).toBe(6);
  });

  it('that never answers does not hold the query up', async () => {
    vi.useFakeTimers();
    vi.stubGlobal('indexedDB', { open: () => ({}) });
    const asked = ask(load().queries, KEY, () => Promise.resolve(1));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await asked).toBe(1);
    expect(errors).toMatchObject([{ code: 'cache-failed' }]);
  });

  it('that is missing altogether does not either', async () => {
    vi.stubGlobal('indexedDB', undefined);
    expect(await ask(load().queries, KEY, () => Promise.resolve(1))).toBe(1);
  });
});

describe('purge', () => {
  it('deletes the database, also while others have it open, and nothing makes it again', async () => {
    await stored(KEY);
    const [one, two] = [load(), load()];
    await ask(one.queries, KEY, offline);
    await ask(two.queries, KEY, offline);
    await one.cache.purge();
    for (const { queries } of [one, two]) await ask(queries, ['records', 'late'], () => Promise.resolve(1));
    expect(await indexedDB.databases()).toEqual([]);
    expect(errors).toEqual([]);
  });
});
