/**
 * Notices that the browser has thrown a partition's outbox away: it was corrupt, evicted, or deleted by another hand than ours. The engine cannot tell such a
 * device from a new one, so a mark stands beside the database, in `localStorage`, which is another store. Clearing the site's data takes both, and says
 * nothing.
 */
import { outboxDatabaseName } from './browser.ts';

export interface StorageLoss {
  /** When it was noticed, RFC 3339 in UTC; null when nothing is missing, or nobody can tell. */
  readonly at: string | null;
  /** The database is there. */
  remember(): void;
  /** It is to be deleted. */
  forget(): void;
  /** A person knows. Also another tab may say so. */
  acknowledge(): void;
  close(): void;
}

/** Looks, before the engine makes the database anew. `changed` is called when `at` has become null. */
export async function watchStorageLoss(workspaceId: string, userId: string, changed: () => void): Promise<StorageLoss> {
  const key = `offline-kept:${workspaceId}:${userId}`;
  /** '' for a database that is there, else when the loss of one was noticed. */
  let mark = read(key);
  if (mark === '' && (await isMissing(outboxDatabaseName(workspaceId, userId)))) {
    mark = new Date().toISOString();
    write(key, mark);
  }
  let at = mark || null;
  const known = (): void => {
    if (at === null) return;
    at = null;
    changed();
  };
  const stop = new AbortController();
  globalThis.addEventListener?.(
    'storage',
    (event) => {
      if ((event as StorageEvent).key === key && (event as StorageEvent).newValue === '') known();
    },
    { signal: stop.signal },
  );
  return {
    get at() {
      return at;
    },
    remember: () => write(key, at ?? ''),
    forget: () => write(key, null),
    acknowledge() {
      write(key, '');
      known();
    },
    close: () => stop.abort(),
  };
}

/** Whether there is surely no such database. */
async function isMissing(name: string): Promise<boolean> {
  try {
    const databases = await globalThis.indexedDB.databases?.();
    return databases?.every((database) => database.name !== name) ?? false;
  } catch {
    return false;
  }
}

function read(key: string): string | null {
  try {
    return globalThis.localStorage?.getItem(key) ?? null;
  } catch {
    return null;
  }
}

/** Where a page may not keep anything there, no loss is noticed. */
function write(key: string, mark: string | null): void {
  try {
    if (mark === null) globalThis.localStorage?.removeItem(key);
    else globalThis.localStorage?.setItem(key, mark);
  } catch {
    // Switched off, or full.
  }
}
