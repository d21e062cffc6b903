/**
 * Keeps the page's picture of the outbox. Nothing is read before somebody looks; then everything once, in pages, and after that only what `changed`
 * names. One read at a time: what changes while a read is under way is read again after it, so the last word is always the store's.
 */
import { toOfflineError } from './error.ts';
import type { OfflineError } from './error.ts';
import { JOURNAL, WINDOW, createOutboxIndex, recordName } from './outbox-index.ts';
import type { OutboxChange, OutboxIndex, RecordName } from './outbox-index.ts';
import { isUnsettled, readHeld, readPages } from './outbox-reads.ts';
import type { OutboxSource } from './outbox-reads.ts';
import { createListeners } from './readable.ts';
import type { Guard, Listeners } from './readable.ts';
import type { OutboxSnapshot, Readable, RecordSync } from './types.ts';
import { createWorkLoop } from './work-loop.ts';

/** How many changed commands, and how many watched records, are read at a time. */
const CHANGED_AT_ONCE = 500;
const RECORDS_AT_ONCE = 50;

export interface OutboxView {
  readonly outbox: Readable<OutboxSnapshot>;
  record(kind: string, id: string): Readable<RecordSync>;
  /** The engine says that these commands are not what they were; an empty list, that it has lost track of which. */
  changed(commandIds: readonly string[]): void;
  /** Reads everything again, if it was ever read: changes may have been missed. */
  refresh(): void;
  /** Shows nothing from now on. */
  close(): void;
}

interface Watched {
  kind: string;
  id: string;
  readable: Readable<RecordSync>;
  listeners: Listeners;
}

/** What is held, what is to be read, and who wants to know. */
interface State {
  stage: 'unused' | 'unread' | 'read' | 'closed';
  index: OutboxIndex;
  readonly dirty: Set<string>;
  readonly watched: Map<RecordName, Watched>;
  /** Watched records whose commands beyond the horizon are not read yet. */
  readonly unread: Set<RecordName>;
  readonly listeners: Listeners;
}

export function createOutboxView(source: OutboxSource, guard: Guard, onError: (error: OfflineError) => void): OutboxView {
  const state: State = {
    stage: 'unused',
    index: createOutboxIndex(),
    dirty: new Set(),
    watched: new Map(),
    unread: new Set(),
    listeners: createListeners(guard),
  };
  const loop = createWorkLoop(createReads(source, state), (thrown) => onError(toOfflineError(thrown)));
  const look = (): void => {
    if (state.stage !== 'unused') return;
    state.stage = 'unread';
    loop.wake();
  };
  const inUse = (): boolean => state.stage === 'unread' || state.stage === 'read';

  const watch = (kind: string, id: string, readable: Readable<RecordSync>): Watched => {
    const name = recordName(kind, id);
    const known = state.watched.get(name);
    if (known !== undefined) return known;
    const entry: Watched = { kind, id, readable, listeners: createListeners(guard) };
    state.watched.set(name, entry);
    if (state.stage === 'read' && state.index.horizon !== Infinity) state.unread.add(name);
    loop.wake();
    return entry;
  };
  const createRecord = (kind: string, id: string): Readable<RecordSync> => {
    const name = recordName(kind, id);
    const readable: Readable<RecordSync> = {
      get() {
        look();
        return state.index.record(name);
      },
      subscribe(listener) {
        look();
        const entry = watch(kind, id, readable);
        const remove = entry.listeners.add(listener);
        return () => {
          remove();
          if (entry.listeners.size === 0 && state.watched.get(name) === entry) state.watched.delete(name);
        };
      },
    };
    return readable;
  };

  const refresh = (): void => {
    if (!inUse()) return;
    state.stage = 'unread';
    loop.hurry();
  };

  return {
    outbox: {
      get() {
        look();
        return state.index.snapshot();
      },
      subscribe(listener) {
        look();
        return state.listeners.add(listener);
      },
    },
    record: (kind, id) => state.watched.get(recordName(kind, id))?.readable ?? createRecord(kind, id),
    changed(commandIds) {
      if (!inUse()) return;
      if (commandIds.length === 0) return refresh();
      for (const id of commandIds) state.dirty.add(id);
      loop.wake();
    },
    refresh,
    close() {
      state.stage = 'closed';
      loop.stop();
      state.index = createOutboxIndex();
      for (const { listeners } of state.watched.values()) listeners.notify();
      state.listeners.notify();
    },
  };
}

/** Says what is to be read next. A read that fails leaves the state as if it had not begun. */
function createReads(source: OutboxSource, state: State): () => (() => Promise<void>) | null {
  const { dirty, watched, unread } = state;
  const isClosed = (): boolean => state.stage === 'closed';

  const apply = (change: Partial<OutboxChange>, horizon: number): void => {
    if (isClosed()) return;
    const { index } = state;
    const result = index.apply({ upsert: [], gone: [], journal: [], ...change }, horizon, (name) => watched.has(name));
    if (horizon === Infinity && index.horizon !== Infinity) for (const name of watched.keys()) unread.add(name);
    for (const name of result.records) watched.get(name)?.listeners.notify();
    if (result.changed) state.listeners.notify();
  };

  const readAll = async (): Promise<void> => {
    dirty.clear();
    state.stage = 'read';
    try {
      const [pages, journal] = await Promise.all([readPages(source, 0, WINDOW), source.journal({ limit: JOURNAL })]);
      const beyond = pages.horizon === Infinity ? [] : await source.list({ by: 'parked' });
      const upsert = [...pages.entries, ...beyond.filter(isUnsettled)];
      const there = new Set(upsert.map((entry) => entry.commandId));
      apply({ upsert, gone: state.index.ids().filter((id) => !there.has(id)), journal }, pages.horizon);
      if (pages.horizon !== Infinity) for (const name of watched.keys()) unread.add(name);
    } catch (thrown) {
      if (!isClosed()) state.stage = 'unread';
      throw thrown;
    }
  };

  const readChanged = async (): Promise<void> => {
    const ids = take(dirty, CHANGED_AT_ONCE);
    try {
      const upsert = (await source.list({ by: 'ids', ids })).filter(isUnsettled);
      const found = new Set(upsert.map((entry) => entry.commandId));
      const gone = ids.filter((id) => !found.has(id));
      const journal = gone.length === 0 ? [] : await source.journal({ ids: gone });
      const held = await readHeld(source, state.index, ids, upsert);
      apply({ upsert, gone, journal }, state.index.horizon);
      for (const id of held) dirty.add(id);
    } catch (thrown) {
      for (const id of ids) dirty.add(id);
      throw thrown;
    }
  };

  const readRecords = async (): Promise<void> => {
    const names = take(unread, RECORDS_AT_ONCE);
    const asked = names.flatMap((name) => watched.get(name) ?? []);
    try {
      const found = await Promise.all(asked.map(({ kind, id }) => source.list({ by: 'record', kind, id })));
      apply({ upsert: found.flat().filter(isUnsettled) }, state.index.horizon);
    } catch (thrown) {
      for (const name of names) unread.add(name);
      throw thrown;
    }
  };

  const readOn = async (): Promise<void> => {
    const { entries, horizon } = await readPages(source, state.index.horizon, WINDOW - state.index.size);
    apply({ upsert: entries }, horizon);
  };

  return () => {
    if (state.stage === 'unread') return readAll;
    if (state.stage !== 'read') return null;
    if (dirty.size > 0) return readChanged;
    if (state.index.horizon === Infinity) return null;
    if (unread.size > 0) return readRecords;
    return state.index.size < WINDOW / 2 ? readOn : null;
  };
}

/** Removes up to `limit` items and returns them. */
function take(set: Set<string>, limit: number): string[] {
  const taken: string[] = [];
  for (const item of set) {
    if (taken.length === limit) break;
    taken.push(item);
    set.delete(item);
  }
  return taken;
}
