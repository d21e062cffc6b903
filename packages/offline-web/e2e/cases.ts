import { readFile } from 'node:fs/promises';

import { initSync, list } from '../conformance/pkg/offline_web_conformance.js';

/** The names of all cases, as the suites themselves tell them. */
export async function caseNames(): Promise<string[]> {
  initSync({ module: await readFile(new URL('../conformance/pkg/offline_web_conformance_bg.wasm', import.meta.url)) });
  return JSON.parse(list()) as string[];
}
