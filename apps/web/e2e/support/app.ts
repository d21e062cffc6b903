import { type Locator, type Page, expect } from '@playwright/test';

export type Sync = 'synced' | 'pending' | 'syncing' | 'held' | 'conflict' | 'failed';

/** The app as a person uses it: by what is written on it. */
export interface App {
  readonly page: Page;
  signIn(name: string, workspace: string): Promise<void>;
  open(path: string): Promise<void>;
  newExpense(description: string, amount: string): Promise<string>;
  editExpense(id: string, change: { description?: string; amount?: string }): Promise<void>;
  submitExpense(id: string): Promise<void>;
  newInvoice(customer: string, line: { description: string; quantity: string; unitPrice: string; taxRate: string }): Promise<string>;
  /** The row of a record in its list. */
  row(id: string): Locator;
  /** Rows of the list that stands there, of any or of one status. */
  rows(sync?: Sync): Locator;
  /** Rows of the outbox on the page "Sync". */
  commands(sync?: Sync): Locator;
  syncNow(): Promise<void>;
  /** Waits until the outbox is empty. */
  everythingSynced(): Promise<void>;
}

export function app(page: Page, url: string): App {
  let home = '';
  const here = page.getByRole('main');
  const self: App = {
    page,
    async signIn(name, workspace) {
      await page.goto(url);
      await page.getByRole('button', { name: `Sign in as ${name} to ${workspace}` }).click();
      await page.waitForURL(/\/w\/[^/]+\/expenses/);
      home = new URL(page.url()).pathname.replace(/\/expenses.*$/, '');
      await expect(page.getByRole('heading', { name: 'Expenses', exact: true })).toBeVisible();
    },
    async open(path) {
      if (home === '') home = new URL(page.url()).pathname.replace(/^(\/w\/[^/]+).*$/, '$1');
      // By the app's own links, so that nothing is loaded anew.
      const name = { expenses: 'Expenses', invoices: 'Invoices', sync: 'Sync' }[path];
      if (name === undefined) throw new Error(`there is no page ${path}`);
      await page.getByRole('navigation').getByRole('link', { name }).first().click();
      await page.waitForURL(`**${home}/${path}`);
    },
    async newExpense(description, amount) {
      await here.getByRole('link', { name: 'New expense' }).first().click();
      await here.getByLabel('Description').fill(description);
      await here.getByLabel('Amount').fill(amount);
      await here.getByRole('button', { name: 'Save expense' }).click();
      return recordIn(page, 'expenses');
    },
    async editExpense(id, change) {
      // A new record stands open beside the list; an old one is opened from its row.
      if (!page.url().endsWith(`/${id}`)) await self.row(id).click();
      if (change.description !== undefined) await here.getByLabel('Description').fill(change.description);
      if (change.amount !== undefined) await here.getByLabel('Amount').fill(change.amount);
      const save = here.getByRole('button', { name: 'Save changes' });
      await save.click();
      // Stored: the form holds what the record holds again.
      await expect(save).toBeDisabled();
    },
    async submitExpense(id) {
      if (!page.url().endsWith(`/${id}`)) await self.row(id).click();
      await here.getByRole('button', { name: 'Submit', exact: true }).click();
    },
    async newInvoice(customer, line) {
      await self.open('invoices');
      await here.getByRole('link', { name: /New (invoice|draft)/ }).first().click();
      await here.getByLabel('Customer').fill(customer);
      const first = here.getByRole('group', { name: 'Line 1' });
      await first.getByLabel('Description').fill(line.description);
      await first.getByLabel('Quantity').fill(line.quantity);
      await first.getByLabel('Unit price').fill(line.unitPrice);
      await first.getByLabel('Tax %').fill(line.taxRate);
      await here.getByRole('button', { name: /^Save/ }).click();
      return recordIn(page, 'invoices');
    },
    row: (id) => page.locator(`[data-record-id="${id}"]`),
    rows: (sync) => page.locator(sync === undefined ? '[data-record-id]' : `[data-record-id][data-sync="${sync}"]`),
    commands: (sync) => page.locator(sync === undefined ? '[data-command-id]' : `[data-command-id][data-sync="${sync}"]`),
    async syncNow() {
      await self.open('sync');
      await here.getByRole('button', { name: 'Sync now' }).click();
    },
    async everythingSynced() {
      await self.open('sync');
      await expect(here.getByText('The server has everything.')).toBeVisible({ timeout: 60_000 });
    },
  };
  return self;
}

/** The id in the address once a new record has been saved. */
async function recordIn(page: Page, list: string): Promise<string> {
  await page.waitForURL(new RegExp(`/${list}/(?!new$)[^/]+$`));
  return new URL(page.url()).pathname.split('/').at(-1)!;
}
