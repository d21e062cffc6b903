/**
 * Lists of records that are brought up to date by what changed since, and read whole once: `GET /sync/changes` of docs/protocol.md.
 */
import type { ChangesPage, Cursor, RecordChange, RecordSnapshot } from 'offline-protocol';

/** The records of one kind as the server last said, in the order of their ids, and from where on changes are pulled. JSON, so that a query cache can keep it. */
export interface RecordList {
  readonly records: readonly RecordSnapshot[];
  /** Absent when the list was not read by `pull`: then the next one reads it whole. */
  readonly next?: Cursor;
}

export interface RecordPuller {
  /**
   * The list of this kind as it is now. `known`, what a cache has kept of it, counts until the first pull has succeeded; later ones go on from there. Pulls of
   * one kind run one after the other, so that a later one never brings an older list. Rejects with what `get` rejects with, or with the signal's reason, and
   * then nothing has changed.
   */
  pull(kind: string, known?: RecordList, signal?: AbortSignal): Promise<RecordList>;
}

/**
 * `get` asks the server with the partition's token. It must reject with an error whose `problem` is the server's, as soon as there is one: a cursor that the server
 * does not know any more (`cursor-expired`) makes this read the list whole.
 */
export function createRecordPuller(get: (path: string, signal?: AbortSignal) => Promise<ChangesPage>): RecordPuller {
  const lists = new Map<string, RecordList>();
  const turns = new Map<string, Promise<unknown>>();

  const pullOnce = async (kind: string, known: RecordList | undefined, signal: AbortSignal | undefined): Promise<RecordList> => {
    signal?.throwIfAborted();
    const before = lists.get(kind) ?? known;
    const list = await bringUpToDate(get, kind, before, signal);
    lists.set(kind, list);
    return list;
  };
  return {
    pull(kind, known, signal) {
      const turn = (turns.get(kind) ?? Promise.resolve()).then(() => pullOnce(kind, known, signal));
      // The next one takes its turn whatever became of this one.
      turns.set(kind, turn.catch(() => undefined));
      return turn;
    },
  };
}

async function bringUpToDate(
  get: (path: string, signal?: AbortSignal) => Promise<ChangesPage>,
  kind: string,
  before: RecordList | undefined,
  signal: AbortSignal | undefined,
): Promise<RecordList> {
  const changed = new Map<string, RecordChange>();
  let since = before?.next;
  for (;;) {
    let page: ChangesPage;
    try {
      page = await get(`/sync/changes?${new URLSearchParams({ kinds: kind, ...(since === undefined ? {} : { since }) })}`, signal);
    } catch (thrown) {
      if (since === undefined || !isExpired(thrown)) throw thrown;
      return bringUpToDate(get, kind, undefined, signal);
    }
    for (const change of page.changes) changed.set(change.id, change);
    since = page.next;
    if (!page.more) return { records: withChanges(before?.next === undefined ? [] : before.records, changed), next: since };
  }
}

/** The same array when nothing changed. */
function withChanges(records: readonly RecordSnapshot[], changed: Map<string, RecordChange>): readonly RecordSnapshot[] {
  if (changed.size === 0) return records;
  const live = [...changed.values()].filter(({ deleted }) => !deleted);
  const taken = live.map(({ id, version, data, updatedAt, updatedBy }) => ({ id, version, data, updatedAt, updatedBy }));
  const all = [...records.filter(({ id }) => !changed.has(id)), ...taken];
  return all.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

function isExpired(thrown: unknown): boolean {
  const problem = (thrown as { problem?: { code?: unknown } | null } | null)?.problem;
  return problem?.code === 'cursor-expired';
}
