import { expect, shellIsKept, test } from './support/test.ts';

/** An expense that ben makes on another device. */
const bens = (expenseId: string, description: string, amountMinor: number) => ({
  type: 'EXPENSE_CREATE_V1',
  payload: { expenseId, description, amountMinor, currency: 'EUR', spentOn: '2026-11-20' },
});

/** What the page's query cache holds in its database, as text. */
async function keptOnTheDevice(): Promise<string> {
  const result = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error ?? new Error('no answer'));
    });
  const database = await result(indexedDB.open('offline-cache:acme:ana'));
  const names = [...database.objectStoreNames];
  const all = await Promise.all(names.map((name) => result(database.transaction(name).objectStore(name).getAll())));
  database.close();
  return JSON.stringify(all);
}

test('what others write appears by itself, and is there after a start without a network', async ({ ana, server, wire }) => {
  const { page } = ana;
  const [first, second] = [crypto.randomUUID(), crypto.randomUUID()];
  await server.send('ben', 'acme', [bens(first, 'Lunch of the team', 4200)]);
  await expect(ana.row(first)).toContainText('42.00');
  await server.send('ben', 'acme', [{ type: 'EXPENSE_UPDATE_V1', payload: { expenseId: first, amountMinor: 4300 }, expected: { version: 1 } }]);
  await expect(ana.row(first)).toContainText('43.00');

  // What was missed while the network was gone is heard of when it is back.
  wire.fault = 'unplugged';
  await server.send('ben', 'acme', [bens(second, 'Taxi of the team', 900)]);
  const back = page.waitForRequest((request) => request.url().includes('/sync/events') && request.headers()['last-event-id'] !== undefined);
  wire.fault = 'none';
  await back;
  await expect(ana.row(second)).toContainText('9.00');

  // The list is written to the device a moment after it changed.
  await expect.poll(() => page.evaluate(keptOnTheDevice)).toContain('Taxi of the team');
  await shellIsKept(page);
  await page.context().setOffline(true);
  await page.reload();
  await expect(ana.row(first)).toContainText('43.00');
  await expect(ana.row(second)).toContainText('9.00');
});

test('a list is read whole once, and then only what changed', async ({ ana, server }) => {
  const { page } = ana;
  await expect(page.getByText('No expenses yet')).toBeVisible();
  const asked: URL[] = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.pathname === '/sync/changes' && url.searchParams.get('kinds') === 'expense') asked.push(url);
  });
  const id = await ana.newExpense('Lamp', '12.00');
  await expect(ana.row(id)).toHaveAttribute('data-sync', 'synced');
  await server.send('ben', 'acme', [bens('b-1', 'Chair', 100)]);
  await expect(ana.row('b-1')).toBeVisible();
  await page.reload();
  await expect(ana.row('b-1')).toBeVisible();
  await expect.poll(() => asked.length).toBeGreaterThan(2);
  expect(asked.filter(({ searchParams }) => !searchParams.has('since'))).toEqual([]);
});
