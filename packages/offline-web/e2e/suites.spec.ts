/** Every guarantee of every port, proven by the browser's adapters. The names come from the suites themselves. */
import { readFile } from 'node:fs/promises';

import { initSync, list } from '../conformance/pkg/offline_web_conformance.js';
import { test } from './browser.ts';

const module = await readFile(new URL('../conformance/pkg/offline_web_conformance_bg.wasm', import.meta.url));
initSync({ module });
const names = JSON.parse(list()) as string[];

for (const name of names) {
  test(name, async ({ suites }) => {
    await suites.evaluate((name) => globalThis.conformance.run(name), name);
  });
}
