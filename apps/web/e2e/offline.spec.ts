import { app } from './support/app.ts';
import { device as newDevice } from './support/browser.ts';
import { expect, firstPage, shellIsKept, test } from './support/test.ts';

test('what was written without a network survives the browser and is synced once', async ({ server, device }) => {
  const url = server.url;
  let context = await device.open();
  let ana = app(await firstPage(context), url);
  await ana.signIn('Ana', 'Acme');
  await shellIsKept(ana.page);
  const seen = await ana.newExpense('Seen before', '5.00');
  await expect(ana.row(seen)).toHaveAttribute('data-sync', 'synced');

  await context.setOffline(true);
  const train = await ana.newExpense('Train to Turin', '48.50');
  const hotel = await ana.newExpense('Hotel', '120');
  const lunch = await ana.newExpense('Lunch', '17.20');
  await ana.editExpense(hotel, { description: 'Hotel, two nights' });
  await ana.editExpense(hotel, { amount: '240.00' });
  await expect(ana.rows('pending')).toHaveCount(3);
  const invoice = await ana.newInvoice('Bakery', { description: 'Bread', quantity: '3', unitPrice: '2.50', taxRate: '10' });
  await ana.open('invoices');
  await expect(ana.row(invoice)).toHaveAttribute('data-sync', 'pending');

  // The page is killed without a word, then the browser; the server is down when they come back.
  await ana.page.goto('chrome://crash').catch(() => {});
  await context.close();
  await server.kill();
  context = await device.open();
  ana = app(await firstPage(context), url);
  await ana.page.goto(`${url}/w/acme/expenses`);
  await expect(ana.rows('pending')).toHaveCount(3);
  await expect(ana.row(hotel)).toContainText('Hotel, two nights');
  await expect(ana.row(hotel)).toContainText('240.00');
  await expect(ana.row(seen)).toHaveAttribute('data-sync', 'synced');
  await ana.open('invoices');
  await expect(ana.row(invoice)).toHaveAttribute('data-sync', 'pending');
  await ana.page.goto(`${url}/w/acme/sync`);
  await expect(ana.commands('pending')).toHaveCount(6);

  await server.start();
  await ana.everythingSynced();
  await ana.open('expenses');
  await expect(ana.rows('synced')).toHaveCount(4);
  const expenses = await server.records('acme', 'expense');
  expect(expenses.map(({ id }) => id).toSorted()).toEqual([seen, train, hotel, lunch].toSorted());
  const record = expenses.find(({ id }) => id === hotel);
  expect(record).toMatchObject({ version: 3, data: { description: 'Hotel, two nights', amountMinor: 24000 } });
  const [bill] = await server.records('acme', 'invoice');
  expect(bill).toMatchObject({ id: invoice, version: 1, data: { netMinor: 750, taxMinor: 75, totalMinor: 825 } });
});

test('a deep link opens without a network, and a new device says that it needs one', async ({ server, device }) => {
  const context = await device.open();
  const ana = app(await firstPage(context), server.url);
  await ana.signIn('Ana', 'Acme');
  await shellIsKept(ana.page);
  const id = await ana.newExpense('Coffee', '3.20');
  await ana.everythingSynced();
  const { url } = server;
  await server.kill();
  await ana.page.goto(`${url}/w/acme/expenses/${id}`);
  await expect(ana.page.getByRole('main').getByLabel('Description')).toHaveValue('Coffee');

  const other = newDevice();
  const page = await firstPage(await other.open());
  await expect(page.goto(url)).rejects.toThrow(/ERR_CONNECTION_REFUSED/);
  await other.dispose();
});

test('the offline indicator follows the server, not the browser', async ({ ana, wire }) => {
  const root = ana.page.locator('html');
  await expect(root).toHaveAttribute('data-connectivity', 'online');
  wire.fault = 'unplugged';
  await ana.newExpense('Tea', '2.00');
  // The browser believes in its network all the time.
  await expect(root).toHaveAttribute('data-connectivity', 'offline');
  expect(await ana.page.evaluate(() => navigator.onLine)).toBe(true);
  wire.fault = 'none';
  await ana.syncNow();
  await expect(root).toHaveAttribute('data-connectivity', 'online');
});
