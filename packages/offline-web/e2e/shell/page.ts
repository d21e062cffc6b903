import { QueryClient } from '@tanstack/query-core';
import { registerServiceWorker } from '../../ts/index.ts';
import type { UpdateReady } from '../../ts/index.ts';
import { createQueryPersister } from '../../ts/query-persister.ts';

const updates: UpdateReady[] = [];
const errors: string[] = [];
const cache = createQueryPersister({ workspaceId: 'acme', userId: 'ana', allow: [['records']], onError: (error) => errors.push(error.message) });
const queries = new QueryClient({ defaultOptions: { queries: { ...cache.queries, retry: false } } });

registerServiceWorker({ client: () => null, onUpdateReady: (apply) => updates.push(apply), onError: (error) => errors.push(error.message) });

/** What the test does with this page. */
const page = {
  updates,
  errors,
  ask: (): Promise<unknown> =>
    queries.fetchQuery({ queryKey: ['records', 'expense'], queryFn: async () => (await fetch('/workspaces/acme/records/expense')).json() }),
  /** How many lists are stored. */
  stored: (): Promise<number> =>
    new Promise((resolve, reject) => {
      const opening = indexedDB.open('offline-cache:acme:ana');
      opening.onerror = () => reject(opening.error ?? new Error('not open'));
      opening.onsuccess = () => {
        const counting = opening.result.transaction('bodies').objectStore('bodies').count();
        counting.onsuccess = () => {
          opening.result.close();
          resolve(counting.result);
        };
      };
    }),
  purge: async (): Promise<(string | undefined)[]> => {
    await cache.purge();
    return (await indexedDB.databases()).map((database) => database.name);
  },
};
export type ShellPage = typeof page;

Object.assign(globalThis, { shell: page });
