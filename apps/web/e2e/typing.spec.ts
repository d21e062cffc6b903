import type { Page } from '@playwright/test';

import { expect, test } from './support/test.ts';

/** A disk that takes its time: keeps every write to ana's outbox waiting until the returned function is called. */
async function slowDisk(page: Page): Promise<() => Promise<void>> {
  const hold = await page.evaluateHandle(async () => {
    const opening = indexedDB.open('offline-outbox:acme:ana');
    const database = await new Promise<IDBDatabase>((resolve) => (opening.onsuccess = () => resolve(opening.result)));
    const transaction = database.transaction([...database.objectStoreNames], 'readwrite');
    const ended = new Promise<void>((resolve) => (transaction.oncomplete = () => resolve()));
    let held = true;
    await new Promise<void>((begun) => {
      const ask = () => {
        transaction.objectStore('meta').count().onsuccess = () => {
          begun();
          if (held) ask();
        };
      };
      ask();
    });
    return async () => {
      held = false;
      await ended;
      database.close();
    };
  });
  return () => hold.evaluate((release) => release());
}

test('what is typed while an expense is being saved is neither lost nor taken for saved', async ({ ana, server }) => {
  const { page } = ana;
  await page.context().setOffline(true);
  const id = await ana.newExpense('Hotel', '120');
  const main = page.getByRole('main');
  const save = main.getByRole('button', { name: 'Save changes' });
  await main.getByLabel('Description').fill('Hotel, two nights');
  const release = await slowDisk(page);
  await save.click();
  await expect(save).toHaveAttribute('aria-busy', 'true');
  await main.getByLabel('Amount').fill('240.00');
  // Ctrl+Enter reaches the form even while its button is off.
  await main.getByLabel('Amount').press('Control+Enter');
  await release();
  await expect(ana.row(id)).toContainText('Hotel, two nights');
  await expect(main.getByLabel('Amount')).toHaveValue('240.00');
  await expect(page.getByText('This has changed while you were typing')).toHaveCount(0);
  await save.click();
  await expect(ana.row(id)).toContainText('240.00');
  await expect(save).toBeDisabled();

  await page.context().setOffline(false);
  await ana.everythingSynced();
  expect(await server.records('acme', 'expense')).toMatchObject([{ id, version: 3, data: { description: 'Hotel, two nights', amountMinor: 24000 } }]);
});

test('what is typed while a new expense is being saved stays in its form, and so does the cursor', async ({ ana }) => {
  const { page } = ana;
  const main = page.getByRole('main');
  await main.getByRole('link', { name: 'New expense' }).first().click();
  await main.getByLabel('Amount').fill('3');
  const description = main.getByLabel('Description');
  await description.fill('Tea');
  const release = await slowDisk(page);
  await description.press('Control+Enter');
  await expect(main.getByRole('button', { name: 'Save expense' })).toBeDisabled();
  await description.pressSequentially(' and n');
  await release();
  await page.waitForURL(/expenses\/(?!new$)[^/]+$/);
  await description.pressSequentially('uts');
  await expect(description).toHaveValue('Tea and nuts');
  await expect(main.getByLabel('Amount')).toHaveValue('3.00');
  await description.press('Control+Enter');
  await expect(ana.rows()).toHaveCount(1);
  await expect(ana.rows()).toContainText('Tea and nuts');
});

test('what is typed while an invoice is being saved is not lost', async ({ ana, server }) => {
  const { page } = ana;
  await page.context().setOffline(true);
  const id = await ana.newInvoice('Bakery', { description: 'Bread', quantity: '3', unitPrice: '2.50', taxRate: '10' });
  const main = page.getByRole('main');
  const save = main.getByRole('button', { name: 'Save changes' });
  await main.getByLabel('Customer').fill('Bakery Rossi');
  const release = await slowDisk(page);
  await save.click();
  await expect(save).toHaveAttribute('aria-busy', 'true');
  const line = main.getByRole('group', { name: 'Line 1' });
  await line.getByLabel('Quantity').fill('4');
  await release();
  await expect(main.getByRole('heading', { name: 'Bakery Rossi' })).toBeVisible();
  await expect(line.getByLabel('Quantity')).toHaveValue('4');
  await save.click();
  await expect(save).toBeDisabled();
  await page.context().setOffline(false);
  await ana.everythingSynced();
  expect(await server.records('acme', 'invoice')).toMatchObject([{ id, version: 3, data: { customer: 'Bakery Rossi', totalMinor: 1100 } }]);
});

test('a conflict that arrives while somebody types takes nothing of it away', async ({ ana, server }) => {
  const { page } = ana;
  const id = await ana.newExpense('Taxi', '30.00');
  await expect(ana.row(id)).toHaveAttribute('data-sync', 'synced');
  await page.context().setOffline(true);
  await ana.editExpense(id, { amount: '31.00' });
  const [outcome] = await server.send('ben', 'acme', [{ type: 'EXPENSE_UPDATE_V1', payload: { expenseId: id, amountMinor: 3500 }, expected: { version: 1 } }]);
  expect(outcome).toMatchObject({ status: 'applied' });
  const description = page.getByRole('main').getByLabel('Description');
  await description.fill('Taxi to the airport');
  await page.context().setOffline(false);
  await expect(ana.row(id)).toHaveAttribute('data-sync', 'conflict');
  await expect(description).toHaveValue('Taxi to the airport');
  await page.getByRole('link', { name: 'Compare' }).click();
  await page.getByRole('button', { name: 'Retry with latest' }).click();
  await ana.everythingSynced();
  await ana.open('expenses');
  await ana.row(id).click();
  await expect(description).toHaveValue('Taxi to the airport');
});

test('what is typed and not saved survives a look at another page, and can be undone', async ({ ana }) => {
  const { page } = ana;
  const main = page.getByRole('main');
  const id = await ana.newExpense('Coffee', '3.20');
  await main.getByLabel('Description').fill('Coffee for two');
  await ana.open('sync');
  await ana.open('expenses');
  await ana.row(id).click();
  await expect(main.getByLabel('Description')).toHaveValue('Coffee for two');
  await main.getByRole('button', { name: 'Undo' }).click();
  await expect(main.getByLabel('Description')).toHaveValue('Coffee');

  await main.getByRole('link', { name: 'New expense' }).first().click();
  await main.getByLabel('Description').fill('Half a thought');
  await ana.open('invoices');
  await ana.open('expenses');
  await main.getByRole('link', { name: 'New expense' }).first().click();
  await expect(main.getByLabel('Description')).toHaveValue('Half a thought');
  await main.getByRole('button', { name: 'Cancel' }).click();
  await main.getByRole('link', { name: 'New expense' }).first().click();
  await expect(main.getByLabel('Description')).toHaveValue('');
});

test('a reload with something unsaved asks first, and without does not', async ({ ana }) => {
  const { page } = ana;
  const asked: string[] = [];
  page.on('dialog', (dialog) => {
    asked.push(dialog.type());
    void dialog.accept();
  });
  const id = await ana.newExpense('Coffee', '3.20');
  await page.reload();
  expect(asked).toEqual([]);
  await page.getByRole('main').getByLabel('Description').fill('Coffee for two');
  await page.reload();
  expect(asked).toEqual(['beforeunload']);
  await expect(page.getByRole('main').getByLabel('Description')).toHaveValue('Coffee');
  await expect(ana.row(id)).toContainText('Coffee');
});
