import { followServerEvents } from 'offline-web/server';
import { tokenOf } from '../session/session.ts';
import type { Partition } from '../session/partition.ts';
import { recordsQuery, type RecordKind } from './queries.ts';

/** What is heard of changes is collected for this many milliseconds: outcomes of one flush come one by one, and the server tells of them too. */
const COLLECT_MS = 250;

/** A list that was brought up to date is kept on the device, but not again within this many milliseconds: that writes all of it. */
const WRITE_MS = 2_000;

/** The kinds of records that have a page, and so a list. */
const KINDS: readonly RecordKind[] = ['expense', 'invoice'];

/** Brings the lists that have been read up to date when own commands took effect, when the server tells of changes, and when it is back. `refused` is told of a token that the server refuses. */
export function followServer(partition: Partition, refused: (token: string | null) => void): () => void {
  const { client, userId, workspaceId, needsSignIn } = partition;
  const { pull, stop } = createPull(partition);
  const due = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    const kinds = KINDS.filter((kind) => due.has(kind));
    due.clear();
    for (const kind of kinds) void pull(kind);
  };
  const changed = (kinds: Iterable<string>) => {
    for (const kind of kinds) due.add(kind);
    timer ??= setTimeout(flush, COLLECT_MS);
  };

  let token: string | null = null;
  const events = followServerEvents({
    kinds: KINDS,
    getToken: () => (token = tokenOf(userId, workspaceId)),
    onChanged: (kind) => changed(kind === null ? KINDS : [kind]),
    onUnauthorized: () => refused(token),
  });
  let verdict = client.connectivity.get().verdict;
  const stops = [
    events.stop,
    client.onEvent((event) => {
      if (event.type === 'outcome' && event.status === 'applied') changed(event.versions.map(({ kind }) => kind));
    }),
    client.connectivity.subscribe(() => {
      const before = verdict;
      verdict = client.connectivity.get().verdict;
      if (verdict !== 'online' || before === 'online') return;
      events.hurry();
      changed(KINDS);
    }),
    needsSignIn.subscribe(() => {
      if (!needsSignIn.get()) events.hurry();
    }),
    () => clearTimeout(timer),
    stop,
  ];
  return () => stops.forEach((stop) => stop());
}

/** Brings a list up to date, if it has been asked for, and keeps it on the device. */
function createPull(partition: Partition): { pull: (kind: RecordKind) => Promise<void>; stop: () => void } {
  const { queryClient, puller, cache } = partition;
  const unwritten = new Set<RecordKind>();
  let resting: ReturnType<typeof setTimeout> | undefined;
  const write = () => {
    clearTimeout(resting);
    resting = undefined;
    if (unwritten.size === 0) return;
    for (const kind of unwritten) void cache.keep(queryClient.getQueryCache().find(recordsQuery(partition, kind)));
    unwritten.clear();
    resting = setTimeout(write, WRITE_MS);
  };
  const writeBeforeTheEnd = () => {
    if (document.visibilityState === 'hidden') write();
  };
  document.addEventListener('visibilitychange', writeBeforeTheEnd);

  const pull = async (kind: RecordKind): Promise<void> => {
    const query = recordsQuery(partition, kind);
    const { queryKey } = query;
    // A fetch that is under way may have been answered before the change.
    if (queryClient.isFetching({ queryKey }) > 0) await queryClient.fetchQuery({ ...query, staleTime: 0 }).catch(() => undefined);
    const kept = queryClient.getQueryData(queryKey);
    try {
      if (kept === undefined) return await queryClient.invalidateQueries({ queryKey });
      queryClient.setQueryData(queryKey, await puller.pull(kind, kept));
    } catch {
      // The list says why it cannot be read.
      return await queryClient.invalidateQueries({ queryKey });
    }
    unwritten.add(kind);
    if (resting === undefined) write();
  };
  const stop = () => {
    document.removeEventListener('visibilitychange', writeBeforeTheEnd);
    write();
    clearTimeout(resting);
  };
  return { pull, stop };
}
