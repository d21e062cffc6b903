/** What the benchmark does in a page: the outbox, and beside it what a plain hand-written loop over IndexedDB would do. */
import { createOfflineClient } from '../ts/index.ts';
import type { EngineModule, OfflineClient } from '../ts/types.ts';

const LINES = 'Bread, rolls and a coffee to go, paid in cash at the till by the door. '.repeat(4);

const payload = (number: number): object => ({
  expenseId: `expense-${crypto.randomUUID()}`,
  description: LINES.slice(0, 200),
  amountMinor: 1_000 + number,
  currency: 'EUR',
  spentOn: '2026-11-24',
  category: `category ${number % 10}`,
});

/** What a caller wants to write. It is made in a task of its own: neither outbox has to do with how long that takes. */
async function payloads(count: number): Promise<object[]> {
  const made = Array.from({ length: count }, (_, number) => payload(number));
  await new Promise((resolve) => setTimeout(resolve, 100));
  return made;
}

/** The row of a plain outbox: as many bytes as ours has, with the index that finds what is pending. */
const row = (seq: number, payload: object): object => ({
  seq,
  status: 'PENDING',
  body: JSON.stringify({ commandId: crypto.randomUUID(), idempotencyKey: crypto.randomUUID(), createdAt: new Date().toISOString(), payload }),
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function each(count: number, work: (number: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let number = 1; number <= count; number += 1) times.push(await timed(() => work(number)));
  return times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

/** The longest time for which the page could not answer, while `work` ran. */
async function blocked<T>(work: () => Promise<T>): Promise<[T, number]> {
  let longest = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
  });
  observer.observe({ type: 'longtask' });
  const result = await work();
  await new Promise((resolve) => setTimeout(resolve, 100));
  observer.disconnect();
  return [result, longest];
}

function openPlain(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => void request.result.createObjectStore('rows', { keyPath: 'seq' }).createIndex('status', 'status');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('not open'));
  });
}

function put(plain: IDBDatabase, first: number, payloads: object[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = plain.transaction('rows', 'readwrite', { durability: 'strict' });
    const store = transaction.objectStore('rows');
    payloads.forEach((payload, place) => store.put(row(first + place, payload)));
    transaction.commit();
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
  });
}

/** Reads, posts and deletes a hundred at a time, until nothing is left. */
async function flushPlain(plain: IDBDatabase): Promise<void> {
  for (;;) {
    const rows = await new Promise<{ seq: number; body: string }[]>((resolve, reject) => {
      const request = plain.transaction('rows').objectStore('rows').getAll(null, 100);
      request.onsuccess = () => resolve(request.result as { seq: number; body: string }[]);
      request.onerror = () => reject(request.error ?? new Error('not read'));
    });
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return;
    const body = JSON.stringify({ commands: rows.map(({ body }) => JSON.parse(body) as unknown) });
    const answer = await fetch('/sync/commands', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    await answer.json();
    await new Promise<void>((resolve, reject) => {
      const transaction = plain.transaction('rows', 'readwrite', { durability: 'strict' });
      transaction.objectStore('rows').delete(IDBKeyRange.bound(first.seq, last.seq));
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
    });
  }
}

const engine = (): Promise<EngineModule> => import(/* @vite-ignore */ `${location.origin}/engine/erp_engine.js`) as Promise<EngineModule>;

/** Resolves when the counts are those. */
function settled(client: OfflineClient, pending: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      const { phase, counts } = client.status.get();
      if (phase !== 'starting' && counts.pending + counts.inFlight === pending) {
        stop();
        resolve();
      }
    };
    const stop = client.status.subscribe(look);
    queueMicrotask(look);
  });
}

let client: OfflineClient;

const bench = {
  /** Opens the partition of a user: milliseconds until it takes commands and says how many wait. */
  async open(userId: string, pending: number): Promise<number> {
    await engine().then((module) => module.default());
    return timed(async () => {
      client = await createOfflineClient({ workspaceId: 'acme', userId, engine, getToken: () => 'token' });
      await settled(client, pending);
    });
  },
  close: (): Promise<void> => client.close(),
  enqueueEach: (count: number): Promise<number> =>
    each(count, (number) => client.enqueue({ type: 'EXPENSE_CREATE_V1', payload: payload(number) })),
  async enqueueAtOnce(count: number): Promise<[number, number]> {
    const made = await payloads(count);
    return blocked(() => timed(() => Promise.all(made.map((payload) => client.enqueue({ type: 'EXPENSE_CREATE_V1', payload })))));
  },
  /** Sends everything. */
  flush: (): Promise<[number, number]> =>
    blocked(() =>
      timed(async () => {
        await client.syncNow();
        await settled(client, 0);
      }),
    ),
  async plainEach(name: string, count: number): Promise<number> {
    const plain = await openPlain(name);
    const time = await each(count, (number) => put(plain, number, [payload(number)]));
    plain.close();
    return time;
  },
  async plainAtOnce(name: string, first: number, count: number): Promise<number> {
    const plain = await openPlain(name);
    const made = await payloads(count);
    const time = await timed(() => put(plain, first, made));
    plain.close();
    return time;
  },
  async plainFlush(name: string): Promise<number> {
    const plain = await openPlain(name);
    const time = await timed(() => flushPlain(plain));
    plain.close();
    return time;
  },
};
export type BenchPage = typeof bench;

Object.assign(globalThis, { bench });
