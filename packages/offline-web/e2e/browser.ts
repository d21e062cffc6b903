/** Chromium on a profile of its own, because an ordinary Playwright context keeps IndexedDB in memory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { test as base, type BrowserContext, type Page } from '@playwright/test';

import type * as Conformance from '../conformance/pkg/offline_web_conformance.js';
import { launch } from './chromium.ts';
import { serveFiles, type FileServer } from './server.ts';

/** An open partition of a page, and what it has told. */
export interface Engine {
  handle: Awaited<ReturnType<typeof Conformance.openEngine>>;
  events: { type: string }[];
  states: { kind: string; verdict?: string; leader?: boolean }[];
}

declare global {
  var conformance: typeof Conformance;
  var engine: Engine;
}

/** Opens the page that has the suites in `conformance`. */
export async function openPage(context: BrowserContext, files: FileServer): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${files.url}/e2e/page.html`);
  await page.waitForFunction(() => 'conformance' in globalThis);
  return page;
}

interface Shared {
  files: FileServer;
  profile: string;
  session: BrowserContext;
  /** One page for all cases that leave it as they found it. */
  suites: Page;
}

export const test = base.extend<{ tab: Page }, Shared>({
  files: [
    async ({}, use) => {
      const files = await serveFiles();
      await use(files);
      await files.close();
    },
    { scope: 'worker' },
  ],
  profile: [
    async ({}, use) => {
      const profile = await mkdtemp(join(tmpdir(), 'offline-web-'));
      await use(profile);
      await rm(profile, { recursive: true, force: true });
    },
    { scope: 'worker' },
  ],
  session: [
    async ({ profile }, use) => {
      const context = await launch(profile);
      await use(context);
      await context.close();
    },
    { scope: 'worker' },
  ],
  suites: [
    async ({ session, files }, use) => {
      await use(await openPage(session, files));
    },
    { scope: 'worker' },
  ],
  tab: async ({ session, files }, use) => {
    const tab = await openPage(session, files);
    await use(tab);
    await tab.close();
  },
});

export { expect } from '@playwright/test';
