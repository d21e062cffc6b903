import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerServiceWorker } from '../index.ts';
import type { OfflineError, SyncStatus, UpdateReady } from '../index.ts';
import { createCell } from '../readable.ts';
import { STATUS } from './fake-engine.ts';

const createWorker = (state: string) => Object.assign(new EventTarget(), { state, postMessage: vi.fn() });
type Worker = ReturnType<typeof createWorker>;

const reload = vi.fn();
let registration: EventTarget & { waiting: Worker | null; installing: Worker | null; update: () => Promise<void> };
let container: EventTarget & { controller: object | null; register: ReturnType<typeof vi.fn> };
let page: EventTarget & { visibilityState: string };
let status: ReturnType<typeof createCell<SyncStatus>>;
let ready: UpdateReady[];
let errors: OfflineError[];

beforeEach(() => {
  registration = Object.assign(new EventTarget(), { waiting: null, installing: null, update: vi.fn(() => Promise.resolve()) });
  container = Object.assign(new EventTarget(), { controller: {}, register: vi.fn(() => Promise.resolve(registration)) });
  page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  status = createCell<SyncStatus>(STATUS, (listener) => listener());
  ready = [];
  errors = [];
  vi.stubGlobal('navigator', { serviceWorker: container, onLine: true });
  vi.stubGlobal('document', page);
  vi.stubGlobal('location', { reload: reload.mockClear() });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function register(client: { status: typeof status } | null = { status }): Promise<() => void> {
  const stop = registerServiceWorker({
    client: () => client,
    onUpdateReady: (apply) => ready.push(apply),
    onError: (error) => errors.push(error),
  });
  await Promise.resolve();
  await Promise.resolve();
  return stop;
}

function install(worker: Worker): void {
  registration.installing = worker;
  registration.dispatchEvent(new Event('updatefound'));
  worker.state = 'installed';
  worker.dispatchEvent(new Event('statechange'));
}

describe('registering the service worker', () => {
  it('does nothing where there are none', () => {
    vi.stubGlobal('navigator', {});
    expect(() => registerServiceWorker({ client: () => null, onUpdateReady: () => undefined })()).not.toThrow();
  });

  it('reports a registration that fails', async () => {
    container.register.mockRejectedValue(new TypeError('bad script'));
    await register();
    await vi.waitFor(() => expect(errors).toMatchObject([{ code: 'service-worker-failed', message: 'bad script' }]));
  });

  it('offers a version that waits already, and one that comes later, each once', async () => {
    registration.waiting = createWorker('installed');
    await register();
    expect(ready).toHaveLength(1);
    install(createWorker('installing'));
    expect(ready).toHaveLength(2);
  });

  it('says nothing of the first version of all', async () => {
    container.controller = null;
    await register();
    install(createWorker('installing'));
    expect(ready).toEqual([]);
  });

  it('changes versions only when no flight is out, and reloads after the change', async () => {
    const worker = (registration.waiting = createWorker('installed'));
    await register();
    status.set({ ...STATUS, phase: 'syncing' });
    const applying = ready[0]?.();
    await Promise.resolve();
    expect(worker.postMessage).not.toHaveBeenCalled();
    status.set({ ...STATUS, phase: 'idle' });
    await applying;
    expect(worker.postMessage).toHaveBeenCalledExactlyOnceWith({ type: 'SKIP_WAITING' });
    expect(reload).not.toHaveBeenCalled();
    container.dispatchEvent(new Event('controllerchange'));
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it('does not reload a tab whose person did not ask for it', async () => {
    registration.waiting = createWorker('installed');
    await register();
    container.dispatchEvent(new Event('controllerchange'));
    expect(reload).not.toHaveBeenCalled();
  });

  it('looks for a new version at most once an hour, when the page is looked at', async () => {
    vi.useFakeTimers();
    const stop = await register();
    page.dispatchEvent(new Event('visibilitychange'));
    expect(registration.update).not.toHaveBeenCalled();
    vi.advanceTimersByTime(60 * 60 * 1_000);
    page.dispatchEvent(new Event('visibilitychange'));
    page.dispatchEvent(new Event('visibilitychange'));
    expect(registration.update).toHaveBeenCalledTimes(1);
    stop();
    vi.advanceTimersByTime(60 * 60 * 1_000);
    page.dispatchEvent(new Event('visibilitychange'));
    expect(registration.update).toHaveBeenCalledTimes(1);
  });
});
