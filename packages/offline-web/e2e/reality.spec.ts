/** What happens to tabs and browsers in real life: they crash, are killed, freeze and come back, and there are too many of them. */
import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { BrowserContext, Page } from '@playwright/test';

import { expect, openPage, test as base, type Engine } from './browser.ts';
import { launch } from './chromium.ts';
import { browserPid, rendererPid } from './processes.ts';
import { syncServer, type Stage, type SyncServer } from './sync-server.ts';

const CRASHES = 50;
const KILLS = 5;
const TABS = 20;

/** Fails with the seed in the message; the same seed makes the same moments. */
const SEED = Number(process.env['REALITY_SEED'] ?? 7);

interface Device {
  profile: string;
  open(): Promise<BrowserContext>;
}

const test = base.extend<{ server: SyncServer; device: Device }>({
  server: async ({}, use) => {
    const server = await syncServer();
    await use(server);
    await server.close();
  },
  device: async ({}, use) => withDevice(use),
});

/** A device with a profile of its own, for as long as `use` takes. */
async function withDevice(use: (device: Device) => Promise<void>): Promise<void> {
  const profile = await mkdtemp(join(tmpdir(), 'offline-web-'));
  const contexts: BrowserContext[] = [];
  const open = async () => {
    const context = await launch(profile);
    contexts.push(context);
    return context;
  };
  await use({ profile, open });
  await Promise.all(contexts.map((context) => context.close()));
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}

/** What tabs have been told: commands whose `enqueue` resolved, and what they complained of. */
interface Told {
  acknowledged: string[];
  complaints: string[];
  onAcknowledged: () => void;
}

const told = (): Told => ({ acknowledged: [], complaints: [], onAcknowledged: () => undefined });

/** Opens the partition in a new tab. */
async function openTab(context: BrowserContext, server: SyncServer, to: Told, withLocks = true): Promise<Page> {
  const page = withLocks ? await openPage(context, server) : await openWithoutLocks(context, server);
  await page.exposeFunction('acknowledge', (commandId: string) => {
    to.acknowledged.push(commandId);
    to.onAcknowledged();
  });
  await page.exposeFunction('complain', (message: string) => to.complaints.push(message));
  await page.evaluate(async () => {
    const options = JSON.stringify({ workspaceId: 'acme', userId: 'reality', baseUrl: location.origin });
    const states: Engine['states'] = [];
    const onState = (state: string) => states.push(JSON.parse(state) as Engine['states'][number]);
    const handle = await conformance.openEngine(options, { token: () => Promise.resolve('secret'), hears: false, onEvent() {}, onState });
    globalThis.engine = { handle, events: [], states };
  });
  return page;
}

async function openWithoutLocks(context: BrowserContext, server: SyncServer): Promise<Page> {
  const page = await context.newPage();
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
  await page.goto(`${server.url}/e2e/page.html`);
  await page.waitForFunction(() => 'conformance' in globalThis);
  return page;
}

/** Writes `count` commands in bursts, on three things of its own; does not wait for it. */
async function write(page: Page, name: string, count: number): Promise<void> {
  await page.evaluate(
    ([name, count]) => {
      const { acknowledge, complain } = globalThis as unknown as Record<'acknowledge' | 'complain', (text: string) => void>;
      const command = (number: number) => {
        const thingId = `${name}-${number % 3}`;
        return number < 3 ? { type: 'THING_CREATE_V1', payload: { thingId, name } } : { type: 'THING_BUMP_V1', payload: { thingId, by: 1 } };
      };
      const enqueue = async (number: number) => {
        try {
          acknowledge((JSON.parse(await engine.handle.enqueue(JSON.stringify(command(number)))) as { commandId: string }).commandId);
        } catch (error) {
          complain(String(error));
        }
      };
      void (async () => {
        for (let number = 0; number < count; ) {
          const burst = Math.min(count - number, 1 + (number % 5));
          await Promise.all(Array.from({ length: burst }, (_, index) => enqueue(number + index)));
          number += burst;
        }
      })();
    },
    [name, count] as const,
  );
}

/** Waits until the outbox is empty, then says what must hold of all that was written. */
async function expectOnce(page: Page, server: SyncServer, { acknowledged, complaints }: Told): Promise<void> {
  const unsettled = () => page.evaluate(async () => (JSON.parse(await engine.handle.list('{"by":"seq","after":0,"limit":5000}')) as unknown[]).length);
  await expect.poll(unsettled, { timeout: 60_000, message: `seed ${SEED}` }).toBe(0);
  expect(complaints).toEqual([]);
  expect(acknowledged.filter((commandId) => !server.effects.has(commandId)), `seed ${SEED}: acknowledged and lost`).toEqual([]);
  expect([...server.effects].filter(([, times]) => times !== 1), `seed ${SEED}: took effect more than once`).toEqual([]);
  for (const lane of server.lanes.values()) expect(lane, `seed ${SEED}: order`).toEqual(lane.toSorted((a, b) => a - b));
}

/** A promise and the way to resolve it. */
function signal(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

/** Numbers from 0 up to `below`, always the same for a seed. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Crashes the renderer of a page, at once. */
async function crash(page: Page): Promise<void> {
  const gone = page.waitForEvent('crash');
  // It never answers: the page is gone.
  void page.goto('chrome://crash').catch(() => undefined);
  await gone;
}

test(`${CRASHES} crashes among enqueues and ${CRASHES} in mid-flush lose nothing and repeat nothing`, async ({ server, device }) => {
  test.setTimeout(600_000);
  const roll = dice(SEED);
  const context = await device.open();
  const all = told();
  for (let round = 0; round < 2 * CRASHES; round += 1) {
    const page = await openTab(context, server, all);
    let crashed: Promise<void> | null = null;
    const now = () => (crashed ??= crash(page));
    const happened = signal();
    if (round % 2 === 0) {
      let left = 1 + roll(40);
      all.onAcknowledged = () => {
        left -= 1;
        if (left === 0) void now().then(happened.resolve);
      };
    } else {
      const stage = (['received', 'applied', 'answered'] as Stage[])[roll(3)];
      let left = 1 + roll(3);
      server.at = async (at) => {
        if (at !== stage || (left -= 1) !== 0) return;
        await now();
        happened.resolve();
      };
    }
    await write(page, `round-${round}`, 1_000);
    await happened.promise;
    all.onAcknowledged = () => undefined;
    server.at = () => undefined;
    await page.close();
  }
  expect(all.acknowledged.length).toBeGreaterThan(2 * CRASHES);
  expect(server.replays).toBeGreaterThan(0);
  await expectOnce(await openTab(context, server, all), server, all);
});

test(`a browser that is killed among writes and flushes loses nothing and repeats nothing, ${KILLS} times`, async ({ server, device }) => {
  test.setTimeout(240_000);
  const roll = dice(SEED);
  const all = told();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const context = await device.open();
    const pid = await browserPid(context);
    const page = await openTab(context, server, all);
    const closed = context.waitForEvent('close');
    let left = 10 + roll(60);
    all.onAcknowledged = () => {
      left -= 1;
      if (left === 0) process.kill(pid, 'SIGKILL');
    };
    await write(page, `kill-${kill}`, 1_000);
    await closed;
    all.onAcknowledged = () => undefined;
  }
  await expectOnce(await openTab(await device.open(), server, all), server, all);
});

test('a browser that was killed in the middle of a write to its own log does not throw the database away on the start after the next', async ({ server, device }) => {
  test.setTimeout(240_000);
  const all = told();
  // What was sent would not be missed.
  const online = signal();
  server.at = (stage) => (stage === 'received' ? online.promise : undefined);
  for (const name of ['before', 'behind']) {
    const context = await device.open();
    const page = await openTab(context, server, all);
    const before = all.acknowledged.length;
    await write(page, name, 20);
    await expect.poll(() => all.acknowledged.length).toBe(before + 20);
    if (name === 'before') await page.evaluate(writeSomethingLong);
    await killBrowser(context);
    if (name === 'before') await tearLog(device.profile);
  }
  server.at = () => undefined;
  online.resolve();
  await expectOnce(await openTab(await device.open(), server, all), server, all);
  expect(all.acknowledged).toHaveLength(40);
});

async function killBrowser(context: BrowserContext): Promise<void> {
  const pid = await browserPid(context);
  const closed = context.waitForEvent('close');
  process.kill(pid, 'SIGKILL');
  await closed;
}

/** Runs in the page: one transaction that takes several blocks of Chromium's log, in a database of its own. */
function writeSomethingLong(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('long');
    request.onupgradeneeded = () => request.result.createObjectStore('rows');
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const transaction = request.result.transaction('rows', 'readwrite');
      // Longer values go into files of their own, and what can be compressed is.
      for (let row = 0; row < 10; row += 1) transaction.objectStore('rows').put(crypto.getRandomValues(new Uint8Array(30_000)), row);
      transaction.oncomplete = () => resolve();
    };
  });
}

/** Cuts the log of the site's databases behind the last whole block of 32 KiB: what is there ends in the middle of the long transaction. */
async function tearLog(profile: string): Promise<void> {
  const databases = join(profile, 'Default', 'IndexedDB');
  const files = (await readdir(databases, { recursive: true })).filter((name) => name.endsWith('.log'));
  expect(files).toHaveLength(1);
  const log = join(databases, files[0] as string);
  const { size } = await stat(log);
  expect(size).toBeGreaterThan(200_000);
  await truncate(log, size - (size % 32_768));
}

for (const withLocks of [true, false]) {
  const locks = withLocks ? 'that keeps its Web Lock' : 'where there are no Web Locks';
  test(`a follower takes over from a stopped leader ${locks}, and the leader that wakes repeats nothing`, ({ server, device }) =>
    takeOver(server, device, withLocks));
}

async function takeOver(server: SyncServer, device: Device, withLocks: boolean): Promise<void> {
  test.setTimeout(240_000);
  const context = await device.open();
  const all = told();
  const leader = await openTab(context, server, all, withLocks);
  const follower = await openTab(context, server, all, withLocks);
  const pid = await rendererPid(context, leader);
  expect(pid).not.toBe(await rendererPid(context, follower));

  // It is stopped with a batch on the wire that has taken effect; its answer waits until the follower has taken over.
  const applied = signal();
  const answer = signal();
  server.at = (stage) => {
    if (stage !== 'applied') return undefined;
    server.at = () => undefined;
    applied.resolve();
    return answer.promise;
  };
  await write(leader, 'leader', 5);
  await applied.promise;
  // A transaction that is stopped half-way would keep the whole browser from the database.
  await expect.poll(() => all.acknowledged.length).toBe(5);
  process.kill(pid, 'SIGSTOP');
  try {
    await write(follower, 'follower', 5);
    // The lease lasts 15 seconds, the questions to a leader with a lock 24; the rest is patience with a busy machine.
    await expect.poll(() => [...server.lanes.keys()].filter((name) => name.startsWith('follower')).length, { timeout: 60_000 }).toBe(3);
    answer.resolve();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await write(leader, 'awake', 5);
  await expect.poll(() => server.lanes.size, { timeout: 60_000 }).toBe(9);
  await expectOnce(leader, server, all);
  expect(all.acknowledged).toHaveLength(15);
}

test(`${TABS} tabs write at once and one of them sends; when it goes, another one does`, async ({ server, device }) => {
  test.setTimeout(240_000);
  const context = await device.open();
  const all = told();
  const tabs: Page[] = [];
  for (let tab = 0; tab < TABS; tab += 1) tabs.push(await openTab(context, server, all));
  await Promise.all(tabs.map((tab, index) => write(tab, `tab-${index}`, 10)));
  await expect.poll(() => server.effects.size, { timeout: 60_000 }).toBe(10 * TABS);
  const leads = (tab: Page) => tab.evaluate(() => engine.states.filter(({ kind }) => kind === 'status').at(-1)?.leader === true);
  const leaders = await Promise.all(tabs.map(leads));
  expect(leaders.filter(Boolean)).toHaveLength(1);
  await tabs[leaders.indexOf(true)]?.close();
  const others = tabs.filter((_, index) => leaders[index] === false);
  await Promise.all(others.map((tab, index) => write(tab, `then-${index}`, 5)));
  await expect.poll(() => server.effects.size, { timeout: 60_000 }).toBe(10 * TABS + 5 * (TABS - 1));
  await expectOnce(others[0] as Page, server, all);
  // Nobody but the one that sends: what is sent twice has two senders.
  expect(server.replays).toBe(0);
});
