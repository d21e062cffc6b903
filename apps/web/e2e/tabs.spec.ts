import { app } from './support/app.ts';
import { expect, test } from './support/test.ts';

test('two tabs send no command twice and keep the order per record', async ({ ana, wire, server }) => {
  test.setTimeout(240_000);
  const context = ana.page.context();
  const other = app(await context.newPage(), wire.url);
  await other.page.goto(`${wire.url}/w/acme/expenses`);
  await context.setOffline(true);
  const perTab = 50;
  const write = async (tab: typeof ana, name: string) => {
    for (let index = 0; index < perTab; index += 1) {
      const id = await tab.newExpense(`${name} ${index}`, '1.00');
      await tab.editExpense(id, { amount: `${index + 2}.00` });
    }
  };
  // One after the other: a page in the background paints nothing.
  await ana.page.bringToFront();
  await write(ana, 'One');
  await other.page.bringToFront();
  await write(other, 'Two');
  await expect(other.page.getByText(`${4 * perTab}`).first()).toBeVisible();

  wire.batches.length = 0;
  await context.setOffline(false);
  await other.everythingSynced();
  await ana.page.bringToFront();
  await ana.everythingSynced();
  const sent = wire.batches.flat();
  expect(sent).toHaveLength(4 * perTab);
  expect(new Set(sent.map(({ commandId }) => commandId)).size).toBe(4 * perTab);
  expect(sent.map(({ seq }) => seq)).toEqual(sent.map(({ seq }) => seq).toSorted((a, b) => a - b));
  const expenses = await server.records('acme', 'expense');
  expect(expenses).toHaveLength(2 * perTab);
  expect(expenses.every(({ version }) => version === 2)).toBe(true);
});

test('what one tab writes, the other shows, and the follower takes over', async ({ ana, wire }) => {
  const context = ana.page.context();
  const other = app(await context.newPage(), wire.url);
  await other.page.goto(`${wire.url}/w/acme/expenses`);
  await context.setOffline(true);
  const id = await other.newExpense('From the second tab', '9.00');
  await expect(ana.row(id)).toHaveAttribute('data-sync', 'pending');
  await ana.page.close();
  await context.setOffline(false);
  await expect(other.row(id)).toHaveAttribute('data-sync', 'synced');
});
