import { expect, test } from './support/test.ts';

test('an answer that is cut off after the effect leads to one effect', async ({ ana, wire, server }) => {
  const context = ana.page.context();
  await context.setOffline(true);
  for (const name of ['One', 'Two', 'Three']) await ana.newExpense(name, '4.00');
  wire.fault = 'cut-the-answer';
  wire.onBatch = () => {
    wire.fault = 'none';
  };
  wire.batches.length = 0;
  await context.setOffline(false);
  await ana.everythingSynced();
  // Chromium may repeat a request by itself; what counts is that it was sent more than once and took effect once.
  expect(wire.batches.length).toBeGreaterThan(1);
  const expenses = await server.records('acme', 'expense');
  expect(expenses.map(({ version }) => version)).toEqual([1, 1, 1]);
});

test('a refused token loses nothing, counts no attempt, and a new sign-in continues', async ({ ana, wire, server }) => {
  const context = ana.page.context();
  await context.setOffline(true);
  for (const name of ['One', 'Two']) await ana.newExpense(name, '4.00');
  wire.fault = 'unauthorized';
  await context.setOffline(false);
  const banner = ana.page.getByText('Sign in again to sync');
  await expect(banner).toBeVisible();
  await ana.newExpense('Written meanwhile', '6.00');
  await ana.open('sync');
  await expect(ana.commands('pending')).toHaveCount(3);
  for (const attempts of await ana.page.locator('.outbox-attempts').allTextContents()) expect(attempts).toMatch(/^0/);

  wire.fault = 'none';
  await ana.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await ana.page.getByRole('button', { name: 'Sign in as Ana' }).click();
  await ana.everythingSynced();
  await expect(banner).toBeHidden();
  expect(await server.records('acme', 'expense')).toHaveLength(3);
});

test('a captive portal settles nothing and is shown no command', async ({ ana, wire, server }) => {
  const context = ana.page.context();
  await context.setOffline(true);
  await ana.newExpense('In the train', '4.00');
  wire.fault = 'captive-portal';
  wire.batches.length = 0;
  await context.setOffline(false);
  await expect(ana.page.locator('html')).toHaveAttribute('data-connectivity', 'captive-portal');
  await ana.syncNow();
  await expect(ana.commands('pending')).toHaveCount(1);
  expect(wire.batches).toEqual([]);
  expect(await server.records('acme', 'expense')).toEqual([]);
  wire.fault = 'none';
  await ana.page.getByRole('button', { name: 'Sync now' }).click();
  await ana.everythingSynced();
  expect(await server.records('acme', 'expense')).toHaveLength(1);
});

test('the server is killed in the middle of the day and nothing is lost', async ({ ana, server }) => {
  await ana.newExpense('Before', '1.00');
  await server.kill();
  await ana.newExpense('While it was down', '2.00');
  await server.start();
  await ana.syncNow();
  await ana.everythingSynced();
  expect((await server.records('acme', 'expense')).map(({ version }) => version)).toEqual([1, 1]);
});
