/** The service worker and the query cache in a real browser: what they are for is a start with no server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, expect, test as base } from '@playwright/test';
import type { BrowserContext, Page } from '@playwright/test';
import type { ShellPage } from './shell/page.ts';
import { openSite, script } from './shell/site.ts';
import type { Site } from './shell/site.ts';

declare global {
  var shell: ShellPage;
}

interface Browser {
  /** A new browser process on the same profile; ends the one before. */
  start(): Promise<BrowserContext>;
}

const test = base.extend<{ site: Site; browsers: Browser }>({
  site: async ({}, use) => {
    const site = await openSite();
    await use(site);
    await site.close();
  },
  browsers: async ({}, use) => {
    const profile = await mkdtemp(join(tmpdir(), 'offline-shell-'));
    let context: BrowserContext | undefined;
    await use({
      async start() {
        await context?.close();
        const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
        context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
        return context;
      },
    });
    await context?.close();
    await rm(profile, { recursive: true, force: true });
  },
});

/** Opens the first version and waits until its shell is stored. */
async function installed(site: Site, context: BrowserContext): Promise<Page> {
  await site.deploy('one');
  const page = await context.newPage();
  await page.goto(site.url);
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
  return page;
}

async function look(page: Page): Promise<void> {
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update());
}

test('shell and lists are there in a new browser process with no server', async ({ site, browsers }) => {
  const first = await installed(site, await browsers.start());
  expect(await first.evaluate(() => shell.ask())).toEqual({ says: 'server' });
  await expect.poll(() => first.evaluate(() => shell.stored())).toBe(1);
  site.answers = false;
  const page = await (await browsers.start()).newPage();
  await page.goto(`${site.url}/expenses/42`);
  expect(await page.title()).toBe('one');
  expect(await page.evaluate(() => shell.ask())).toEqual({ says: 'server' });
  expect(await page.evaluate(() => fetch('/workspaces/acme/records/expense').then(() => 'answered', () => 'failed'))).toBe('failed');
  expect(await page.evaluate(() => shell.errors)).toEqual([]);
});

test('a new version waits for consent, and an older tab goes on with its own files', async ({ site, browsers }) => {
  const context = await browsers.start();
  const page = await installed(site, context);
  const other = await context.newPage();
  await other.goto(`${site.url}/other`);
  await site.deploy('two');
  await look(page);
  await page.waitForFunction(() => shell.updates.length === 1);
  await page.goto(`${site.url}/again`);
  expect(await page.title()).toBe('one');
  await page.waitForFunction(() => shell.updates.length === 1);
  const reloaded = page.waitForEvent('load');
  await page.evaluate(() => void shell.updates[0]?.());
  await reloaded;
  expect(await page.title()).toBe('two');
  site.answers = false;
  expect(await other.title()).toBe('one');
  expect(await other.evaluate(async (path) => (await fetch(path)).status, script('one'))).toBe(200);
});

test('a captive portal does not become a part of the shell', async ({ site, browsers }) => {
  const page = await installed(site, await browsers.start());
  await site.deploy('two');
  site.lie(script('two'), 'text/html', '<h1>Welcome to the hotel</h1>');
  const fate = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    const found = new Promise<ServiceWorker | null>((resolve) => {
      registration.addEventListener('updatefound', () => resolve(registration.installing), { once: true });
    });
    await registration.update();
    const worker = await found;
    return new Promise((resolve) => {
      const settled = (): void => void (worker?.state !== 'installing' && resolve(worker?.state));
      worker?.addEventListener('statechange', settled);
      settled();
    });
  });
  expect(fate).toBe('redundant');
  expect(await page.evaluate(() => caches.keys())).toHaveLength(1);
  site.answers = false;
  await page.reload();
  expect(await page.title()).toBe('one');
});

test('a purge deletes the lists while another tab has them open', async ({ site, browsers }) => {
  const context = await browsers.start();
  const page = await installed(site, context);
  const other = await context.newPage();
  await other.goto(site.url);
  for (const tab of [page, other]) await tab.evaluate(() => shell.ask());
  expect(await page.evaluate(() => shell.purge())).toEqual([]);
  expect(await other.evaluate(() => shell.ask())).toEqual({ says: 'server' });
  expect(await other.evaluate(() => indexedDB.databases())).toEqual([]);
});
