/** What only IndexedDB can do to a store: dead handles, aborted transactions, upgrades, eviction, a full disk, a crashed page. */
import type { Page } from '@playwright/test';

import type { Outbox } from '../conformance/pkg/offline_web_conformance.js';
import { expect, openPage, test } from './browser.ts';
import { launch } from './chromium.ts';

/** What the page's own scripts did to IndexedDB, put there by `tamper`. */
interface Tampering {
  handles: IDBDatabase[];
  /** How many of the next writing transactions are aborted. */
  aborts: number;
}

declare global {
  var tampering: Tampering;
}

let users = 0;

function newUser(): string {
  users += 1;
  return `storage-${process.pid}-${users}`;
}

function databaseOf(user: string): string {
  return `offline-outbox:conformance:${user}`;
}

/** Lets the test get at the store's handles and transactions. Call it before the store is opened. */
async function tamper(page: Page): Promise<void> {
  await page.evaluate(() => {
    const tampering: Tampering = { handles: [], aborts: 0 };
    const { open } = IDBFactory.prototype;
    IDBFactory.prototype.open = function (this: IDBFactory, ...args) {
      const request = open.apply(this, args);
      request.addEventListener('success', () => {
        if (request.result.name.startsWith('offline-outbox:')) tampering.handles.push(request.result);
      });
      return request;
    };
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (this: IDBDatabase, stores, mode, options) {
      const begun = transaction.call(this, stores, mode, options);
      if (mode === 'readwrite' && tampering.aborts > 0) {
        tampering.aborts -= 1;
        // One that is committed already cannot be aborted from outside.
        Object.defineProperty(begun, 'commit', { value: () => undefined });
        queueMicrotask(() => begun.abort());
      }
      return begun;
    };
    globalThis.tampering = tampering;
  });
}

/** Appends commands one by one in the store `user` of the page; gives the seqs or how it failed. */
function append(page: Page, user: string, first: number, count: number): Promise<number[] | string> {
  return page.evaluate(
    async ([user, first, count]) => {
      const stores = ((globalThis as { stores?: Record<string, Outbox> }).stores ??= {});
      const outbox = (stores[user] ??= await conformance.Outbox.open(user));
      try {
        const seqs: number[] = [];
        for (let number = first; number < first + count; number += 1) {
          seqs.push(...(await outbox.append(number, 1, 100, false)));
        }
        return seqs;
      } catch (error) {
        return (error as Error).message.split(':')[0] ?? '';
      }
    },
    [user, first, count] as const,
  );
}

/** The seqs that a fresh opener of the store finds. */
function stored(page: Page, user: string): Promise<number[]> {
  return page.evaluate(async (user) => {
    const outbox = await conformance.Outbox.open(user);
    const seqs = [...(await outbox.seqs())];
    outbox.close();
    return seqs;
  }, user);
}

test('a handle that dies between two calls is replaced', async ({ tab }) => {
  const user = newUser();
  await tamper(tab);
  expect(await append(tab, user, 1, 2)).toEqual([1, 2]);
  await tab.evaluate(() => tampering.handles.forEach((handle) => handle.close()));
  expect(await append(tab, user, 3, 2)).toEqual([3, 4]);
  expect(await tab.evaluate(() => tampering.handles.length)).toBe(2);
});

test('a handle that the browser closes is replaced', async ({ tab }) => {
  const user = newUser();
  await tamper(tab);
  expect(await append(tab, user, 1, 1)).toEqual([1]);
  await tab.evaluate(() =>
    tampering.handles.forEach((handle) => {
      handle.close();
      handle.dispatchEvent(new Event('close'));
    }),
  );
  expect(await append(tab, user, 2, 1)).toEqual([2]);
});

test('a transaction that is aborted under a call is done again', async ({ tab }) => {
  const user = newUser();
  await tamper(tab);
  expect(await append(tab, user, 1, 1)).toEqual([1]);
  await tab.evaluate(() => void (tampering.aborts = 3));
  expect(await append(tab, user, 2, 1)).toEqual([2]);
  expect(await stored(tab, user)).toEqual([1, 2]);
});

test('a call whose transactions are all aborted fails, and leaves no trace and no gap', async ({ tab }) => {
  const user = newUser();
  await tamper(tab);
  expect(await append(tab, user, 1, 1)).toEqual([1]);
  await tab.evaluate(() => void (tampering.aborts = 4));
  expect(await append(tab, user, 2, 1)).toBe('Backend');
  expect(await tab.evaluate(() => tampering.aborts)).toBe(0);
  expect(await stored(tab, user)).toEqual([1]);
  expect(await append(tab, user, 2, 2)).toEqual([2, 3]);
});

test('a store makes room for an upgrade, and says afterwards that the database is too new', async ({ tab }) => {
  const user = newUser();
  expect(await append(tab, user, 1, 2)).toEqual([1, 2]);
  const rows = await tab.evaluate(
    (name) =>
      new Promise<number>((resolve, reject) => {
        const request = indexedDB.open(name, 99);
        request.onerror = () => reject(request.error);
        request.onblocked = () => reject(new Error('blocked'));
        request.onsuccess = () => {
          const count = request.result.transaction('commands').objectStore('commands').count();
          count.onsuccess = () => {
            request.result.close();
            resolve(count.result);
          };
        };
      }),
    databaseOf(user),
  );
  expect(rows).toBe(2);
  expect(await append(tab, user, 3, 1)).toBe('TooNew');
});

test('a database that disappears under a store is not made anew in silence', async ({ tab }) => {
  const user = newUser();
  await tamper(tab);
  expect(await append(tab, user, 1, 1)).toEqual([1]);
  await tab.evaluate(
    (name) =>
      new Promise<void>((resolve, reject) => {
        tampering.handles.forEach((handle) => handle.close());
        const request = indexedDB.deleteDatabase(name);
        request.onsuccess = () => resolve();
        request.onerror = () => reject(request.error);
      }),
    databaseOf(user),
  );
  expect(await append(tab, user, 2, 1)).toBe('Closed');
  const names = await tab.evaluate(async () => (await indexedDB.databases()).map((database) => database.name));
  expect(names).not.toContain(databaseOf(user));
});

test('a wipe in one tab closes the store of another tab', async ({ tab, session, files }) => {
  const user = newUser();
  const other = await openPage(session, files);
  expect(await append(tab, user, 1, 3)).toEqual([1, 2, 3]);
  expect(await append(other, user, 4, 1)).toEqual([4]);
  await other.evaluate(async (user) => {
    const outbox = await conformance.Outbox.open(user);
    await outbox.wipe();
  }, user);
  expect(await append(tab, user, 5, 1)).toBe('Closed');
  expect(await append(other, user, 5, 1)).toBe('Closed');
  await other.close();
});

test('a full disk is told as such, stores nothing of the call, and later writes work', async ({ profile, files }) => {
  const user = newUser();
  // A browser of its own: Chromium remembers for a while how much room an origin has.
  const context = await launch(`${profile}-full`);
  const tab = await openPage(context, files);
  const devTools = await context.newCDPSession(tab);
  const { origin } = new URL(tab.url());
  await devTools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2_000_000 });
  const failed = await tab.evaluate(async (user) => {
    const outbox = await conformance.Outbox.open(user);
    try {
      for (let round = 0; round < 10; round += 1) await outbox.append(1000 + round * 10, 10, 100_000, false);
      return 'stored';
    } catch (error) {
      return (error as Error).message.split(':')[0];
    }
  }, user);
  expect(failed).toBe('Full');
  const kept = await stored(tab, user);
  expect(kept.length % 10).toBe(0);
  expect(kept).toEqual(kept.map((_, index) => index + 1));
  await devTools.send('Storage.overrideQuotaForOrigin', { origin });
  expect(await append(tab, user, 5000, 1)).toEqual([kept.length + 1]);
  await context.close();
});

test('a page that crashes among writes has lost nothing that was acknowledged', async ({ session, files, tab }) => {
  const user = newUser();
  const page = await openPage(session, files);
  const acknowledged: number[] = [];
  await page.exposeFunction('acknowledge', (seqs: number[]) => acknowledged.push(...seqs));
  const crashed = page.waitForEvent('crash');
  await page.evaluate((user) => {
    const { acknowledge } = globalThis as unknown as { acknowledge: (seqs: number[]) => void };
    void (async () => {
      const outbox = await conformance.Outbox.open(user);
      for (let number = 1; ; number += 1) acknowledge([...(await outbox.append(number, 1, 100, false))]);
    })();
  }, user);
  await expect.poll(() => acknowledged.length).toBeGreaterThan(20);
  // It never answers: the page is gone.
  void page.goto('chrome://crash').catch(() => undefined);
  await crashed;
  const found = await stored(tab, user);
  expect(found.length).toBeGreaterThanOrEqual(acknowledged.length);
  expect(found.slice(0, acknowledged.length)).toEqual(acknowledged);
  expect(found).toEqual(found.map((_, index) => index + 1));
});

test('what was acknowledged is there in a new browser process', async ({ profile, files }) => {
  const user = newUser();
  const own = `${profile}-second`;
  const first = await launch(own);
  expect(await append(await openPage(first, files), user, 1, 5)).toEqual([1, 2, 3, 4, 5]);
  await first.close();
  const second = await launch(own);
  // The port, and with it the origin, is the same one.
  expect(await stored(await openPage(second, files), user)).toEqual([1, 2, 3, 4, 5]);
  await second.close();
});

test('100,000 commands are counted and appended to as quickly as none, and drain to the last', async ({ tab }) => {
  test.setTimeout(240_000);
  const found = await tab.evaluate(async (user) => {
    const outbox = await conformance.Outbox.open(user);
    for (let first = 0; first < 100_000; first += 5_000) await outbox.append(first + 1, 5_000, 100, true);
    outbox.close();
    const start = performance.now();
    const again = await conformance.Outbox.open(user);
    const counts = JSON.parse(await again.counts()) as { pending: number };
    const millis = performance.now() - start;
    await again.lead();
    const drained = await again.drain(1000);
    return { millis, counts, drained, left: JSON.parse(await again.counts()) as { pending: number } };
  }, newUser());
  expect(found.counts.pending).toBe(100_000);
  expect(found.millis).toBeLessThan(500);
  expect(found.drained).toBe(100_000);
  expect(found.left).toEqual({ pending: 0, inFlight: 0, failed: 0, conflict: 0 });
});
