import { OfflineError } from './error.ts';
import { isParked } from './outbox-index.ts';
import type { OutboxIndex } from './outbox-index.ts';
import type { JournalEntry, OutboxEntry } from './types.ts';

const PAGE = 500;
/** Above this many newly parked commands it is cheaper to read all the pending ones than to ask for each what it holds up. */
const ASK_EACH = 8;

export type ListQuery =
  | { by: 'seq'; after: number; limit: number }
  | { by: 'ids'; ids: readonly string[] }
  | { by: 'parked' }
  | { by: 'record'; kind: string; id: string };

/** What is read of the engine; each rejects with an `OfflineError`. */
export interface OutboxSource {
  list(query: ListQuery): Promise<OutboxEntry[]>;
  journal(query: { limit: number } | { ids: readonly string[] }): Promise<JournalEntry[]>;
  blastRadius(commandId: string): Promise<OutboxEntry[]>;
}

/** Reads the unsettled commands after `after`, at most `room`. The horizon is infinite when there are no more. */
export async function readPages(source: OutboxSource, after: number, room: number): Promise<{ entries: OutboxEntry[]; horizon: number }> {
  const entries: OutboxEntry[] = [];
  let last = after;
  while (entries.length < room) {
    const limit = Math.min(PAGE, room - entries.length);
    const page = await source.list({ by: 'seq', after: last, limit });
    entries.push(...page.filter(isUnsettled));
    last = page.at(-1)?.seq ?? last;
    if (page.length < limit) return { entries, horizon: Infinity };
  }
  const beyond = await source.list({ by: 'seq', after: last, limit: 1 });
  return { entries, horizon: beyond.length === 0 ? Infinity : last };
}

/** Which commands are to be read again because one of `ids`, now as in `entries` or gone, became parked or is so no longer. */
export async function readHeld(source: OutboxSource, index: OutboxIndex, ids: readonly string[], entries: readonly OutboxEntry[]): Promise<string[]> {
  const now = new Map(entries.map((entry) => [entry.commandId, entry]));
  const parked = (entry: OutboxEntry | undefined): boolean => entry !== undefined && isParked(entry);
  const moved = ids.filter((id) => parked(index.get(id)) !== parked(now.get(id)));
  if (moved.length > ASK_EACH) return index.pendingIds().filter((id) => !now.has(id));
  const held = await Promise.all(
    moved.map(async (id) => {
      if (parked(index.get(id))) return index.heldBy(id);
      const radius = await source.blastRadius(id).catch(ignoreNotFound);
      return radius.map((entry) => entry.commandId);
    }),
  );
  return held.flat();
}

export const isUnsettled = (entry: OutboxEntry): boolean => entry.status !== 'SUCCEEDED';

/** Between the news and the question the command may have moved on; then more news are under way. */
function ignoreNotFound(thrown: unknown): OutboxEntry[] {
  if (thrown instanceof OfflineError && (thrown.code === 'not-found' || thrown.code === 'not-parked')) return [];
  throw thrown;
}
