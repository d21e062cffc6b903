import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';

import type { EngineModule } from 'offline-web';

import { app } from './support/app.ts';
import { expect, firstPage, test } from './support/test.ts';

const assets = resolve(import.meta.dirname, '../dist/assets');
const MEGABYTE = 1024 * 1024;

test('10,000 records and 1,000 pending commands stay under 60 MB of heap', async ({ server, device }) => {
  test.setTimeout(240_000);
  for (let batch = 0; batch < 20; batch += 1) {
    const outcomes = await server.send('ana', 'acme', Array.from({ length: 500 }, (_, index) => expense(`Expense ${batch}-${index}`)));
    expect(outcomes.every(({ status }) => status === 'applied')).toBe(true);
  }
  const page = await firstPage(await device.open());
  const ana = app(page, server.url);
  await ana.signIn('Ana', 'Acme');
  await expect(page.getByText('10,000')).toBeVisible({ timeout: 60_000 });
  await page.context().setOffline(true);

  const chunk = readdirSync(assets).find((name) => /^erp_engine-.*\.js$/.test(name));
  expect(chunk, 'the engine is a chunk of its own').toBeDefined();
  await page.evaluate(enqueueAsAnotherTab, { url: `/assets/${chunk}`, commands: Array.from({ length: 1000 }, (_, index) => expense(`Pending ${index}`)) });
  await expect(page.getByText('11,000')).toBeVisible({ timeout: 60_000 });

  const inspector = await page.context().newCDPSession(page);
  await inspector.send('HeapProfiler.collectGarbage');
  const heap = await inspector.send('Runtime.getHeapUsage');
  const total = (heap.usedSize + heap.embedderHeapUsedSize + heap.backingStorageSize) / MEGABYTE;
  console.log(`heap with 10,000 records and 1,000 pending: ${total.toFixed(1)} MB, JavaScript's part ${(heap.usedSize / MEGABYTE).toFixed(1)} MB`);
  expect(total).toBeLessThan(60);
});

function expense(description: string): { type: string; payload: Record<string, unknown> } {
  const payload = { expenseId: crypto.randomUUID(), description, amountMinor: 1250, currency: 'EUR', spentOn: '2026-11-22', category: 'Travel' };
  return { type: 'EXPENSE_CREATE_V1', payload };
}

/** Typing a thousand expenses would take minutes; the app's own engine takes them from a second handle, as from a second tab. */
async function enqueueAsAnotherTab({ url, commands }: { url: string; commands: unknown[] }): Promise<void> {
  const engine = (await import(url)) as EngineModule;
  await engine.default();
  const host = { token: () => Promise.resolve(null), hears: false, onEvent: () => {}, onState: () => {} };
  const options = { workspaceId: 'acme', userId: 'ana', baseUrl: location.origin };
  const handle = await engine.openEngine(JSON.stringify(options), host);
  await Promise.all(commands.map((command) => handle.enqueue(JSON.stringify(command))));
  await handle.close();
}
