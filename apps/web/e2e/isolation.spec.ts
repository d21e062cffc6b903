import { app } from './support/app.ts';
import { expect, firstPage, test } from './support/test.ts';

test('nothing of one user or workspace is seen by another on the same device', async ({ server, device }) => {
  const page = await firstPage(await device.open());
  const person = app(page, server.url);
  await person.signIn('Ana', 'Acme');
  const mine = await person.newExpense('Canary of ana', '11.00');
  await expect(person.row(mine)).toHaveAttribute('data-sync', 'synced');
  await page.context().setOffline(true);
  await person.newExpense('Unsent canary of ana', '12.00');
  await page.context().setOffline(false);
  await person.everythingSynced();
  await signOut(page);

  await person.signIn('Cleo', 'Globex');
  await expect(page.getByText('No expenses yet')).toBeVisible();
  await expect(page.getByText('canary', { exact: false })).toHaveCount(0);
  const left = await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name ?? ''));
  expect(left.filter((name) => name.includes('ana') || name.includes('acme'))).toEqual([]);
  await signOut(page);

  // Ben is in both: what he writes in one workspace is not in the other.
  await person.signIn('Ben', 'Acme');
  await expect(person.row(mine)).toBeVisible();
  const bens = await person.newExpense('Of acme only', '13.00');
  await expect(person.row(bens)).toHaveAttribute('data-sync', 'synced');
  await page.getByRole('button', { name: /Workspace Acme, switch/ }).first().click();
  await page.getByRole('menuitemradio', { name: 'Globex' }).or(page.getByRole('menuitem', { name: 'Globex' })).first().click();
  await page.waitForURL('**/w/globex/expenses');
  await expect(page.getByText('No expenses yet')).toBeVisible();
  await expect(person.rows()).toHaveCount(0);
});

test('a token of one workspace opens no other, and does not tell whether it exists', async ({ server }) => {
  const token = await server.signIn('ana', 'acme');
  const read = async (workspace: string) => {
    const response = await fetch(`${server.url}/workspaces/${workspace}/records/expense`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, body: await response.text() };
  };
  const foreign = await read('globex');
  expect(foreign.status).toBe(404);
  expect(foreign).toEqual(await read('does-not-exist'));
  const [outcome] = await server.send('ana', 'acme', [
    {
      workspaceId: 'globex',
      type: 'EXPENSE_CREATE_V1',
      payload: { expenseId: crypto.randomUUID(), description: 'x', amountMinor: 1, currency: 'EUR', spentOn: '2026-11-22' },
    },
  ]);
  expect(outcome).toMatchObject({ status: 'rejected', problem: { code: 'workspace-not-found' } });
  expect(await server.records('globex', 'expense')).toEqual([]);
});

async function signOut(page: import('@playwright/test').Page): Promise<void> {
  await page.getByRole('button', { name: /account|Ana|Ben|Cleo/i }).first().click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
}
