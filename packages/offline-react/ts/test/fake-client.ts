/** A client in memory, and the hands to move it. The hooks know nothing but the `OfflineClient` interface. */
import { act } from '@testing-library/react';
import type { NewCommand, OfflineClient, OutboxEntry, OutboxSnapshot, OverlaidRecord, Readable, RecordSync, SyncStatus } from 'offline-web';

export interface FakeClient {
  client: OfflineClient;
  readonly commands: NewCommand[];
  /** How many listeners are there in all. */
  listeners(): number;
  status(change: Partial<SyncStatus>): void;
  outbox(snapshot: Partial<OutboxSnapshot>): void;
  record(kind: string, id: string, sync: RecordSync): void;
  /** Lets the oldest enqueue that is under way end. */
  settle(failure?: Error): Promise<void>;
}

interface Cell<T> extends Readable<T> {
  set(value: T): void;
}

export function createFakeClient(): FakeClient {
  const all = new Set<object>();
  const cell = <T>(initial: T): Cell<T> => {
    let value = initial;
    const own = new Map<object, () => void>();
    return {
      get: () => value,
      set(next) {
        value = next;
        for (const listener of own.values()) listener();
      },
      subscribe(listener) {
        const token = {};
        all.add(token);
        own.set(token, listener);
        return () => {
          all.delete(token);
          own.delete(token);
        };
      },
    };
  };
  const status = cell<SyncStatus>({
    phase: 'idle',
    pausedBy: null,
    counts: { pending: 0, inFlight: 0, failed: 0, conflict: 0 },
    progress: null,
    nextAttemptAt: null,
    lastSyncedAt: null,
    leader: true,
    storage: 'persistent',
    storageLostAt: null,
  });
  const outbox = cell<OutboxSnapshot>({ ready: true, entries: [], truncated: false, journal: [] });
  const records = new Map<string, Cell<RecordSync>>();
  const recordCell = (kind: string, id: string): Cell<RecordSync> => {
    const name = `${kind}/${id}`;
    const known = records.get(name) ?? cell<RecordSync>({ status: 'synced', commands: [] });
    records.set(name, known);
    return known;
  };
  const commands: NewCommand[] = [];
  const waiting: ((failure?: Error) => void)[] = [];
  const unused = (): never => {
    throw new Error('not part of these tests');
  };

  const client: OfflineClient = {
    workspaceId: 'acme',
    userId: 'ana',
    status,
    connectivity: cell({ verdict: 'online', since: '2026-01-01T00:00:00.000Z' }),
    outbox,
    enqueue: (command) =>
      new Promise((resolve, reject) => {
        commands.push(command);
        const seq = commands.length;
        waiting.push((failure) => {
          if (failure === undefined) resolve({ commandId: `c${seq}`, seq, clientTraceId: `t${seq}`, touches: [] });
          else reject(failure);
        });
      }),
    record: recordCell,
    overlay: <Data>(_: string, list: Parameters<OfflineClient['overlay']>[1]) =>
      list.map((record) => ({ ...record, sync: 'synced', expected: { version: 1 }, commandIds: outbox.get().entries.map((entry: OutboxEntry) => entry.commandId) })) as OverlaidRecord<Data>[],
    syncNow: () => Promise.resolve(status.get()),
    signedIn: unused,
    retryWithLatest: unused,
    blastRadius: unused,
    discard: unused,
    onEvent: unused,
    acknowledgeLoss: unused,
    close: unused,
    wipe: unused,
  };
  return {
    client,
    commands,
    listeners: () => all.size,
    status: (change) => act(() => status.set({ ...status.get(), ...change })),
    outbox: (snapshot) => act(() => outbox.set({ ...outbox.get(), ...snapshot })),
    record: (kind, id, sync) => act(() => recordCell(kind, id).set(sync)),
    settle: (failure) =>
      act(async () => {
        waiting.shift()?.(failure);
        await Promise.resolve();
      }),
  };
}
