/**
 * The part of the outbox that this page holds in memory: the oldest commands up to `WINDOW`, every parked one, and those of records that are being
 * watched. Pure: it is told what was read, and answers with the records that look different now.
 */
import type { JournalEntry, OutboxEntry, OutboxSnapshot, RecordSync, RecordSyncStatus } from './types.ts';

/** How many commands a snapshot lists, beside parked ones: a longer list is of no use to a person, and costs every update. */
export const WINDOW = 2_000;
/** How many settled commands a snapshot lists. */
export const JOURNAL = 200;

/** Names a record within the page. A kind never holds a line break. */
export type RecordName = string;

export const recordName = (kind: string, id: string): RecordName => `${kind}\n${id}`;

export const EMPTY_SNAPSHOT: OutboxSnapshot = Object.freeze({ ready: false, entries: [], truncated: false, journal: [] });
const SYNCED: RecordSync = Object.freeze({ status: 'synced', commands: [] });

/** The gravest first. */
const GRAVITY: readonly RecordSyncStatus[] = ['conflict', 'failed', 'held', 'syncing', 'pending'];

/** What was read of the store. */
export interface OutboxChange {
  upsert: readonly OutboxEntry[];
  gone: readonly string[];
  /** Newest first. */
  journal: readonly JournalEntry[];
}

export interface OutboxIndex {
  snapshot(): OutboxSnapshot;
  get(commandId: string): OutboxEntry | undefined;
  record(name: RecordName): RecordSync;
  /** Commands up to this `seq` are all held here; infinite when the whole outbox is. */
  readonly horizon: number;
  /** How many commands up to the horizon are held here. */
  readonly size: number;
  /** Returns the records that look different, and whether the snapshot does. */
  apply(change: OutboxChange, horizon: number, watched: (name: RecordName) => boolean): { records: Set<RecordName>; changed: boolean };
  /** The commands held here that wait behind `commandId`. */
  heldBy(commandId: string): string[];
  pendingIds(): string[];
  ids(): string[];
}

export function createOutboxIndex(): OutboxIndex {
  const entries = new Map<string, OutboxEntry>();
  const byRecord = new Map<RecordName, Set<string>>();
  const syncs = new Map<RecordName, RecordSync>();
  let journal: JournalEntry[] = [];
  let horizon = 0;
  let snapshot: OutboxSnapshot | null = EMPTY_SNAPSHOT;

  const remove = (entry: OutboxEntry, touched: Set<RecordName>): void => {
    entries.delete(entry.commandId);
    for (const name of namesOf(entry)) {
      touched.add(name);
      const ids = byRecord.get(name);
      ids?.delete(entry.commandId);
      if (ids?.size === 0) byRecord.delete(name);
    }
  };
  const add = (entry: OutboxEntry, touched: Set<RecordName>): void => {
    entries.set(entry.commandId, entry);
    for (const name of namesOf(entry)) {
      touched.add(name);
      const ids = byRecord.get(name);
      if (ids === undefined) byRecord.set(name, new Set([entry.commandId]));
      else ids.add(entry.commandId);
    }
  };
  const listed = (): OutboxEntry[] => [...entries.values()].filter((entry) => entry.seq <= horizon || isParked(entry)).sort(bySeq);

  return {
    get horizon() {
      return horizon;
    },
    get size() {
      let size = 0;
      for (const entry of entries.values()) if (entry.seq <= horizon) size += 1;
      return size;
    },
    get: (commandId) => entries.get(commandId),
    ids: () => [...entries.keys()],
    pendingIds: () => [...entries.values()].filter((entry) => entry.status === 'PENDING').map((entry) => entry.commandId),
    heldBy: (commandId) => [...entries.values()].filter((entry) => entry.heldBy === commandId).map((entry) => entry.commandId),
    snapshot() {
      snapshot ??= { ready: true, entries: listed(), truncated: horizon !== Infinity, journal };
      return snapshot;
    },
    record(name) {
      const known = syncs.get(name);
      if (known !== undefined) return known;
      const ids = byRecord.get(name);
      if (ids === undefined) return SYNCED;
      const sync = summarise([...ids].flatMap((id) => entries.get(id) ?? []).sort(bySeq));
      syncs.set(name, sync);
      return sync;
    },
    apply(change, nextHorizon, watched) {
      const records = new Set<RecordName>();
      let changed = snapshot === EMPTY_SNAPSHOT || nextHorizon !== horizon;
      horizon = nextHorizon;
      const keeps = (entry: OutboxEntry): boolean => entry.seq <= horizon || isParked(entry) || namesOf(entry).some(watched);
      const drop = (entry: OutboxEntry | undefined): void => {
        if (entry === undefined) return;
        changed = true;
        remove(entry, records);
      };
      for (const id of change.gone) drop(entries.get(id));
      for (const entry of change.upsert) {
        const known = entries.get(entry.commandId);
        if (known !== undefined && same(known, entry)) continue;
        drop(known);
        if (!keeps(entry)) continue;
        changed = true;
        add(entry, records);
      }
      if (horizon === Infinity && entries.size > WINDOW) horizon = listed()[WINDOW - 1]?.seq ?? horizon;
      if (horizon !== Infinity) for (const entry of [...entries.values()]) if (!keeps(entry)) drop(entry);
      if (change.journal.length > 0) {
        const news = new Set(change.journal.map((entry) => entry.command.commandId));
        journal = [...change.journal, ...journal.filter((entry) => !news.has(entry.command.commandId))].slice(0, JOURNAL);
        changed = true;
      }
      for (const name of records) syncs.delete(name);
      if (changed) snapshot = null;
      return { records, changed };
    },
  };
}

export function isParked(entry: { status: OutboxEntry['status'] }): boolean {
  return entry.status === 'FAILED' || entry.status === 'CONFLICT';
}

function summarise(commands: OutboxEntry[]): RecordSync {
  const statuses = new Set(commands.map(standing));
  return { status: GRAVITY.find((status) => statuses.has(status)) ?? 'synced', commands };
}

function standing(entry: OutboxEntry): RecordSyncStatus {
  if (entry.status === 'CONFLICT') return 'conflict';
  if (entry.status === 'FAILED') return 'failed';
  if (entry.status === 'IN_FLIGHT') return 'syncing';
  return entry.heldBy === null ? 'pending' : 'held';
}

const namesOf = (entry: OutboxEntry): RecordName[] => entry.touches.map(({ kind, id }) => recordName(kind, id));
const bySeq = (a: OutboxEntry, b: OutboxEntry): number => a.seq - b.seq;
const same = (a: OutboxEntry, b: OutboxEntry): boolean => JSON.stringify(a) === JSON.stringify(b);
