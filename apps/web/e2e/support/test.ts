import { type BrowserContext, type Page, test as base } from '@playwright/test';

import { type App, app } from './app.ts';
import { type Device, device } from './browser.ts';
import { type FaultProxy, faultProxy } from './proxy.ts';
import { type ErpServer, erpServer } from './server.ts';

interface Fixtures {
  server: ErpServer;
  /** A person's device; ask for more with `device()`. */
  device: Device;
  wire: FaultProxy;
  /** Ana's app at acme, through the wire, signed in. */
  ana: App;
}

export const test = base.extend<Fixtures>({
  server: async ({}, use) => {
    const server = erpServer();
    await server.start();
    await use(server);
    await server.dispose();
  },
  device: async ({}, use) => {
    const one = device();
    await use(one);
    await one.dispose();
  },
  wire: async ({ server }, use) => {
    const wire = await faultProxy(server.port);
    await use(wire);
    await wire.dispose();
  },
  ana: async ({ device, wire }, use) => {
    const ana = app(await firstPage(await device.open()), wire.url);
    await ana.signIn('Ana', 'Acme');
    await use(ana);
  },
});

export { expect } from '@playwright/test';

/** The page that a browser opens with. */
export async function firstPage(context: BrowserContext): Promise<Page> {
  return context.pages()[0] ?? context.newPage();
}

/** Waits until the service worker holds the shell, so that the app loads without a network. */
export async function shellIsKept(page: Page): Promise<void> {
  await page.waitForFunction(async () => (await navigator.serviceWorker.ready).active?.state === 'activated');
}
