import { createQueryPersister, type OfflineQueryCache } from 'offline-web/query-persister';
import { RECORDS } from '../records/queries.ts';

/** Raised with the shape of what the queries return. */
const VERSION = '1';

/** The lists of one partition, kept for starts without a network. */
export function openCache(userId: string, workspaceId: string): OfflineQueryCache {
  return createQueryPersister({ workspaceId, userId, version: VERSION, allow: [[RECORDS]] });
}
