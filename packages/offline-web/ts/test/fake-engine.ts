/**
 * The engine's side of the contract, in memory: enough of an outbox to see what the facade makes of it. It counts what is asked of it, because how much
 * is read is part of what the facade promises.
 */
import type { RecordKey, RecordSnapshot } from 'offline-protocol';
import type {
  CommandStatus,
  EngineHandle,
  EngineHost,
  EngineModule,
  JournalEntry,
  NewCommand,
  OfflineEvent,
  OutboxEntry,
  OverlaidRecord,
  SyncStatus,
} from '../types.ts';

export interface FakePayload {
  kind: string;
  id: string;
  [field: string]: unknown;
}

export interface FakeEngine {
  module: EngineModule;
  readonly asked: { lists: string[]; journals: string[]; overlays: { kind: string; records: RecordSnapshot[] }[]; hints: string[] };
  readonly opened: string[];
  readonly freed: () => boolean;
  host(): EngineHost;
  /** Puts a command into the store behind the page's back; tells of it unless `silently`. */
  add(payload: FakePayload, change?: Partial<OutboxEntry>, silently?: boolean): OutboxEntry;
  set(commandId: string, status: CommandStatus): void;
  apply(commandId: string, version?: number): void;
  discard(commandId: string): void;
  status(change: Partial<SyncStatus>): void;
  event(event: OfflineEvent): void;
  /** The next calls of this method fail with this text. */
  failNext(method: 'list' | 'enqueue' | 'overlay', error: string, times?: number): void;
  /** Holds all answers back until the returned function is called. */
  hold(): () => void;
}

const AT = '2026-01-01T00:00:00.000Z';

export const STATUS: SyncStatus = {
  phase: 'idle',
  pausedBy: null,
  counts: { pending: 0, inFlight: 0, failed: 0, conflict: 0 },
  progress: null,
  nextAttemptAt: null,
  lastSyncedAt: null,
  leader: true,
  storage: 'unknown',
  storageLostAt: null,
};

export function createFakeEngine(): FakeEngine {
  const outbox = new Map<string, OutboxEntry>();
  const journal: JournalEntry[] = [];
  const asked: FakeEngine['asked'] = { lists: [], journals: [], overlays: [], hints: [] };
  const opened: string[] = [];
  const failures: { method: string; error: string }[] = [];
  let host: EngineHost | null = null;
  let freed = false;
  let seq = 0;
  let status = STATUS;
  let gate = Promise.resolve();

  const theHost = (): EngineHost => {
    if (host === null) throw new Error('not open');
    return host;
  };
  const failIfTold = (method: string): void => {
    if (freed) throw new Error('used after free');
    const at = failures.findIndex((failure) => failure.method === method);
    if (at >= 0) throw failures.splice(at, 1)[0]?.error;
  };
  const answer = async (method: string, make: () => unknown): Promise<string> => {
    failIfTold(method);
    const text = JSON.stringify(make());
    await gate;
    return text;
  };
  const tell = (...commandIds: string[]): void => theHost().onState(JSON.stringify({ kind: 'changed', commandIds }));
  const all = (): OutboxEntry[] => [...outbox.values()].sort((a, b) => a.seq - b.seq).map((entry) => ({ ...entry, heldBy: holder(entry) }));
  const holder = (entry: OutboxEntry): string | null => {
    const before = [...outbox.values()].filter((other) => other.seq < entry.seq && shares(other.touches, entry.touches));
    return entry.status === 'PENDING' ? (before.find((other) => isParked(other))?.commandId ?? null) : null;
  };

  const add: FakeEngine['add'] = (payload, change = {}, silently = false) => {
    seq += 1;
    const entry: OutboxEntry = {
      commandId: `c${seq}`,
      workspaceId: 'acme',
      userId: 'ana',
      deviceId: 'd',
      seq,
      type: 'SET_V1',
      payload,
      touches: [{ kind: payload.kind, id: payload.id }],
      expected: null,
      dependsOn: [],
      status: 'PENDING',
      attempts: 0,
      nextAttemptAt: null,
      idempotencyKey: `k${seq}`,
      createdAt: AT,
      clientTraceId: `t${seq}`,
      lastError: null,
      conflict: null,
      heldBy: null,
      ...change,
    };
    outbox.set(entry.commandId, entry);
    if (!silently) tell(entry.commandId);
    return entry;
  };
  const find = (commandId: string): OutboxEntry => {
    const entry = outbox.get(commandId);
    if (entry === undefined) throw JSON.stringify({ code: 'not-found', message: 'No such command.' });
    return entry;
  };
  const settle = (commandId: string, outcome: JournalEntry['outcome']): void => {
    const { heldBy: _, ...command } = find(commandId);
    outbox.delete(commandId);
    journal.unshift({ command, outcome, settledAt: AT });
    tell(commandId);
  };

  const list = (query: { by: string; after?: number; limit?: number; ids?: string[]; kind?: string; id?: string }): OutboxEntry[] => {
    if (query.by === 'seq') return all().filter((entry) => entry.seq > (query.after ?? 0)).slice(0, query.limit);
    if (query.by === 'ids') return all().filter((entry) => query.ids?.includes(entry.commandId));
    if (query.by === 'parked') return all().filter(isParked);
    return all().filter((entry) => entry.touches.some((key) => key.kind === query.kind && key.id === query.id));
  };
  const handle: EngineHandle = {
    enqueue: (text) =>
      answer('enqueue', () => {
        const command = JSON.parse(text) as NewCommand<FakePayload>;
        const { commandId, seq: place, clientTraceId, touches } = add(command.payload, { type: command.type, expected: command.expected ?? null });
        return { commandId, seq: place, clientTraceId, touches };
      }),
    list: (query) => {
      asked.lists.push(query);
      return answer('list', () => list(JSON.parse(query) as Parameters<typeof list>[0]));
    },
    journal: (query) => {
      asked.journals.push(query);
      const { ids, limit } = JSON.parse(query) as { ids?: string[]; limit?: number };
      return answer('journal', () => journal.filter((entry) => ids?.includes(entry.command.commandId) ?? true).slice(0, limit));
    },
    overlay(kind, records, entries, journalText) {
      failIfTold('overlay');
      const shown = JSON.parse(records) as RecordSnapshot[];
      asked.overlays.push({ kind, records: shown });
      return JSON.stringify(overlay(kind, shown, JSON.parse(entries) as OutboxEntry[], JSON.parse(journalText) as JournalEntry[]));
    },
    syncNow: () => answer('syncNow', () => status),
    signedIn: () => undefined,
    hint: (hint) => void asked.hints.push(hint),
    retryWithLatest: async (commandId, payload) => {
      await answer('retry', () => {
        const entry = find(commandId);
        outbox.set(commandId, { ...entry, status: 'PENDING', payload: payload === undefined ? entry.payload : JSON.parse(payload) });
        tell(commandId);
        return null;
      });
    },
    blastRadius: (commandId) => answer('blastRadius', () => all().filter((entry) => entry.heldBy === find(commandId).commandId)),
    discard: (commandId) =>
      answer('discard', () => {
        settle(commandId, { kind: 'discarded', maybeApplied: false });
        return { discarded: [commandId], maybeApplied: [] };
      }),
    close: async () => void (await answer('close', () => null)),
    wipe: async (evenUnsynced) => {
      await answer('wipe', () => {
        if (outbox.size > 0 && !evenUnsynced) throw JSON.stringify({ code: 'unsynced', message: 'There is unsynced work.' });
        outbox.clear();
        return null;
      });
    },
    free: () => {
      freed = true;
    },
  };

  return {
    module: {
      default: () => Promise.resolve(),
      openEngine: (options, given) => {
        opened.push(options);
        host = given;
        given.onState(JSON.stringify({ kind: 'status', ...status }));
        given.onState(JSON.stringify({ kind: 'connectivity', verdict: 'online', since: AT }));
        return Promise.resolve(handle);
      },
    },
    asked,
    opened,
    freed: () => freed,
    host: theHost,
    add,
    set(commandId, next) {
      outbox.set(commandId, { ...find(commandId), status: next });
      tell(commandId);
    },
    apply(commandId, version = 1) {
      const versions = find(commandId).touches.map((key) => ({ ...key, version }));
      settle(commandId, { kind: 'applied', versions, changeSeq: 1, replayed: false });
    },
    discard: (commandId) => settle(commandId, { kind: 'discarded', maybeApplied: false }),
    status(change) {
      status = { ...status, ...change };
      theHost().onState(JSON.stringify({ kind: 'status', ...status }));
    },
    event: (event) => theHost().onEvent(JSON.stringify(event)),
    failNext(method, error, times = 1) {
      for (let time = 0; time < times; time += 1) failures.push({ method, error });
    },
    hold() {
      let release = (): void => undefined;
      gate = new Promise((resolve) => {
        release = resolve;
      });
      return release;
    },
  };
}

/** Every command writes its payload over the record. */
function overlay(kind: string, records: RecordSnapshot[], entries: OutboxEntry[], journal: JournalEntry[]): OverlaidRecord[] {
  const shown = new Map<string, OverlaidRecord>();
  const base = (id: string): OverlaidRecord => {
    const record = records.find((candidate) => candidate.id === id);
    const { data = {}, version = 0, updatedAt = null, updatedBy = null } = record ?? {};
    return { id, data, version, updatedAt, updatedBy, sync: 'synced', expected: { version }, commandIds: [] };
  };
  const news = journal.filter(({ outcome }) => outcome.kind === 'applied' && outcome.versions.some(({ id, version }) => base(id).version < version));
  for (const command of [...news.map((entry) => entry.command), ...entries]) {
    for (const { id } of command.touches.filter((key) => key.kind === kind)) {
      const record = shown.get(id) ?? base(id);
      const own = entries.some((entry) => entry.commandId === command.commandId);
      shown.set(id, {
        ...record,
        data: { ...(record.data as object), ...(command.payload as object) },
        sync: own ? 'pending' : record.sync,
        expected: { after: command.commandId },
        commandIds: own ? [...record.commandIds, command.commandId] : record.commandIds,
      });
    }
  }
  return [...shown.values()];
}

const isParked = (entry: OutboxEntry): boolean => entry.status === 'FAILED' || entry.status === 'CONFLICT';
const shares = (a: RecordKey[], b: RecordKey[]): boolean => a.some((key) => b.some((other) => key.kind === other.kind && key.id === other.id));
