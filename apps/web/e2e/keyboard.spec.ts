import { expect, test } from './support/test.ts';

test('expenses are written, found and left by keyboard alone', async ({ ana }) => {
  const { keyboard } = ana.page;
  const write = async (description: string, amount: string) => {
    const before = ana.page.url();
    await keyboard.press('n');
    await expect(ana.page.getByLabel('Description')).toBeFocused();
    await keyboard.type(description);
    await keyboard.press('Tab');
    await keyboard.type(amount);
    await keyboard.press('Enter');
    await ana.page.waitForURL((url) => url.href !== before && /expenses\/(?!new$)/.test(url.pathname));
    await expect(ana.page.getByRole('main')).toBeFocused();
    return ana.page.url();
  };
  const first = await write('First', '1');
  const second = await write('Second', '2');
  await expect(ana.rows()).toHaveCount(2);
  // The later one stands above.
  await keyboard.press('ArrowDown');
  await expect(ana.page).toHaveURL(first);
  await keyboard.press('ArrowUp');
  await expect(ana.page).toHaveURL(second);
  await keyboard.press('Escape');
  await expect(ana.page).toHaveURL(/\/expenses$/);
  await keyboard.press('/');
  await keyboard.type('first');
  await expect(ana.rows()).toHaveCount(1);
  await keyboard.press('Tab');
  await ana.rows().focus();
  await keyboard.press('Enter');
  await expect(ana.page).toHaveURL(first);
  await keyboard.press('g');
  await keyboard.press('s');
  await expect(ana.page).toHaveURL(/\/sync$/);
});

test('the focus goes along with the selection, so that the arrows reach the end of a long list', async ({ ana, server }) => {
  const payload = (index: number) => ({ expenseId: crypto.randomUUID(), description: `Row ${index}`, amountMinor: 100, currency: 'EUR', spentOn: '2026-11-20' });
  await server.send('ana', 'acme', Array.from({ length: 60 }, (_, index) => ({ type: 'EXPENSE_CREATE_V1', payload: payload(index) })));
  await ana.page.reload();
  await ana.rows().first().focus();
  await ana.page.keyboard.press('Enter');
  for (let row = 2; row <= 60; row += 1) {
    await ana.page.keyboard.press('ArrowDown');
    await expect(ana.page.locator(`[aria-posinset="${row}"] a`)).toBeFocused();
  }
});

test('a key counts from the moment at which the page is there', async ({ ana }) => {
  const { page } = ana;
  await page.addInitScript(() => {
    const pressed = new MutationObserver(() => {
      if (document.querySelector('h1')?.textContent !== 'Expenses') return;
      pressed.disconnect();
      document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'n', bubbles: true, cancelable: true }));
    });
    pressed.observe(document, { childList: true, subtree: true });
  });
  await page.reload();
  await expect(page.getByLabel('Description')).toBeFocused();
});
