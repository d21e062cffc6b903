import type { RecordSnapshot, RecordVersion } from 'offline-protocol';
import type { Partition } from '../session/partition.ts';
import { mergeNewer } from './merge.ts';
import { fetchRecord, RECORDS, recordsQuery, type RecordKind } from './queries.ts';

/** Outcomes of one flush come one by one: they are collected for this many milliseconds. */
const COLLECT_MS = 250;

/** Up to so many changed records are read one by one; more are worth the whole list. */
const SINGLE_READS = 12;

/**
 * After so many single reads the whole list is due: only whole lists are kept on the device, and the journal, which bridges the gap at a start without a
 * network, remembers the last 200 commands.
 */
const SINGLE_READS_BETWEEN_LISTS = 100;

/** Reads again what own commands have changed on the server, and everything once the server is back. */
export function followOutcomes(partition: Partition): () => void {
  const { client, queryClient } = partition;
  const refresh = createRefresh(partition);
  let changed = new Map<string, RecordVersion>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    const versions = [...changed.values()];
    changed = new Map();
    refresh(versions);
  };
  let verdict = client.connectivity.get().verdict;
  const stops = [
    client.onEvent((event) => {
      if (event.type !== 'outcome' || event.status !== 'applied') return;
      for (const version of event.versions) changed.set(`${version.kind} ${version.id}`, version);
      timer ??= setTimeout(flush, COLLECT_MS);
    }),
    client.connectivity.subscribe(() => {
      const before = verdict;
      verdict = client.connectivity.get().verdict;
      if (verdict !== 'online' || before === 'online') return;
      // At a start the lists are being read anyway, unless that has just failed.
      const isDue = ({ state }: { state: { status: string } }) => before !== 'unknown' || state.status === 'error';
      void queryClient.invalidateQueries({ queryKey: [RECORDS], predicate: isDue });
    }),
    () => clearTimeout(timer),
  ];
  return () => stops.forEach((stop) => stop());
}

function createRefresh(partition: Partition): (versions: readonly RecordVersion[]) => void {
  const { queryClient } = partition;
  const singleReads = new Map<RecordKind, number>();

  const refreshKind = async (kind: RecordKind, changed: readonly RecordVersion[]): Promise<void> => {
    const { queryKey } = recordsQuery(partition, kind);
    const state = queryClient.getQueryState(queryKey);
    const reads = (singleReads.get(kind) ?? 0) + changed.length;
    const few = changed.length <= SINGLE_READS && reads <= SINGLE_READS_BETWEEN_LISTS;
    singleReads.set(kind, few ? reads : 0);
    if (state?.data === undefined || state.fetchStatus !== 'idle' || !few) return queryClient.invalidateQueries({ queryKey });
    try {
      const fetched = await Promise.all(changed.map(({ id }) => fetchRecord(partition, kind, id)));
      // The list as a whole is no newer than it was.
      const { dataUpdatedAt: updatedAt } = queryClient.getQueryState(queryKey) ?? state;
      queryClient.setQueryData(queryKey, (list: RecordSnapshot[] | undefined) => list && mergeNewer(list, fetched), { updatedAt });
    } catch {
      // The list says what became of it, and why it cannot be read.
      await queryClient.invalidateQueries({ queryKey });
    }
  };
  return (versions) => {
    const byKind = new Map<RecordKind, RecordVersion[]>();
    for (const version of versions) {
      const kind = version.kind as RecordKind;
      byKind.set(kind, [...(byKind.get(kind) ?? []), version]);
    }
    for (const [kind, changed] of byKind) void refreshKind(kind, changed);
  };
}
