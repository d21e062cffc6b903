import { useMemo, useSyncExternalStore } from 'react';
import type { RecordSnapshot } from 'offline-protocol';
import type { Connectivity, OutboxSnapshot, OverlaidRecord, Readable, RecordSync, SyncStatus } from 'offline-web';
import { useOfflineClient } from './context.tsx';

/** What a server renders, and what the first render in the browser must repeat: nothing is known yet. */
const SERVER = {
  status: {
    phase: 'starting',
    pausedBy: null,
    counts: { pending: 0, inFlight: 0, failed: 0, conflict: 0 },
    progress: null,
    nextAttemptAt: null,
    lastSyncedAt: null,
    leader: false,
    storage: 'unknown',
    storageLostAt: null,
  } satisfies SyncStatus,
  connectivity: { verdict: 'unknown', since: '1970-01-01T00:00:00.000Z' } satisfies Connectivity,
  outbox: { ready: false, entries: [], truncated: false, journal: [] } satisfies OutboxSnapshot,
  record: { status: 'synced', commands: [] } satisfies RecordSync,
};
const NO_RECORDS: readonly RecordSnapshot[] = [];

/** Whether the server answers, by its own answer. */
export function useConnectivity(): Connectivity {
  return useReadable(useOfflineClient().connectivity, SERVER.connectivity);
}

/** What the engine is doing, and how much is unsynced. Does not load the outbox. */
export function useSyncStatus(): SyncStatus {
  return useReadable(useOfflineClient().status, SERVER.status);
}

/** The unsettled commands and what lately became of others. */
export function useOutbox(): OutboxSnapshot {
  return useReadable(useOfflineClient().outbox, SERVER.outbox);
}

/** How one record stands; renders again only when that changes. */
export function useRecordSync(kind: string, id: string): RecordSync {
  const client = useOfflineClient();
  const readable = useMemo(() => client.record(kind, id), [client, kind, id]);
  return useReadable(readable, SERVER.record);
}

/**
 * The records as they are shown: what the server last said plus the user's own unsynced commands, records only pending at the end. Pass the same array
 * as long as it says the same (TanStack Query does); then the result is the same array too. Until the outbox is read, it is what the server said.
 */
export function useOverlay<Data = unknown>(kind: string, records: readonly RecordSnapshot[] | undefined): OverlaidRecord<Data>[] {
  const client = useOfflineClient();
  const outbox = useOutbox();
  // oxlint-disable-next-line react/exhaustive-deps -- `overlay` reads the outbox itself: a new snapshot is the reason to ask again
  return useMemo(() => client.overlay<Data>(kind, records ?? NO_RECORDS), [client, kind, records, outbox]);
}

function useReadable<T>(readable: Readable<T>, server: T): T {
  return useSyncExternalStore(readable.subscribe, readable.get, () => server);
}
