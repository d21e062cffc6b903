import { beforeEach, describe, expect, it, vi } from 'vitest';
import { serveShell } from '../service-worker.ts';
import type { ShellFile, ShellScope } from '../service-worker.ts';

const ORIGIN = 'https://erp.example';
type Listener = (event: never) => void;

/** The browser's side: caches in memory in the order of their making, a server that can be changed or cut off. */
function createBrowser() {
  const stores = new Map<string, Map<string, Response>>();
  const server = new Map<string, () => Response | Promise<Response>>();
  const fetched: string[] = [];
  const caches = {
    open: (name: string) => {
      const store = stores.get(name) ?? new Map<string, Response>();
      stores.set(name, store);
      return Promise.resolve({
        match: (path: string) => Promise.resolve(store.get(path)?.clone()),
        put: (path: string, response: Response) => Promise.resolve(void store.set(path, response)),
      });
    },
    has: (name: string) => Promise.resolve(stores.has(name)),
    delete: (name: string) => Promise.resolve(stores.delete(name)),
    keys: () => Promise.resolve([...stores.keys()]),
  };
  const fetch = async (request: Request | string): Promise<Response> => {
    const path = typeof request === 'string' ? request : new URL(request.url).pathname;
    fetched.push(path);
    const answer = server.get(path);
    if (answer === undefined) throw new TypeError('Failed to fetch');
    return answer();
  };
  return { stores, server, fetched, caches, fetch };
}

function start(browser: ReturnType<typeof createBrowser>, files: ShellFile[]) {
  const listeners = new Map<string, Listener>();
  const skipWaiting = vi.fn(() => Promise.resolve());
  const scope = {
    location: { origin: ORIGIN },
    caches: browser.caches,
    clients: { claim: () => Promise.resolve() },
    fetch: browser.fetch,
    skipWaiting,
    addEventListener: (type: string, listener: Listener) => void listeners.set(type, listener),
  };
  serveShell({ files, scope: scope as unknown as ShellScope });
  const dispatch = async (type: string, event: object = {}): Promise<void> => {
    const waits: Promise<unknown>[] = [];
    listeners.get(type)?.({ ...event, waitUntil: (promise: Promise<unknown>) => waits.push(promise) } as never);
    await Promise.all(waits);
  };
  return {
    skipWaiting,
    install: () => dispatch('install'),
    activate: () => dispatch('activate'),
    message: (data: unknown) => dispatch('message', { data }),
    /** What the page gets, or undefined when the worker leaves the request alone. */
    async request(path: string, init: { method?: string; mode?: string; origin?: string } = {}): Promise<string | undefined> {
      let answer: Promise<Response> | undefined;
      const request = { url: (init.origin ?? ORIGIN) + path, method: init.method ?? 'GET', mode: init.mode ?? 'same-origin' };
      listeners.get('fetch')?.({ request, respondWith: (response: Promise<Response>) => (answer = response) } as never);
      return (await answer)?.text();
    },
  };
}

const page = (text: string): Response => new Response(text, { headers: { 'content-type': 'text/html' } });
const script = (text: string): Response => new Response(text, { headers: { 'content-type': 'text/javascript' } });
const versioned = (version: string): ShellFile[] => [
  { url: '/index.html', revision: version },
  { url: `/assets/app-${version}.js`, revision: null },
  { url: `/assets/engine-${version}.wasm`, revision: null },
];

let browser: ReturnType<typeof createBrowser>;

function deploy(version: string): ShellFile[] {
  browser.server.clear();
  browser.server.set('/index.html', () => page(`page ${version}`));
  browser.server.set(`/assets/app-${version}.js`, () => script(`app ${version}`));
  browser.server.set(`/assets/engine-${version}.wasm`, () => new Response(`engine ${version}`, { headers: { 'content-type': 'application/wasm' } }));
  return versioned(version);
}

async function running(version: string) {
  const worker = start(browser, deploy(version));
  await worker.install();
  await worker.activate();
  return worker;
}

beforeEach(() => {
  browser = createBrowser();
});

describe('serving', () => {
  it('gives the whole shell with no server', async () => {
    const worker = await running('1');
    browser.server.clear();
    expect(await worker.request('/expenses/42', { mode: 'navigate' })).toBe('page 1');
    expect(await worker.request('/sync', { mode: 'navigate' })).toBe('page 1');
    expect(await worker.request('/assets/app-1.js')).toBe('app 1');
    expect(await worker.request('/assets/engine-1.wasm')).toBe('engine 1');
  });

  it.each([
    ['/sync/commands', { method: 'POST' }],
    ['/sync/hello', {}],
    ['/workspaces/acme/records/expense', {}],
    ['/dev/sign-in', { mode: 'navigate' }],
    ['/healthz', { mode: 'navigate' }],
    ['/readyz', { mode: 'navigate' }],
    ['/metrics', { mode: 'navigate' }],
    ['/openapi.pdf', { mode: 'navigate' }],
    ['/health', {}],
    ['/index.html', { method: 'HEAD' }],
    ['/assets/app-1.js', { origin: 'https://elsewhere.example' }],
  ])('leaves %s %o to the network', async (path, init) => {
    const worker = await running('1');
    expect(await worker.request(path, init)).toBeUndefined();
  });

  it('stores nothing that is not of the shell', async () => {
    const worker = await running('1');
    browser.server.set('/report.json', () => new Response('{}'));
    expect(await worker.request('/report.json')).toBe('{}');
    const stored = [...browser.stores.values()].flatMap((store) => [...store.keys()]);
    expect(stored.filter((path) => !path.startsWith('/.offline-shell/')).sort()).toEqual(['/assets/app-1.js', '/assets/engine-1.wasm', '/index.html']);
  });
});

describe('installing', () => {
  const cutOff = (): never => {
    throw new TypeError('Failed to fetch');
  };
  it.each<[string, () => Response]>([
    ['a file that does not come', cutOff],
    ['an error', () => new Response('no', { status: 503 })],
    ['a captive portal', () => page('<h1>Welcome to the hotel</h1>')],
    ['a redirect', () => Object.defineProperty(script('elsewhere'), 'redirected', { value: true })],
  ])('takes all files or none: %s', async (_, answer) => {
    const old = await running('1');
    const next = start(browser, deploy('2'));
    browser.server.set('/assets/app-2.js', answer);
    await expect(next.install()).rejects.toThrow();
    expect(browser.stores.size).toBe(1);
    expect(await old.request('/', { mode: 'navigate' })).toBe('page 1');
  });

  it('begins anew after a half-filled version', async () => {
    const worker = start(browser, deploy('1'));
    browser.server.set('/assets/app-1.js', cutOff);
    await expect(worker.install()).rejects.toThrow();
    const [name] = browser.stores.keys();
    if (name !== undefined) browser.stores.get(name)?.clear();
    deploy('1');
    await worker.install();
    await worker.activate();
    browser.server.clear();
    expect(await worker.request('/assets/app-1.js')).toBe('app 1');
  });

  it('never takes over by itself', async () => {
    await running('1');
    const next = start(browser, deploy('2'));
    await next.install();
    await next.message({ type: 'hello' });
    await next.message(null);
    expect(next.skipWaiting).not.toHaveBeenCalled();
    await next.message({ type: 'SKIP_WAITING' });
    expect(next.skipWaiting).toHaveBeenCalledTimes(1);
  });

  it('refuses a shell without its page', () => {
    expect(() => start(browser, [{ url: '/app.js', revision: null }])).toThrow('/index.html');
  });
});

describe('changing versions', () => {
  it('keeps the old version whole until the new one is active, and its chunks for tabs that still run it', async () => {
    const old = await running('1');
    const next = start(browser, deploy('2'));
    await next.install();
    browser.server.clear();
    expect(await old.request('/', { mode: 'navigate' })).toBe('page 1');
    await next.activate();
    expect(await next.request('/', { mode: 'navigate' })).toBe('page 2');
    expect(await next.request('/assets/app-1.js')).toBe('app 1');
  });

  it('keeps the version that was in use last, not one that was skipped', async () => {
    await running('1');
    await start(browser, deploy('2')).install();
    const third = await running('3');
    browser.server.clear();
    expect(await third.request('/assets/app-1.js')).toBe('app 1');
    expect(browser.stores.size).toBe(2);
  });

  it('leaves alone what is not its own, and a newer version on its way in', async () => {
    browser.stores.set('something-else', new Map());
    const second = start(browser, deploy('2'));
    await second.install();
    await start(browser, deploy('3')).install();
    await second.activate();
    expect(browser.stores.size).toBe(3);
  });
});
