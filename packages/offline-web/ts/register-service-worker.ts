import { reportUncaught, toOfflineError } from './error.ts';
import type { OfflineError } from './error.ts';
import type { OfflineClient } from './types.ts';

/** Between two looks for a new version while the page stays open. */
const LOOK_EVERY_MS = 60 * 60 * 1_000;

/** Switches to the new version and reloads this page. Waits until no flight is out; other tabs go on with the old version until they reload. */
export type UpdateReady = () => Promise<void>;

export interface ServiceWorkerOptions {
  /** Its `status` says when a flight is out. Null while nobody is signed in. */
  client: () => Pick<OfflineClient, 'status'> | null;
  /** A new version is there and waits. Ask the person, then call `apply`; it also takes over by itself once every tab is closed. */
  onUpdateReady: (apply: UpdateReady) => void;
  /** @default '/sw.js' */
  url?: string;
  /** @default 'classic' */
  type?: 'classic' | 'module';
  /** @default `reportError` */
  onError?: (error: OfflineError) => void;
}

/** Registers the service worker; returns a function that stops looking for updates. Where there are no service workers it does nothing. */
export function registerServiceWorker(options: ServiceWorkerOptions): () => void {
  const container = globalThis.navigator?.serviceWorker as ServiceWorkerContainer | undefined;
  if (container === undefined) return () => undefined;
  const { url = '/sw.js', type = 'classic', onError = reportUncaught } = options;
  const stop = new AbortController();
  const fail = (thrown: unknown): void => onError(toOfflineError(thrown, 'service-worker-failed'));
  container
    .register(url, { type, updateViaCache: 'none' })
    .then((registration) => {
      if (stop.signal.aborted) return;
      const offered = new WeakSet<ServiceWorker>();
      const offer = (worker: ServiceWorker | null): void => {
        if (worker === null || container.controller === null || offered.has(worker)) return;
        offered.add(worker);
        options.onUpdateReady(() => apply(worker, container, options.client));
      };
      watchInstalls(registration, offer, stop.signal);
      lookAgain(registration, stop.signal, fail);
    })
    .catch(fail);
  return () => stop.abort();
}

function watchInstalls(registration: ServiceWorkerRegistration, offer: (worker: ServiceWorker | null) => void, signal: AbortSignal): void {
  const follow = (): void => {
    const worker = registration.installing;
    worker?.addEventListener('statechange', () => void (worker.state === 'installed' && offer(worker)), { signal });
  };
  offer(registration.waiting);
  follow();
  registration.addEventListener('updatefound', follow, { signal });
}

/** A page that is open for days never navigates, so the browser does not look by itself. */
function lookAgain(registration: ServiceWorkerRegistration, signal: AbortSignal, fail: (thrown: unknown) => void): void {
  let last = performance.now();
  document.addEventListener(
    'visibilitychange',
    () => {
      if (document.visibilityState !== 'visible' || !navigator.onLine || performance.now() - last < LOOK_EVERY_MS) return;
      last = performance.now();
      registration.update().catch(fail);
    },
    { signal },
  );
}

async function apply(worker: ServiceWorker, container: ServiceWorkerContainer, client: ServiceWorkerOptions['client']): Promise<void> {
  const open = client();
  if (open !== null) await noFlight(open.status);
  container.addEventListener('controllerchange', () => globalThis.location.reload(), { once: true });
  worker.postMessage({ type: 'SKIP_WAITING' });
}

function noFlight(status: OfflineClient['status']): Promise<void> {
  if (status.get().phase !== 'syncing') return Promise.resolve();
  return new Promise((resolve) => {
    const unsubscribe = status.subscribe(() => {
      if (status.get().phase === 'syncing') return;
      unsubscribe();
      resolve();
    });
  });
}
