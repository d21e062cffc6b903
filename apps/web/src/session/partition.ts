import { QueryClient } from '@tanstack/react-query';
import { createOfflineClient, type OfflineClient, type Readable } from 'offline-web';
import { createRecordPuller, type RecordPuller } from 'offline-web/server';
import { createStore, type Store } from '../app/store.ts';
import { createDrafts, type Drafts } from '../records/drafts.ts';
import { createPreview, type Preview } from '../records/preview.ts';
import { followServer } from '../records/refresh.ts';
import { HttpError, request } from '../server/http.ts';
import type { OfflineQueryCache } from 'offline-web/query-persister';
import { openCache } from './cache.ts';
import { session, tokenOf } from './session.ts';

/** One (workspace, person) on this device: an outbox, a cache and a view of the server of its own. Nothing in it reaches another one. */
export interface Partition {
  readonly workspaceId: string;
  readonly userId: string;
  readonly client: OfflineClient;
  readonly queryClient: QueryClient;
  readonly cache: OfflineQueryCache;
  readonly puller: RecordPuller;
  readonly preview: Preview;
  readonly drafts: Drafts;
  /** Whether the server refused the token: reading and sending wait for a sign-in, all else goes on. */
  readonly needsSignIn: Readable<boolean>;
  /** Asks the server with this partition's token. */
  get<T>(path: string, signal?: AbortSignal): Promise<T>;
}

interface Opened {
  partition: Partition;
  stop: () => void;
}

const opened = new Map<string, Promise<Opened>>();
const resolved = new Map<string, Promise<Partition>>();

/**
 * The partition, opened at the first call; the same promise ever after. It stays open, and goes on syncing, until the person signs out. Rejects
 * with an `OfflineError` where this browser cannot keep one.
 */
export function partitionOf(userId: string, workspaceId: string): Promise<Partition> {
  const key = JSON.stringify([workspaceId, userId]);
  const known = resolved.get(key);
  if (known !== undefined) return known;
  const opening = open(userId, workspaceId);
  const partition = opening.then((result) => result.partition);
  opened.set(key, opening);
  resolved.set(key, partition);
  return partition;
}

/** Stops everything that belongs to `userId` in this tab; the data stay on the device. */
export async function closePartitions(userId: string): Promise<void> {
  const closing: Promise<void>[] = [];
  for (const [key, opening] of opened) {
    if ((JSON.parse(key) as string[])[1] !== userId) continue;
    opened.delete(key);
    resolved.delete(key);
    closing.push(opening.then(close, () => undefined));
  }
  await Promise.all(closing);
}

/** The client of a partition of this tab, for the service worker: null while none is open. */
export function openClient(): OfflineClient | null {
  return latest;
}

let latest: OfflineClient | null = null;
let lastUserId = session.get()?.userId;

// Another tab may have signed this person out.
session.subscribe(() => {
  const before = lastUserId;
  lastUserId = session.get()?.userId;
  if (before !== undefined && before !== lastUserId) void closePartitions(before);
});

async function close({ partition, stop }: Opened): Promise<void> {
  stop();
  partition.queryClient.clear();
  partition.cache.close();
  if (latest === partition.client) latest = null;
  await partition.client.close();
}

async function open(userId: string, workspaceId: string): Promise<Opened> {
  const needsSignIn = createStore(tokenOf(userId, workspaceId) === null);
  const preview = createPreview();
  const client = await createOfflineClient({
    workspaceId,
    userId,
    engine: async () => preview.watch(await import('erp-engine')),
    getToken: () => tokenOf(userId, workspaceId),
  });
  latest = client;
  const cache = openCache(userId, workspaceId);
  const queryClient = createQueryClient(cache);
  const refused = (token: string | null) => {
    if (token === tokenOf(userId, workspaceId)) needsSignIn.set(true);
  };
  const get = async <T>(path: string, signal?: AbortSignal): Promise<T> => {
    const token = tokenOf(userId, workspaceId);
    try {
      return await request<T>('GET', path, { token, ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      if (error instanceof HttpError && error.kind === 'unauthorized') refused(token);
      throw error;
    }
  };
  const partition: Partition = { workspaceId, userId, client, queryClient, cache, puller: createRecordPuller(get), preview, drafts: createDrafts(), needsSignIn, get };
  const stops = [watchLogin(partition, needsSignIn), followServer(partition, refused)];
  return { partition, stop: () => stops.forEach((stop) => stop()) };
}

function createQueryClient(cache: OfflineQueryCache): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // The browser's opinion about the network decides nothing: our server's answer does.
        networkMode: 'always',
        persister: cache.queries.persister,
        staleTime: 30_000,
        gcTime: Number.POSITIVE_INFINITY,
        refetchOnReconnect: false,
        retry: (count, error) => count < 1 && !(error instanceof HttpError),
      },
    },
  });
}

/** Keeps `needsSignIn` true from a refused token until a new one is there, made in whichever tab. */
function watchLogin({ client, queryClient, userId, workspaceId }: Partition, needsSignIn: Store<boolean>): () => void {
  let token = tokenOf(userId, workspaceId);
  const stops = [
    client.status.subscribe(() => {
      if (client.status.get().pausedBy === 'login') needsSignIn.set(true);
    }),
    session.subscribe(() => {
      const now = tokenOf(userId, workspaceId);
      if (now === null || now === token) return;
      token = now;
      needsSignIn.set(false);
      client.signedIn();
      void queryClient.invalidateQueries();
    }),
  ];
  return () => stops.forEach((stop) => stop());
}
