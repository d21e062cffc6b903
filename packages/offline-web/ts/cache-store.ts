/**
 * One row per query in an IndexedDB database of its own. Everything here may be lost at any time without harm: it is a cache, and nothing that a person
 * wrote is in it.
 */
import { deleteDatabase } from './browser.ts';

/** A query as it is stored. */
export interface CachedQuery {
  hash: string;
  /** Its data as JSON. */
  body: string;
  /** When the server said it, in milliseconds by the device's clock. */
  savedAt: number;
}

export interface CacheLimits {
  maxAgeMs: number;
  maxEntries: number;
  /** Of the bodies, in UTF-16 code units. */
  maxBytes: number;
}

export interface CacheStore {
  get(hash: string): Promise<CachedQuery | undefined>;
  /** Makes room first: what is too old, then what was not used for the longest time. A body above `maxBytes` is not stored. */
  put(query: CachedQuery): Promise<void>;
  close(): void;
  /** Deletes the database; after that nothing is read or written any more. */
  purge(): Promise<void>;
}

/** What eviction needs to know of a row, apart from its body, so that making room reads little. */
interface Row {
  hash: string;
  savedAt: number;
  usedAt: number;
  bytes: number;
  /** The application's version of what it stores. */
  version: string;
}

/** How often a handle that the browser has killed is opened anew for one operation. */
const TRIES = 3;
/** Each time, half of what is stored has to go. */
const QUOTA_TRIES = 4;
/** How exactly it is known when a row was used last. */
const USE_GRAIN_MS = 60_000;

export function createCacheStore(name: string, version: string, limits: CacheLimits): CacheStore {
  const handle = createHandle(name);

  const put = (query: CachedQuery): Promise<void> =>
    handle.run('readwrite', (stores) => {
      const row: Row = { hash: query.hash, savedAt: query.savedAt, usedAt: Date.now(), bytes: query.body.length, version };
      stores.rows.getAll().onsuccess = (event) => {
        const rows = resultOf<Row[]>(event).filter((other) => other.hash !== row.hash);
        for (const hash of surplus(rows, row.bytes, limits)) remove(stores, hash);
        if (row.bytes > limits.maxBytes) return remove(stores, row.hash);
        stores.rows.put(row);
        stores.bodies.put(query.body, row.hash);
      };
    });
  const dropHalf = (): Promise<void> =>
    handle.run('readwrite', (stores) => {
      stores.rows.getAll().onsuccess = (event) => {
        const rows = resultOf<Row[]>(event).sort(leastRecentlyUsed);
        for (const row of rows.slice(0, Math.ceil(rows.length / 2))) remove(stores, row.hash);
      };
    });

  return {
    async get(hash) {
      let found: CachedQuery | undefined;
      let used = Infinity;
      await handle.run('readonly', (stores) => {
        found = undefined;
        stores.rows.get(hash).onsuccess = (event) => {
          const row = resultOf<Row | undefined>(event);
          if (row === undefined || row.version !== version || Date.now() - row.savedAt > limits.maxAgeMs) return;
          used = row.usedAt;
          stores.bodies.get(hash).onsuccess = (inner) => {
            const body = resultOf<string | undefined>(inner);
            if (body !== undefined) found = { hash, body, savedAt: row.savedAt };
          };
        };
      });
      if (found !== undefined && Date.now() - used > USE_GRAIN_MS) await handle.run('readwrite', (stores) => touch(stores, hash));
      return found;
    },
    async put(query) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await put(query);
        } catch (thrown) {
          if (nameOf(thrown) !== 'QuotaExceededError' || tries === QUOTA_TRIES) throw thrown;
          await dropHalf();
        }
      }
    },
    close: handle.end,
    async purge() {
      handle.end();
      await deleteDatabase(name);
    },
  };
}

interface Stores {
  rows: IDBObjectStore;
  bodies: IDBObjectStore;
}

interface Handle {
  /** Resolves once the transaction is complete; does nothing when the handle has ended. May run `work` again, on a new connection. */
  run(mode: IDBTransactionMode, work: (stores: Stores) => void): Promise<void>;
  end(): void;
}

function createHandle(name: string): Handle {
  let opening: Promise<IDBDatabase> | null = null;
  let ended = false;

  const end = (): void => {
    ended = true;
    const last = opening;
    opening = null;
    last?.then((database) => database.close(), () => undefined);
  };
  const connect = (): Promise<IDBDatabase> => {
    if (opening !== null) return opening;
    const current = openDatabase(name).then((database) => {
      const forget = (): void => {
        if (opening === current) opening = null;
      };
      database.onclose = forget;
      database.onversionchange = (event) => {
        database.close();
        forget();
        if (event.newVersion === null) ended = true;
      };
      return database;
    });
    opening = current;
    current.catch(() => {
      if (opening === current) opening = null;
    });
    return current;
  };

  return {
    end,
    async run(mode, work) {
      for (let tries = 1; !ended; tries += 1) {
        let database: IDBDatabase | null = null;
        try {
          database = await connect();
          return await transact(database, mode, work);
        } catch (thrown) {
          if (ended) return;
          if (nameOf(thrown) === 'VersionError') ended = true;
          if (!isDead(thrown) || tries === TRIES) throw thrown;
          opening = null;
          database?.close();
        }
      }
    },
  };
}

function openDatabase(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = globalThis.indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('rows', { keyPath: 'hash' });
      request.result.createObjectStore('bodies');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new DOMException('The cache did not open.', 'UnknownError'));
  });
}

function transact(database: IDBDatabase, mode: IDBTransactionMode, work: (stores: Stores) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(['rows', 'bodies'], mode, { durability: 'relaxed' });
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException('The connection was lost.', 'AbortError'));
    work({ rows: transaction.objectStore('rows'), bodies: transaction.objectStore('bodies') });
  });
}

function remove(stores: Stores, hash: string): void {
  stores.rows.delete(hash);
  stores.bodies.delete(hash);
}

function touch(stores: Stores, hash: string): void {
  stores.rows.get(hash).onsuccess = (event) => {
    const row = resultOf<Row | undefined>(event);
    if (row !== undefined) stores.rows.put({ ...row, usedAt: Date.now() });
  };
}

/** Which rows have to go so that one of `bytes` finds room. */
function surplus(rows: Row[], bytes: number, limits: CacheLimits): string[] {
  const now = Date.now();
  const expired = rows.filter((row) => now - row.savedAt > limits.maxAgeMs);
  const rest = rows.filter((row) => now - row.savedAt <= limits.maxAgeMs).sort(leastRecentlyUsed);
  let total = rest.reduce((sum, row) => sum + row.bytes, Math.min(bytes, limits.maxBytes));
  let count = rest.length + 1;
  const evicted = rest.filter((row) => {
    if (total <= limits.maxBytes && count <= limits.maxEntries) return false;
    total -= row.bytes;
    count -= 1;
    return true;
  });
  return [...expired, ...evicted].map((row) => row.hash);
}

const leastRecentlyUsed = (a: Row, b: Row): number => a.usedAt - b.usedAt;
const resultOf = <T>(event: Event): T => (event.target as IDBRequest<T>).result;
const nameOf = (thrown: unknown): string => (thrown instanceof Error || thrown instanceof DOMException ? thrown.name : '');

/** The browser has closed the connection under us; Safari does it to pages in the background. */
const isDead = (thrown: unknown): boolean => ['InvalidStateError', 'UnknownError', 'AbortError'].includes(nameOf(thrown));
