import type { EngineHandle, EngineModule, OutboxEntry } from 'offline-web';
import type { RecordKey, RecordSnapshot } from 'offline-protocol';

/** Works out what a command would make of a record, with the handler that the server runs, without enqueueing anything. */
export interface Preview {
  /** Passes the module on, and keeps a hand on the engine that it opens. */
  watch(module: EngineModule): EngineModule;
  /**
   * The record's data after the command on `base`, null for none. Null while the engine starts. Where the handler refuses, the same as the overlay shows:
   * a creation as its author wrote it, without what only the handler adds; an update without effect.
   */
  of<Data>(key: RecordKey, base: { data: unknown; version: number } | null, type: string, payload: unknown): Data | null;
}

export function createPreview(): Preview {
  let handle: EngineHandle | null = null;
  return {
    watch: (module) => ({
      default: module.default,
      openEngine: async (options, host) => {
        handle = await module.openEngine(options, host);
        return handle;
      },
    }),
    of<Data>({ kind, id }: RecordKey, base: { data: unknown; version: number } | null, type: string, payload: unknown): Data | null {
      const key = { kind, id };
      if (handle === null) return null;
      const records: RecordSnapshot[] =
        base === null ? [] : [{ id: key.id, version: Math.max(base.version, 1), data: base.data, updatedAt: EPOCH, updatedBy: NOBODY }];
      try {
        const shown = JSON.parse(handle.overlay(key.kind, JSON.stringify(records), JSON.stringify([entry(key, type, payload)]), '[]')) as {
          id: string;
          data: Data;
        }[];
        return shown.find(({ id }) => id === key.id)?.data ?? null;
      } catch {
        return null;
      }
    },
  };
}

const EPOCH = '1970-01-01T00:00:00.000Z';
const NOBODY = 'preview';
const ID = '00000000-0000-7000-8000-000000000000';

/** A command that was never enqueued: only its type, payload and touched record matter to the overlay. */
function entry(key: RecordKey, type: string, payload: unknown): OutboxEntry {
  return {
    commandId: ID,
    workspaceId: NOBODY,
    userId: NOBODY,
    deviceId: ID,
    seq: 1,
    type,
    payload,
    touches: [key],
    expected: null,
    dependsOn: [],
    status: 'PENDING',
    attempts: 0,
    nextAttemptAt: null,
    idempotencyKey: ID,
    createdAt: EPOCH,
    clientTraceId: NOBODY,
    lastError: null,
    conflict: null,
    heldBy: null,
  };
}
