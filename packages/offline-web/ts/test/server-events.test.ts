/// <reference types="node" />
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { OfflineError } from '../error.ts';
import { type ServerEvents, type ServerEventsOptions, followServerEvents } from '../server-events.ts';

/** A server that a test plays, over real HTTP. */
let server: Server;
let requests: { request: IncomingMessage; response: ServerResponse }[] = [];
let events: ServerEvents | null = null;
let heard: (string | null)[] = [];
let errors: OfflineError[] = [];

beforeEach(async () => {
  requests = [];
  heard = [];
  errors = [];
  server = createServer((request, response) => requests.push({ request, response }));
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
});
afterEach(async () => {
  events?.stop();
  vi.unstubAllGlobals();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

/** However slow the machine is. */
const eventually = <T>(look: () => T | Promise<T>): Promise<T> => vi.waitFor(look, { timeout: 30_000 });

function follow(change: Partial<ServerEventsOptions> = {}): ServerEvents {
  events = followServerEvents({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    getToken: () => 'token',
    onChanged: (kind) => heard.push(kind),
    onError: (error) => errors.push(error),
    ...change,
  });
  return events;
}

/** The request with this number, once it is there. */
async function requestOf(number: number) {
  const { request, response } = await eventually(() => {
    const found = requests[number - 1];
    if (found === undefined) throw new Error(`no request ${number} yet`);
    return found;
  });
  const stream = (text: string): void => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream', 'sync-protocol': '1' });
    response.write(text);
  };
  return { request, response, stream };
}

const event = (name: string, id: string, data: object): string => `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
const hears = (expected: (string | null)[]) => eventually(() => expect(heard).toEqual(expected));

test('the token and the kinds are sent, and everything is due once the stream stands', async () => {
  follow({ kinds: ['expense', 'invoice'] });
  const { request, stream } = await requestOf(1);
  expect(request.url).toBe('/sync/events?kinds=expense%2Cinvoice');
  expect(request.headers).toMatchObject({ accept: 'text/event-stream', authorization: 'Bearer token' });
  expect(request.headers['last-event-id']).toBeUndefined();
  stream(event('ready', 'a', { changeSeq: 3 }));
  await hears([null]);
  const changed = event('changed', 'b', { kind: 'expense', changeSeq: 4 });
  // An event may come in pieces, with signs of life between events.
  stream(`: \n\n${changed.slice(0, 20)}`);
  stream(changed.slice(20));
  await hears([null, 'expense']);
});

test('a stream that ends is taken up where it was, and everything is due only when the server says so', async () => {
  follow();
  const first = await requestOf(1);
  first.stream(event('ready', 'a', { changeSeq: 3 }) + event('changed', 'b', { kind: 'invoice', changeSeq: 4 }));
  await hears([null, 'invoice']);
  first.response.end();
  const second = await requestOf(2);
  expect(second.request.headers['last-event-id']).toBe('b');
  second.stream(event('changed', 'c', { kind: 'expense', changeSeq: 5 }) + event('ready', 'c', { changeSeq: 5 }));
  await hears([null, 'invoice', 'expense']);
  second.response.end();
  const third = await requestOf(3);
  expect(third.request.headers['last-event-id']).toBe('c');
  third.stream(event('pull', 'd', { changeSeq: 9 }) + event('ready', 'd', { changeSeq: 9 }));
  await hears([null, 'invoice', 'expense', null]);
});

test('a refused token is told once and waits for a new one', async () => {
  let token: string | null = 'old';
  const refused = vi.fn();
  const followed = follow({ getToken: () => token, onUnauthorized: refused });
  (await requestOf(1)).response.writeHead(401, { 'sync-protocol': '1' }).end();
  await eventually(() => expect(refused).toHaveBeenCalledTimes(1));
  token = null;
  followed.hurry();
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(requests).toHaveLength(1);
  token = 'new';
  followed.hurry();
  expect((await requestOf(2)).request.headers.authorization).toBe('Bearer new');
});

test.each([
  ['a page of a captive portal', 200, { 'content-type': 'text/html' }],
  ['an answer that is no stream', 200, { 'content-type': 'application/json', 'sync-protocol': '1' }],
  ['too many streams', 503, { 'sync-protocol': '1', 'retry-after': '30' }],
])('%s is not listened to, and the server is asked again', async (_, status, headers) => {
  const refused = vi.fn();
  const followed = follow({ onUnauthorized: refused });
  (await requestOf(1)).response.writeHead(status, headers).end(event('ready', 'a', { changeSeq: 1 }));
  // It waits by itself; someone who knows better ends the wait.
  await eventually(() => {
    followed.hurry();
    expect(requests).toHaveLength(2);
  });
  (await requestOf(2)).stream(event('ready', 'z', { changeSeq: 1 }));
  await hears([null]);
  expect(refused).not.toHaveBeenCalled();
});

test('what a listener throws is reported and ends nothing', async () => {
  follow({
    onChanged: (kind) => {
      heard.push(kind);
      throw new Error('broken listener');
    },
  });
  const { stream } = await requestOf(1);
  stream(event('ready', 'a', { changeSeq: 1 }) + event('changed', 'b', { kind: 'expense', changeSeq: 2 }));
  await hears([null, 'expense']);
  expect(errors.map(({ code }) => code)).toEqual(['listener-failed', 'listener-failed']);
  expect(requests).toHaveLength(1);
});

test('a hidden page gives its connection back and hears what it missed when it is shown again', async () => {
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  vi.stubGlobal('document', page);
  const show = (visibilityState: string): void => {
    page.visibilityState = visibilityState;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  const followed = follow();
  const first = await requestOf(1);
  first.stream(event('ready', 'a', { changeSeq: 1 }));
  await hears([null]);
  const closed = new Promise((resolve) => first.response.on('close', resolve));
  show('hidden');
  await closed;
  followed.hurry();
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(requests).toHaveLength(1);
  show('visible');
  expect((await requestOf(2)).request.headers['last-event-id']).toBe('a');
});

test('a stream without a sign of life is given up and opened again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    follow();
    (await requestOf(1)).stream(event('ready', 'a', { changeSeq: 1 }));
    await eventually(() => expect(heard).toEqual([null]));
    await vi.advanceTimersByTimeAsync(45_000);
    await eventually(async () => {
      await vi.advanceTimersByTimeAsync(1_000);
      expect(requests).toHaveLength(2);
    });
  } finally {
    vi.useRealTimers();
  }
});

test('after a stop nothing is heard and nothing is asked', async () => {
  const followed = follow();
  const { response, stream } = await requestOf(1);
  stream(event('ready', 'a', { changeSeq: 1 }));
  await hears([null]);
  const closed = new Promise((resolve) => response.on('close', resolve));
  followed.stop();
  await closed;
  followed.hurry();
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect([requests.length, heard]).toEqual([1, [null]]);
});
