/**
 * The service worker that loads the application with no network. It keeps the files of the shell, whole versions at a time, and nothing else: what a
 * server says at run time is never stored here.
 *
 * A version is one cache. It is filled completely before the worker counts as installed, waits until the page asks for it (`SKIP_WAITING`) or every tab
 * is closed, and leaves the version before it in place, because tabs of that version may still load parts of it.
 */

/** One file of the shell. */
export interface ShellFile {
  /** Absolute path, `/assets/index-3f2a.js`. */
  url: string;
  /** Changes with the content; null when the name does. */
  revision: string | null;
  /** `sha256-...`: then nothing but this very content is accepted, whatever stands between us and the server. */
  integrity?: string;
}

export interface ShellOptions {
  /** Every file that the application needs to start and run, the engine's wasm file among them. */
  files: readonly ShellFile[];
  /** What a navigation gets; one of `files`. @default '/index.html' */
  index?: string;
  /** Paths beginning with one of these go to the network, always. @default those of the server: its API, and what an operator looks at in a browser */
  networkOnly?: readonly string[];
  /** @default the worker's own global scope */
  scope?: ShellScope;
}

/** The part of `ServiceWorkerGlobalScope` that is used; the types of pages and workers do not go together in one program. */
export interface ShellScope {
  readonly location: { readonly origin: string };
  readonly caches: CacheStorage;
  readonly clients: { claim(): Promise<void> };
  fetch(request: Request | string, init?: RequestInit): Promise<Response>;
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: WaitEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: ShellFetchEvent) => void): void;
  addEventListener(type: 'message', listener: (event: WaitEvent & { data: unknown }) => void): void;
}

interface WaitEvent {
  waitUntil(promise: Promise<unknown>): void;
}

interface ShellFetchEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const SERVER_PATHS = ['/sync/', '/workspaces/', '/dev/', '/healthz', '/readyz', '/metrics'];
const PREFIX = 'offline-shell:';
/** Marks in the cache of a version, never files of the shell: that all of it is there, and when it was taken into use. */
const COMPLETE = '/.offline-shell/complete';
const ACTIVATED = '/.offline-shell/activated';

/** Makes this service worker serve the shell. Call it once, at the top of the worker. */
export function serveShell(options: ShellOptions): void {
  const { files, index = '/index.html', networkOnly = SERVER_PATHS } = options;
  const scope = options.scope ?? (globalThis as unknown as ShellScope);
  const urls = new Set(files.map((file) => file.url));
  if (!urls.has(index)) throw new Error(`The shell has no ${index}.`);
  const name = PREFIX + fingerprint(files);

  scope.addEventListener('install', (event) => event.waitUntil(install(scope, name, files)));
  scope.addEventListener('activate', (event) => event.waitUntil(activate(scope, name)));
  scope.addEventListener('message', (event) => {
    if (isSkipWaiting(event.data)) event.waitUntil(scope.skipWaiting());
  });
  scope.addEventListener('fetch', (event) => {
    const { request } = event;
    const url = new URL(request.url);
    if (request.method !== 'GET' || url.origin !== scope.location.origin) return;
    if (networkOnly.some((prefix) => url.pathname.startsWith(prefix))) return;
    if (urls.has(url.pathname)) event.respondWith(serve(scope, name, url.pathname, request));
    else if (request.mode === 'navigate') {
      if (!hasExtension(url.pathname)) event.respondWith(serve(scope, name, index, request));
    } else if (hasExtension(url.pathname)) event.respondWith(serveOlder(scope, url.pathname, request));
  });
}

/** All files or none: the mark that a version is complete comes last, and one without it is begun anew. */
async function install(scope: ShellScope, name: string, files: readonly ShellFile[]): Promise<void> {
  if ((await mark(scope, name, COMPLETE)) !== null) return;
  await scope.caches.delete(name);
  const cache = await scope.caches.open(name);
  try {
    await Promise.all(files.map(async (file) => cache.put(file.url, await download(scope, file))));
    await cache.put(COMPLETE, new Response('1'));
  } catch (thrown) {
    await scope.caches.delete(name);
    throw thrown;
  }
}

async function download(scope: ShellScope, file: ShellFile): Promise<Response> {
  const init: RequestInit = { cache: 'no-cache', credentials: 'same-origin' };
  const response = await scope.fetch(file.url, file.integrity === undefined ? init : { ...init, integrity: file.integrity });
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok) throw new Error(`${file.url} was answered with ${response.status}.`);
  if (response.redirected) throw new Error(`${file.url} was redirected: something else than our server answered.`);
  if (type.startsWith('text/html') && !file.url.endsWith('.html')) throw new Error(`${file.url} was answered with a page.`);
  return response;
}

/** Removes the versions before this one but for the last that was in use. What came after it is a newer version on its way in. */
async function activate(scope: ShellScope, name: string): Promise<void> {
  const keys = (await scope.caches.keys()).filter((key) => key.startsWith(PREFIX));
  const older = await Promise.all(
    keys.slice(0, Math.max(0, keys.indexOf(name))).map(async (key) => ({ key, used: Number(await mark(scope, key, ACTIVATED)) })),
  );
  const previous = older.toSorted((a, b) => b.used - a.used)[0];
  const kept = previous !== undefined && previous.used > 0 ? previous.key : null;
  await Promise.all(older.filter(({ key }) => key !== kept).map(({ key }) => scope.caches.delete(key)));
  const cache = await scope.caches.open(name);
  await cache.put(ACTIVATED, new Response(String(Date.now())));
  await scope.clients.claim();
}

async function mark(scope: ShellScope, name: string, which: string): Promise<string | null> {
  if (!(await scope.caches.has(name))) return null;
  const response = await (await scope.caches.open(name)).match(which);
  return response === undefined ? null : response.text();
}

async function serve(scope: ShellScope, name: string, path: string, request: Request): Promise<Response> {
  const cache = await scope.caches.open(name);
  return (await cache.match(path)) ?? scope.fetch(request);
}

/** A path that this version does not know may be a part of the version before it, asked for by a tab that still runs that. */
async function serveOlder(scope: ShellScope, path: string, request: Request): Promise<Response> {
  for (const key of await scope.caches.keys()) {
    if (!key.startsWith(PREFIX)) continue;
    const response = await (await scope.caches.open(key)).match(path);
    if (response !== undefined) return response;
  }
  return scope.fetch(request);
}

function isSkipWaiting(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === 'SKIP_WAITING';
}

const hasExtension = (path: string): boolean => /\.[^/]+$/.test(path);

/** Two 32-bit FNV-1a runs over the list of files: tells versions apart, and guards against nothing. */
function fingerprint(files: readonly ShellFile[]): string {
  const text = JSON.stringify(files.map(({ url, revision, integrity }) => [url, revision, integrity]).sort());
  return [0x811c9dc5, 0x01234567]
    .map((start) => {
      let hash = start;
      for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
      return (hash >>> 0).toString(16).padStart(8, '0');
    })
    .join('');
}
