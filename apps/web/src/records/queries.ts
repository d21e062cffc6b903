import { queryOptions } from '@tanstack/react-query';
import type { RecordPage, RecordSnapshot } from 'offline-protocol';
import type { RecordData } from '../generated/erp.ts';
import type { Partition } from '../session/partition.ts';

export type RecordKind = keyof RecordData;

/** First part of the keys that the cache may keep on the device. */
export const RECORDS = 'records';

const PAGE = 1_000;

/** All records of a kind, as the server last said. */
export function recordsQuery(partition: Partition, kind: RecordKind) {
  return queryOptions({
    queryKey: [RECORDS, kind],
    queryFn: ({ signal }) => fetchAll(partition, kind, signal),
  });
}

export async function fetchRecord({ workspaceId, get }: Partition, kind: RecordKind, id: string): Promise<RecordSnapshot> {
  return get(`${recordsPath(workspaceId, kind)}/${encodeURIComponent(id)}`);
}

async function fetchAll({ workspaceId, get }: Partition, kind: RecordKind, signal: AbortSignal): Promise<RecordSnapshot[]> {
  const all: RecordSnapshot[] = [];
  let after: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(PAGE), ...(after === undefined ? {} : { after }) });
    const page: RecordPage = await get(`${recordsPath(workspaceId, kind)}?${query}`, signal);
    all.push(...page.records);
    after = page.next;
  } while (after !== undefined);
  return all;
}

function recordsPath(workspaceId: string, kind: RecordKind): string {
  return `/workspaces/${encodeURIComponent(workspaceId)}/records/${kind}`;
}
