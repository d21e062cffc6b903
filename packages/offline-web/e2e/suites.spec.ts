/** Every guarantee of every port, proven by the browser's adapters. */
import { test } from './browser.ts';
import { caseNames } from './cases.ts';

for (const name of await caseNames()) {
  test(name, async ({ suites }) => {
    await suites.evaluate((name) => globalThis.conformance.run(name), name);
  });
}
