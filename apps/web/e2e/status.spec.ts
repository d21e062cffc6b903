import { expect, test } from './support/test.ts';

test('what is on its way says so, and "Sync now" shows how far it is', async ({ ana, wire }) => {
  const { page } = ana;
  const context = page.context();
  await context.setOffline(true);
  const ids = [await ana.newExpense('One', '1.00'), await ana.newExpense('Two', '2.00')];
  await expect(page.getByText('2 changes kept on this device.')).toBeVisible();
  await ana.open('sync');
  const release = wire.hold();
  await context.setOffline(false);
  await expect(ana.commands('syncing')).toHaveCount(2);
  await expect(page.getByRole('progressbar', { name: 'Syncing' })).toBeVisible();
  await expect(page.getByText('0 of 2 sent')).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('data-phase', 'syncing');
  await ana.open('expenses');
  for (const id of ids) await expect(ana.row(id)).toHaveAttribute('data-sync', 'syncing');
  release();
  for (const id of ids) await expect(ana.row(id)).toHaveAttribute('data-sync', 'synced');
  await ana.open('sync');
  await expect(page.getByRole('progressbar')).toHaveCount(0);
  await page.getByRole('button', { name: 'Recently synced' }).click();
  await expect(page.getByRole('list', { name: 'Recently synced' }).getByRole('listitem')).toHaveCount(2);
});

test('the banner says what keeps changes from the server, and goes when nothing does', async ({ ana, wire }) => {
  const { page } = ana;
  wire.fault = 'captive-portal';
  await ana.newExpense('In the train', '4.00');
  await expect(page.getByText('Network sign-in needed. 1 change kept on this device.')).toBeVisible();
  wire.fault = 'unplugged';
  await ana.syncNow();
  await expect(page.getByText('Offline. 1 change kept on this device.')).toBeVisible();
  wire.fault = 'none';
  await page.getByRole('button', { name: 'Sync now' }).click();
  await ana.everythingSynced();
  await expect(page.getByText('kept on this device')).toHaveCount(0);
});

test('a database that the browser has thrown away is told of until somebody has read it', async ({ ana }) => {
  const { page } = ana;
  const notice = page.getByText('This browser deleted what was stored here.');
  await ana.newExpense('On the server', '4.00');
  await ana.everythingSynced();
  await ana.open('expenses');
  const home = page.url();
  await expect(notice).toHaveCount(0);
  // A page of the same site on which nothing of ours runs.
  await page.goto(new URL('/healthz', home).href);
  await expect(page).toHaveTitle('');
  const deleted = await page.evaluate(async () => {
    const names = (await indexedDB.databases()).map(({ name }) => name ?? '').filter((name) => name.startsWith('offline-outbox:acme:'));
    for (const name of names) {
      await new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase(name);
        request.onsuccess = resolve;
        request.onerror = reject;
      });
    }
    return names;
  });
  expect(deleted).toHaveLength(1);
  await page.goto(home);
  await expect(notice).toBeVisible();
  await page.reload();
  await expect(notice).toBeVisible();
  await page.getByRole('button', { name: 'Understood' }).click();
  await expect(notice).toHaveCount(0);
  await page.reload();
  await expect(page.getByText('On the server')).toBeVisible();
  await expect(notice).toHaveCount(0);
});
