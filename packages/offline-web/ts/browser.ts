/**
 * What the facade asks of the browser itself. Everything goes through `globalThis`, so that importing is safe where there is none.
 */
import { OfflineError } from './error.ts';

export type Hint = 'online' | 'offline' | 'visible' | 'focus';

/** The database of a partition's outbox, as the engine names it. */
export function outboxDatabaseName(workspaceId: string, userId: string): string {
  return `offline-outbox:${workspaceId}:${userId}`;
}

/** The database of a partition's query cache; never the one of its outbox. Unambiguous, since a workspace id holds no colon. */
export function cacheDatabaseName(workspaceId: string, userId: string): string {
  return `offline-cache:${workspaceId}:${userId}`;
}

/** Whether this browser has what an outbox needs. */
export function outboxIsSupported(): boolean {
  return missingFeature() === null;
}

/** Throws `unsupported-browser`, naming what is missing. */
export function assertSupported(): void {
  const missing = missingFeature();
  if (missing === null) return;
  const message = `This browser cannot keep work offline: it has no ${missing}.`;
  throw new OfflineError({ code: 'unsupported-browser', message });
}

function missingFeature(): string | null {
  if (typeof globalThis.indexedDB === 'undefined' || globalThis.indexedDB === null) return 'IndexedDB';
  if (typeof globalThis.WebAssembly === 'undefined') return 'WebAssembly';
  return null;
}

/**
 * Passes on what the browser believes about network and attention. Nothing is closed on `pagehide`: the page may come back from the back-forward cache,
 * and then `returned` is called, since it heard nothing meanwhile.
 */
export function watchBrowser(hint: (hint: Hint) => void, returned: () => void): () => void {
  const { window, document } = globalThis;
  if (window === undefined || document === undefined) return () => undefined;
  const stop = new AbortController();
  const { signal } = stop;
  window.addEventListener('online', () => hint('online'), { signal });
  window.addEventListener('offline', () => hint('offline'), { signal });
  window.addEventListener('focus', () => hint('focus'), { signal });
  document.addEventListener(
    'visibilitychange',
    () => {
      if (document.visibilityState === 'visible') hint('visible');
    },
    { signal },
  );
  window.addEventListener(
    'pageshow',
    (event) => {
      if (!event.persisted) return;
      returned();
      hint('visible');
    },
    { signal },
  );
  return () => stop.abort();
}

/** Deletes a database; resolves once it is gone. Open connections are told by `versionchange`, and one that does not close holds the promise up. */
export function deleteDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = globalThis.indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error ?? new Error('The database could not be deleted.'));
  });
}
