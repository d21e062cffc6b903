import { queryOptions } from '@tanstack/react-query';
import type { RecordSnapshot } from 'offline-protocol';
import type { RecordList } from 'offline-web/server';
import type { RecordData } from '../generated/erp.ts';
import type { Partition } from '../session/partition.ts';

export type RecordKind = keyof RecordData;

/** First part of the keys that the cache may keep on the device. */
export const RECORDS = 'records';

/** All records of a kind, as the server last said. A fetch reads what changed since the last one. */
export function recordsQuery({ puller, queryClient }: Partition, kind: RecordKind) {
  const queryKey = [RECORDS, kind];
  return queryOptions({
    queryKey,
    queryFn: ({ signal }): Promise<RecordList> => puller.pull(kind, listOf(queryClient.getQueryData(queryKey)), signal),
    select: recordsOf,
  });
}

const NONE: readonly RecordSnapshot[] = [];

function recordsOf(kept: RecordList): readonly RecordSnapshot[] {
  return listOf(kept)?.records ?? NONE;
}

/** What a query has kept; earlier versions of this app kept the records alone. */
function listOf(kept: RecordList | RecordSnapshot[] | undefined): RecordList | undefined {
  return Array.isArray(kept) ? { records: kept } : kept;
}
