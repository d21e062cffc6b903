/** The suites of every port in Firefox and WebKitGTK. `cargo xtask test browsers` installs both and says where they are. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { firefox } from '@playwright/test';

import { caseNames } from './cases.ts';
import { openPage, test as base } from './browser.ts';
import { openWebKit } from './webdriver.ts';

type RunCase = (name: string) => Promise<void>;

const test = base.extend<object, { inFirefox: RunCase; inWebKit: RunCase }>({
  inFirefox: [
    async ({ files }, use) => {
      const profile = await mkdtemp(join(tmpdir(), 'offline-firefox-'));
      const context = await firefox.launchPersistentContext(profile, { channel: 'moz-firefox', executablePath: named('FIREFOX'), headless: true });
      const page = await openPage(context, files);
      await use((name) => page.evaluate((name) => globalThis.conformance.run(name), name));
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
    { scope: 'worker' },
  ],
  inWebKit: [
    async ({ files }, use) => {
      const page = await openWebKit({ driver: named('WEBKIT_DRIVER'), browser: named('WEBKIT_BROWSER'), display: named('XVFB') });
      await page.goto(`${files.url}/e2e/page.html`);
      await page.run('while (globalThis.conformance === undefined) await new Promise(requestAnimationFrame)');
      await use((name) => page.run('await globalThis.conformance.run(args[0])', name));
      await page.close();
    },
    { scope: 'worker' },
  ],
});

function named(variable: string): string {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} must name a program; \`cargo xtask test browsers\` sets it`);
  return path;
}

for (const name of await caseNames()) {
  test(`Firefox: ${name}`, ({ inFirefox }) => inFirefox(name));
}

for (const name of await caseNames()) {
  test(`WebKit: ${name}`, ({ inWebKit }) => inWebKit(name));
}
