import { useQuery } from '@tanstack/react-query';
import type { RecordSnapshot } from 'offline-protocol';
import { useOutbox, useOverlay } from 'offline-react';
import type { OverlaidRecord } from 'offline-web';
import { useMemo } from 'react';
import type { RecordData } from '../generated/erp.ts';
import { usePartition } from '../session/PartitionContext.tsx';
import { namesFrom, type NameOf } from './names.ts';
import { recordsQuery, type RecordKind } from './queries.ts';

const NONE: readonly RecordSnapshot[] = [];

export interface Records<Data> {
  /** What the server last said, with the user's own changes on top. */
  records: readonly OverlaidRecord<Data>[];
  /** `missing`: the server cannot be asked and this device has never seen the list; `records` then holds own creations alone. */
  state: 'loading' | 'ready' | 'missing';
  /** When the server last said so; null for never. */
  asOf: number | null;
  refreshing: boolean;
  refetch: () => void;
}

export function useRecords<Kind extends RecordKind>(kind: Kind): Records<RecordData[Kind]> {
  const partition = usePartition();
  const query = useQuery(recordsQuery(partition, kind));
  const records = useOverlay<RecordData[Kind]>(kind, query.data ?? NONE);
  return {
    records,
    state: query.data !== undefined ? 'ready' : query.isError ? 'missing' : 'loading',
    asOf: query.dataUpdatedAt === 0 ? null : query.dataUpdatedAt,
    refreshing: query.isFetching,
    refetch: () => void query.refetch(),
  };
}

/** Names records by what this device knows of them; reads the lists when it knows nothing. */
export function useNames(): NameOf {
  const partition = usePartition();
  const { entries, journal } = useOutbox();
  const expense = useQuery({ ...recordsQuery(partition, 'expense'), staleTime: Number.POSITIVE_INFINITY }).data ?? NONE;
  const invoice = useQuery({ ...recordsQuery(partition, 'invoice'), staleTime: Number.POSITIVE_INFINITY }).data ?? NONE;
  return useMemo(() => namesFrom({ expense, invoice }, entries, journal), [expense, invoice, entries, journal]);
}

/** A record as the server last said, as far as this device knows. */
export function useServerRecord(kind: string, id: string): RecordSnapshot | undefined {
  const partition = usePartition();
  const { data } = useQuery({ ...recordsQuery(partition, kind as RecordKind), enabled: false });
  return data?.find((record) => record.id === id);
}
