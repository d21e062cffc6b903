import { type App } from './support/app.ts';
import { type ErpServer } from './support/server.ts';
import { expect, test } from './support/test.ts';

/** Ana and ben change one expense at the same time; ana also writes another one. */
async function conflict(ana: App, server: ErpServer): Promise<string> {
  const id = await ana.newExpense('Taxi', '30.00');
  await expect(ana.row(id)).toHaveAttribute('data-sync', 'synced');
  const context = ana.page.context();
  await context.setOffline(true);
  await ana.editExpense(id, { amount: '31.00' });
  await ana.newExpense('Another one', '7.00');
  const [outcome] = await server.send('ben', 'acme', [
    { type: 'EXPENSE_UPDATE_V1', payload: { expenseId: id, amountMinor: 3500 }, expected: { version: 1 } },
  ]);
  expect(outcome).toMatchObject({ status: 'applied' });
  await context.setOffline(false);
  await expect(ana.row(id)).toHaveAttribute('data-sync', 'conflict');
  await expect(ana.rows('synced')).toHaveCount(1);
  await ana.open('sync');
  await ana.commands('conflict').click();
  await expect(ana.page.getByRole('main')).toContainText('31.00');
  await expect(ana.page.getByRole('main')).toContainText('35.00');
  await expect(ana.page.getByRole('main')).toContainText('ben', { ignoreCase: true });
  return id;
}

test('a conflict shows both versions, and "retry with latest" makes the change on top', async ({ ana, server }) => {
  const id = await conflict(ana, server);
  await ana.page.getByRole('button', { name: 'Retry with latest' }).click();
  await ana.everythingSynced();
  await ana.open('expenses');
  await expect(ana.row(id)).toContainText('31.00');
  const record = (await server.records('acme', 'expense')).find((one) => one.id === id);
  expect(record).toMatchObject({ version: 3, data: { amountMinor: 3100 } });
});

test('"discard" leaves the record as the server has it', async ({ ana, server }) => {
  const id = await conflict(ana, server);
  await ana.page.getByRole('button', { name: 'Discard', exact: true }).click();
  await ana.page.getByRole('dialog').getByRole('button', { name: 'Discard', exact: true }).click();
  await ana.everythingSynced();
  await ana.open('expenses');
  await expect(ana.row(id)).toContainText('35.00');
  await expect(ana.row(id)).toHaveAttribute('data-sync', 'synced');
  const record = (await server.records('acme', 'expense')).find((one) => one.id === id);
  expect(record).toMatchObject({ version: 2, data: { amountMinor: 3500 } });
});

test('a refused command shows the reason, holds what depends on it, and lets the rest through', async ({ ana, server }) => {
  const context = ana.page.context();
  await context.setOffline(true);
  const refused = await ana.newExpense('A refund', '-5.00');
  await ana.submitExpense(refused);
  const fine = await ana.newExpense('Fine', '5.00');
  await context.setOffline(false);
  await expect(ana.row(refused)).toHaveAttribute('data-sync', 'failed');
  await expect(ana.row(fine)).toHaveAttribute('data-sync', 'synced');
  await ana.open('sync');
  await expect(ana.commands('failed')).toHaveCount(1);
  await expect(ana.commands('held')).toHaveCount(1);
  await expect(ana.commands('held')).toContainText(/Waits behind.*A refund/);
  expect((await server.records('acme', 'expense')).map(({ id }) => id)).toEqual([fine]);

  // Corrected and sent again, it takes what waited behind it along.
  await ana.commands('failed').click();
  await ana.page.getByRole('main').getByLabel('Amount').fill('5.00');
  await ana.page.getByRole('button', { name: 'Save and retry' }).click();
  await ana.everythingSynced();
  const record = (await server.records('acme', 'expense')).find(({ id }) => id === refused);
  expect(record).toMatchObject({ version: 2, data: { amountMinor: 500, state: 'submitted' } });
});

test('what was refused for one cause is sent again by one click', async ({ ana, server, wire }) => {
  wire.fault = 'forbidden';
  for (const name of ['Bread', 'Rolls', 'Coffee']) await ana.newExpense(name, '3.00');
  await ana.open('sync');
  await expect(ana.commands('failed')).toHaveCount(3);
  await expect(ana.page.getByRole('main')).toContainText('The server refused 3 changes');
  // The cause is still there: they are refused again, and none is lost.
  await ana.page.getByRole('button', { name: 'Retry all' }).click();
  await expect(ana.page.getByText('3 changes back in line to be sent.')).toBeVisible();
  await expect(ana.commands('failed')).toHaveCount(3);

  wire.fault = 'none';
  await ana.page.getByRole('button', { name: 'Retry all' }).click();
  await ana.everythingSynced();
  expect(await server.records('acme', 'expense')).toHaveLength(3);
});
