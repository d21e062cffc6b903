/** The engine as a page has it, against a server that the test plays. */
import type { BrowserContext, Page, Route } from '@playwright/test';

import { expect, openPage, test, type Engine } from './browser.ts';
import type { FileServer } from './server.ts';
import { HEADERS, HELLO } from './sync-server.ts';

interface Sent {
  commandId: string;
  seq: number;
  idempotencyKey: string;
}

declare global {
  var token: string | null;
}

/** A server for `/sync` of a context's pages, and everything it was sent. */
class Server {
  readonly batches: { commands: Sent[]; authorization: string | undefined }[] = [];
  /** How it answers commands instead of applying them; taken back with null. */
  instead: ((route: Route) => Promise<void>) | null = null;
  /** Whether somebody else answers everything. */
  portal = false;
  #changeSeq = 0;

  static async of(context: BrowserContext): Promise<Server> {
    const server = new Server();
    await context.unroute('**/sync/*');
    await context.route('**/sync/hello', (route) =>
      server.portal ? welcome(route) : route.fulfill({ status: 200, headers: HEADERS, json: HELLO }),
    );
    await context.route('**/sync/commands', (route) => server.#answer(route));
    return server;
  }

  get sent(): Sent[] {
    return this.batches.flatMap((batch) => batch.commands);
  }

  async #answer(route: Route): Promise<void> {
    const request = route.request();
    const { commands } = request.postDataJSON() as { commands: Sent[] };
    this.batches.push({ commands, authorization: await request.headerValue('authorization').then((value) => value ?? undefined) });
    if (this.portal) return welcome(route);
    if (this.instead !== null) return this.instead(route);
    const outcomes = commands.map(({ commandId }) => {
      this.#changeSeq += 1;
      return { commandId, status: 'applied', versions: [], result: null, replayed: false, changeSeq: this.#changeSeq };
    });
    return route.fulfill({ status: 200, headers: HEADERS, json: { outcomes } });
  }
}

function welcome(route: Route): Promise<void> {
  return route.fulfill({ status: 200, contentType: 'text/html', body: '<h1>Welcome to the hotel</h1>' });
}

let users = 0;

/** Opens the partition of `user` in a new tab. */
async function openEngine(session: BrowserContext, files: FileServer, user: string): Promise<Page> {
  const page = await openPage(session, files);
  await page.evaluate(async (userId) => {
    const events: Engine['events'] = [];
    const states: Engine['states'] = [];
    globalThis.token = 'secret';
    const options = JSON.stringify({ workspaceId: 'acme', userId, baseUrl: location.origin });
    const handle = await conformance.openEngine(options, {
      token: () => Promise.resolve(globalThis.token),
      onEvent: (event: string) => events.push(JSON.parse(event) as Engine['events'][number]),
      hears: true,
      onState: (state: string) => states.push(JSON.parse(state) as Engine['states'][number]),
    });
    globalThis.engine = { handle, events, states };
  }, user);
  return page;
}

function newUser(): string {
  users += 1;
  return `engine-${process.pid}-${users}`;
}

function enqueue(page: Page, first: number, count: number): Promise<void> {
  return page.evaluate(
    async ([first, count]) => {
      const numbers = Array.from({ length: count }, (_, index) => first + index);
      const command = (number: number) => ({ type: 'THING_CREATE_V1', payload: { thingId: `t${number}`, name: 'thing' } });
      await Promise.all(numbers.map((number) => engine.handle.enqueue(JSON.stringify(command(number)))));
    },
    [first, count] as const,
  );
}

function unsettled(page: Page): Promise<number> {
  return page.evaluate(async () => (JSON.parse(await engine.handle.list('{"by":"seq","after":0,"limit":5000}')) as unknown[]).length);
}

async function close(...pages: Page[]): Promise<void> {
  for (const page of pages) {
    await page.evaluate(() => engine.handle.close());
    await page.close();
  }
}

test('what is enqueued is sent in order, with the token, and journaled', async ({ session, files }) => {
  const server = await Server.of(session);
  const page = await openEngine(session, files, newUser());
  await enqueue(page, 1, 20);
  await expect.poll(() => unsettled(page)).toBe(0);
  expect(server.sent.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  expect(server.batches[0]?.authorization).toBe('Bearer secret');
  const journal = await page.evaluate(async () => JSON.parse(await engine.handle.journal('{"limit":100}')) as unknown[]);
  expect(journal).toHaveLength(20);
  await close(page);
});

test('two tabs: both enqueue, one sends, nothing twice; when it closes the other one sends', async ({ session, files }) => {
  const server = await Server.of(session);
  const user = newUser();
  const [one, two] = [await openEngine(session, files, user), await openEngine(session, files, user)];
  await Promise.all([enqueue(one, 1, 100), enqueue(two, 101, 100)]);
  await expect.poll(() => unsettled(one)).toBe(0);
  const ids = server.sent.map(({ commandId }) => commandId);
  expect(new Set(ids).size).toBe(200);
  expect(ids).toHaveLength(200);
  expect(await two.evaluate(() => engine.events.filter(({ type }) => type === 'outcome').length)).toBeGreaterThan(0);
  await close(one);
  await enqueue(two, 201, 1);
  await expect.poll(() => unsettled(two)).toBe(0);
  await close(two);
});

test('a tab that enqueues and closes at once has told the one that sends', async ({ session, files }) => {
  const server = await Server.of(session);
  const user = newUser();
  const [one, two] = [await openEngine(session, files, user), await openEngine(session, files, user)];
  await enqueue(one, 1, 1);
  await expect.poll(() => unsettled(one)).toBe(0);
  await two.evaluate(async () => {
    await engine.handle.enqueue(JSON.stringify({ type: 'THING_CREATE_V1', payload: { thingId: 't2', name: 'thing' } }));
    await engine.handle.close();
  });
  await expect.poll(() => server.sent.length).toBe(2);
  await two.close();
  await close(one);
});

test('a captive portal settles nothing and is named', async ({ session, files }) => {
  const server = await Server.of(session);
  server.portal = true;
  const page = await openEngine(session, files, newUser());
  await enqueue(page, 1, 3);
  await expect.poll(() => page.evaluate(() => engine.states.filter(({ kind }) => kind === 'connectivity').at(-1)?.verdict)).toBe('captive-portal');
  expect(await unsettled(page)).toBe(3);
  server.portal = false;
  await page.evaluate(() => engine.handle.syncNow());
  await expect.poll(() => unsettled(page)).toBe(0);
  await close(page);
});

test('a batch whose connection broke may be on the server, and a discard says so', async ({ session, files }) => {
  const server = await Server.of(session);
  server.instead = (route) => route.abort('connectionreset');
  const page = await openEngine(session, files, newUser());
  await enqueue(page, 1, 1);
  const attempts = () =>
    page.evaluate(async () => (JSON.parse(await engine.handle.list('{"by":"seq","after":0,"limit":9}')) as { attempts: number }[])[0]?.attempts);
  await expect.poll(attempts).toBeGreaterThan(0);
  // While it is on the wire once more it cannot be discarded.
  const discard = () =>
    page.evaluate(async () => {
      const [entry] = JSON.parse(await engine.handle.list('{"by":"seq","after":0,"limit":9}')) as { commandId: string }[];
      return engine.handle.discard(entry?.commandId ?? '', undefined).then(
        (report: string) => (JSON.parse(report) as { maybeApplied: string[] }).maybeApplied.length,
        () => 0,
      );
    });
  await expect.poll(discard).toBe(1);
  expect(await unsettled(page)).toBe(0);
  await close(page);
});

test('a refused token pauses without an attempt, and a new login goes on', async ({ session, files }) => {
  const server = await Server.of(session);
  server.instead = (route) => route.fulfill({ status: 401, headers: HEADERS, json: {} });
  const page = await openEngine(session, files, newUser());
  await enqueue(page, 1, 2);
  await expect.poll(() => page.evaluate(() => engine.events.some(({ type }) => type === 'login-needed'))).toBe(true);
  const attempts = await page.evaluate(
    async () => (JSON.parse(await engine.handle.list('{"by":"seq","after":0,"limit":9}')) as { attempts: number }[]).map((entry) => entry.attempts),
  );
  expect(attempts).toEqual([0, 0]);
  server.instead = null;
  await page.evaluate(() => {
    globalThis.token = 'fresh';
    engine.handle.signedIn();
  });
  await expect.poll(() => unsettled(page)).toBe(0);
  expect(server.batches.at(-1)?.authorization).toBe('Bearer fresh');
  await close(page);
});

test('without a token nothing is sent', async ({ session, files }) => {
  const server = await Server.of(session);
  const page = await openEngine(session, files, newUser());
  await page.evaluate(() => void (globalThis.token = null));
  await enqueue(page, 1, 1);
  await expect.poll(() => page.evaluate(() => engine.events.some(({ type }) => type === 'login-needed'))).toBe(true);
  expect(server.batches).toHaveLength(0);
  await close(page);
});

test('an answer that is cut off is asked for again under the same keys', async ({ session, files }) => {
  const server = await Server.of(session);
  server.instead = (route) => route.fulfill({ status: 200, headers: HEADERS, body: '{"outcomes":[{"comm' });
  const page = await openEngine(session, files, newUser());
  await enqueue(page, 1, 3);
  await expect.poll(() => server.batches.length).toBeGreaterThan(0);
  server.instead = null;
  await page.evaluate(() => engine.handle.syncNow());
  await expect.poll(() => unsettled(page)).toBe(0);
  const keys = new Map<string, Set<string>>();
  for (const { commandId, idempotencyKey } of server.sent) keys.set(commandId, (keys.get(commandId) ?? new Set()).add(idempotencyKey));
  expect([...keys.values()].map((known) => known.size)).toEqual([1, 1, 1]);
  await close(page);
});

test('what is wrong with a command is said with a stable code, and nothing is stored', async ({ session, files }) => {
  await Server.of(session);
  const page = await openEngine(session, files, newUser());
  const codes = await page.evaluate(async () => {
    const wrong = [
      '{"type":"THING_CREATE","payload":{}}',
      '{"type":"NOBODY_V1","payload":{}}',
      '{"type":"THING_CREATE_V1","payload":{"thingId":"t1","name":"x","color":"red"}}',
      '{"type":"THING_CREATE_V1","payload":{"thingId":"t1","name":"x"},"dependsOn":["no uuid"]}',
      '{"type":"THING_CREATE_V1","payload":{"thingId":"t1","name":"x"},"urgent":true}',
      'not json',
    ];
    const code = (text: string) =>
      engine.handle.enqueue(text).then(
        () => 'stored',
        (error: string) => (JSON.parse(error) as { code: string }).code,
      );
    return Promise.all(wrong.map(code));
  });
  expect(codes).toEqual(['invalid-command-type', 'unknown-command-type', 'invalid-payload', 'invalid-command', 'invalid-command', 'invalid-command']);
  expect(await unsettled(page)).toBe(0);
  await close(page);
});

test('fractions go through the engine as they are', async ({ session, files }) => {
  const tab = await openEngine(session, files, newUser());
  const texts = ['0.1', '-2.5', '2.0', '-0.0', '1e21', '1e-7', '123456789.0625', '5e-324', '1.7976931348623157e308', '18446744073709551616'];
  const shown = await tab.evaluate((texts) => {
    const [at, id] = ['2026-11-22T18:00:00.000Z', '019343a0-0000-7000-8000-000000000001'];
    const record = `[{"id":"r","version":1,"data":[${texts.join()}],"updatedAt":"${at}","updatedBy":"ben"}]`;
    // Of a type that is not known here, so that the record is shown as the server has it.
    const entry = {
      ...{ commandId: id, workspaceId: 'acme', userId: 'ada', deviceId: 'd', seq: 1, type: 'THING_PAINT_V7', payload: {} },
      ...{ touches: [{ kind: 'thing', id: 'r' }], expected: null, dependsOn: [], status: 'PENDING', attempts: 0 },
      ...{ nextAttemptAt: null, idempotencyKey: 'k', createdAt: at, clientTraceId: 't', lastError: null, conflict: null, heldBy: null },
    };
    return engine.handle.overlay('thing', record, JSON.stringify([entry]), '[]');
  }, texts);
  const written = /"data":\[(.*?)\]/.exec(shown)?.[1]?.split(',') ?? [];
  expect(written.map(Number)).toEqual(texts.map(Number));
  expect(written.slice(2, 4)).toEqual(['2.0', '-0.0']);
  await close(tab);
});

test('a page that is not secure, without Web Locks, sends by the lease alone', async ({ session, files }) => {
  const server = await Server.of(session);
  const user = newUser();
  const tab = await session.newPage();
  await tab.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
  await tab.goto(`${files.url}/e2e/page.html`);
  await tab.waitForFunction(() => 'conformance' in globalThis);
  await tab.evaluate(async (userId) => {
    const options = JSON.stringify({ workspaceId: 'acme', userId, baseUrl: location.origin });
    const handle = await conformance.openEngine(options, { token: () => Promise.resolve('secret'), hears: false, onEvent() {}, onState() {} });
    globalThis.engine = { handle, events: [], states: [] };
  }, user);
  await enqueue(tab, 1, 2);
  await expect.poll(() => server.sent.length).toBe(2);
  await close(tab);
});
