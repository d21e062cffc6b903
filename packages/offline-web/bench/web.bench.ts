/**
 * The product's engine beside plain IndexedDB, alternating on one real profile: medians over `ROUNDS` (5) rounds, and the ratio. Prints a table;
 * judges nothing. `MANY` is the size of the long queue (100,000).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Page, test } from '@playwright/test';

import { launch } from '../e2e/chromium.ts';
import type { BenchPage } from './page.ts';
import { openSite } from './site.ts';

declare global {
  var bench: BenchPage;
}

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const MANY = Number(process.env['MANY'] ?? 100_000);
const BURST = 10_000;

const rows = new Map<string, number[]>();
const note = (name: string, value: number): void => void rows.set(name, [...(rows.get(name) ?? []), value]);
const median = (name: string): number => {
  const values = (rows.get(name) ?? []).toSorted((a, b) => a - b);
  return values[values.length >> 1] ?? Number.NaN;
};

test('the engine beside plain IndexedDB', async () => {
  const site = await openSite();
  const profile = await mkdtemp(join(tmpdir(), 'offline-bench-'));
  const context = await launch(profile);
  const open = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(site.url);
    await page.waitForFunction(() => 'bench' in globalThis);
    return page;
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const user = `user-${round}`;
    const page = await open();
    note('start, empty', await page.evaluate((user) => bench.open(user, 0), user));
    site.answers = false;
    note('enqueue', await page.evaluate(() => bench.enqueueEach(300)));
    note('plain put', await page.evaluate((name) => bench.plainEach(name, 300), `each-${round}`));
    const [burst, burstBlocked] = await page.evaluate((count) => bench.enqueueAtOnce(count), BURST);
    note('burst', burst);
    note('burst, longest task', burstBlocked);
    note('plain transaction', await page.evaluate(([name, count]) => bench.plainAtOnce(name, 1, count), [`once-${round}`, BURST] as const));
    await page.close();

    const again = await open();
    note('start, 10,300 pending', await again.evaluate(([user, count]) => bench.open(user, count), [user, BURST + 300] as const));
    site.answers = true;
    site.batches = 0;
    const [flush, flushBlocked] = await again.evaluate(() => bench.flush());
    note('flush', flush);
    note('flush, longest task', flushBlocked);
    note('flush, requests', site.batches);
    note('plain flush', await again.evaluate((name) => bench.plainFlush(name), `once-${round}`));
    await again.evaluate(() => bench.close());
    await again.close();
  }
  if (MANY > 0) {
    const page = await open();
    await page.evaluate(() => bench.open('many', 0));
    site.answers = false;
    for (let count = 0; count < MANY; count += BURST) await page.evaluate((count) => bench.enqueueAtOnce(count), BURST);
    await page.close();
    for (let round = 0; round < ROUNDS; round += 1) {
      const again = await open();
      note('start, many pending', await again.evaluate((count) => bench.open('many', count), MANY));
      await again.evaluate(() => bench.close());
      await again.close();
    }
    const last = await open();
    await last.evaluate((count) => bench.open('many', count), MANY);
    site.answers = true;
    const [flush, longest] = await last.evaluate(() => bench.flush());
    note('flush of many, per 10,000', (flush / MANY) * 10_000);
    note('flush of many, longest task', longest);
    await last.close();
  }
  await context.close();
  await site.close();
  await rm(profile, { recursive: true, force: true });
  report();
});

function report(): void {
  const line = (what: string, ours: string, plain?: string): void => {
    const ratio = plain === undefined ? '' : `  plain ${median(plain).toFixed(2).padStart(9)}  ratio ${(median(ours) / median(plain)).toFixed(2)}`;
    process.stdout.write(`${what.padEnd(48)} ${median(ours).toFixed(2).padStart(9)}${ratio}\n`);
  };
  process.stdout.write(`\nMedians of ${ROUNDS} rounds, milliseconds\n`);
  line('one awaited durable enqueue (strict), p50', 'enqueue', 'plain put');
  line('10,000 at once until all are durable', 'burst', 'plain transaction');
  line('  longest task of the page meanwhile', 'burst, longest task');
  line('start with 10,300 pending, beside an empty one', 'start, 10,300 pending', 'start, empty');
  line('flush of 10,300', 'flush', 'plain flush');
  line('  requests', 'flush, requests');
  line('  longest task of the page meanwhile', 'flush, longest task');
  if (MANY === 0) return;
  line(`start with ${MANY} pending, beside an empty one`, 'start, many pending', 'start, empty');
  line(`flush of ${MANY}, for each 10,000`, 'flush of many, per 10,000', 'flush');
  line('  longest task of the page meanwhile', 'flush of many, longest task');
}
