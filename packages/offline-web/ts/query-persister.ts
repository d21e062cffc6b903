import type { Query, QueryKey, QueryPersister } from '@tanstack/query-core';
import { cacheDatabaseName } from './browser.ts';
import { createCacheStore } from './cache-store.ts';
import type { CacheStore, CachedQuery } from './cache-store.ts';
import { reportUncaught, toOfflineError } from './error.ts';
import type { OfflineError } from './error.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
/** A database that does not answer must not keep a query from the network. */
const READ_TIMEOUT_MS = 2_000;

export interface QueryPersisterOptions {
  workspaceId: string;
  userId: string;
  /** Only queries whose key begins with one of these are kept: `[['records', 'expense']]`. */
  allow: readonly QueryKey[];
  /** Raise it with the shape of what is kept: rows of another version count as missing. @default '' */
  version?: string;
  /** @default 30 days */
  maxAgeMs?: number;
  /** @default 500 */
  maxEntries?: number;
  /** Of the JSON, in characters. @default 50,000,000 */
  maxBytes?: number;
  /** Told what went wrong; the query goes on without the cache. @default `reportError` */
  onError?: (error: OfflineError) => void;
}

/** Keeps query results of one partition across restarts. One `QueryClient` belongs to one partition. */
export interface OfflineQueryCache {
  /**
   * For `new QueryClient({ defaultOptions: { queries: cache.queries } })`. `offlineFirst` lets a query run once without a network, which is when it
   * finds its stored result; `online` would keep it waiting.
   */
  readonly queries: { readonly persister: QueryPersister; readonly networkMode: 'offlineFirst' };
  /** Keeps what a query holds now, when something else than a fetch has put it there; does nothing for queries that are not allowed, or have no data. */
  keep(query: Query | undefined): Promise<void>;
  /** Gives the connection back; queries go on without the cache. */
  close(): void;
  /** Deletes the database, and keeps what is still under way from making it again. */
  purge(): Promise<void>;
}

/**
 * Makes the persister. A query without data takes its stored result, dated as of then, and is fetched again at once; each fetch
 * stores what it brought. TanStack's own per-query persister has no limits, no least-recently-used order and no bounded reopening, and the released one
 * is pinned to another version of its core than the rest.
 */
export function createQueryPersister(options: QueryPersisterOptions): OfflineQueryCache {
  const { allow, version = '', maxAgeMs = 30 * DAY_MS, maxEntries = 500, maxBytes = 50_000_000, onError = reportUncaught } = options;
  const name = cacheDatabaseName(options.workspaceId, options.userId);
  const store = createCacheStore(name, version, { maxAgeMs, maxEntries, maxBytes });
  const fail = (thrown: unknown): undefined => {
    onError(toOfflineError(thrown, 'cache-failed'));
    return undefined;
  };

  const isAllowed = ({ queryKey }: Query): boolean => allow.some((prefix) => startsWith(queryKey, prefix));

  const persister: QueryPersister = async (queryFn, context, query) => {
    if (!isAllowed(query)) return queryFn(context);
    if (query.state.data === undefined) {
      const found = await restore(store, query.queryHash).catch(fail);
      if (found !== undefined) {
        setTimeout(() => redate(query, found.savedAt), 0);
        return found.data;
      }
    }
    const data = await queryFn(context);
    save(store, query.queryHash, data).catch(fail);
    return data;
  };
  const keep = async (query: Query | undefined): Promise<void> => {
    if (query !== undefined && isAllowed(query)) await save(store, query.queryHash, query.state.data, query.state.dataUpdatedAt).catch(fail);
  };

  return { queries: { persister, networkMode: 'offlineFirst' }, keep, close: store.close, purge: store.purge };
}

async function restore(store: CacheStore, hash: string): Promise<{ data: unknown; savedAt: number } | undefined> {
  const found = await withTimeout(store.get(hash));
  return found && { data: JSON.parse(found.body) as unknown, savedAt: Math.min(found.savedAt, Date.now()) };
}

async function save(store: CacheStore, hash: string, data: unknown, savedAt = Date.now()): Promise<void> {
  if (data !== undefined) await store.put({ hash, body: JSON.stringify(data), savedAt });
}

/**
 * Runs after the query took the result for news of this moment. Fresh or not, the server is asked: a reload is how a person asks for news. A page
 * that is left meanwhile breaks the fetch off; marked invalid, the data is fetched by the next one.
 */
function redate(query: Query, savedAt: number): void {
  query.setState({ dataUpdatedAt: savedAt, isInvalidated: true });
  query.fetch().catch(() => {
    // The query's own state carries the error, next to the restored data.
  });
}

function withTimeout(reading: Promise<CachedQuery | undefined>): Promise<CachedQuery | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The query cache did not answer in time.')), READ_TIMEOUT_MS);
    reading.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function startsWith(key: QueryKey, prefix: QueryKey): boolean {
  return prefix.length <= key.length && prefix.every((part, index) => JSON.stringify(part) === JSON.stringify(key[index]));
}
