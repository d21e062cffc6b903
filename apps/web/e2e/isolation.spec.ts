import type { Page } from '@playwright/test';

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

test('what is unsynced at sign-out is kept unseen until its author is back, or deleted when he says so twice', async ({ ana, server, wire }) => {
  const { page } = ana;
  const context = page.context();
  await context.setOffline(true);
  const kept = await ana.newExpense('Canary that is kept', '12.00');
  await openSignOut(page);
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('1 change of Ana did not reach the server');
  await dialog.getByRole('button', { name: 'Sign out, keep them here' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await context.setOffline(false);

  const cleo = app(page, wire.url);
  await cleo.signIn('Cleo', 'Globex');
  await expect(page.getByText('No expenses yet')).toBeVisible();
  await expect(page.getByText('canary')).toHaveCount(0);
  expect(await server.records('acme', 'expense')).toEqual([]);
  await signOut(page);

  await ana.signIn('Ana', 'Acme');
  await expect(ana.row(kept)).toHaveAttribute('data-sync', 'synced');
  await context.setOffline(true);
  await ana.newExpense('Thrown away', '13.00');
  await openSignOut(page);
  await dialog.getByRole('button', { name: 'Sign out and delete them' }).click();
  await dialog.getByRole('button', { name: 'Yes, delete 1 change' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await context.setOffline(false);
  await ana.signIn('Ana', 'Acme');
  await expect(ana.rows()).toHaveCount(1);
  await ana.everythingSynced();
  expect((await server.records('acme', 'expense')).map(({ id }) => id)).toEqual([kept]);
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

async function openSignOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
}

async function signOut(page: Page): Promise<void> {
  await openSignOut(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
}
