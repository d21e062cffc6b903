import type { RecordSnapshot } from 'offline-protocol';

/** Puts newer versions of records into a list and keeps its order; older ones change nothing. */
export function mergeNewer(list: readonly RecordSnapshot[], fetched: readonly RecordSnapshot[]): RecordSnapshot[] {
  const byId = new Map(fetched.map((record) => [record.id, record]));
  const merged = list.map((record) => {
    const other = byId.get(record.id);
    byId.delete(record.id);
    return other !== undefined && other.version > record.version ? other : record;
  });
  return byId.size === 0 ? merged : [...merged, ...byId.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
