import { assertSupported, cacheDatabaseName, deleteDatabase, watchBrowser } from './browser.ts';
import { OfflineError, reportUncaught, toOfflineError } from './error.ts';
import { createOutboxView } from './outbox-view.ts';
import { createOverlay } from './overlay.ts';
import { encode } from './payload.ts';
import { createPersistence } from './persistence.ts';
import { createCell } from './readable.ts';
import type { Guard } from './readable.ts';
import { watchStorageLoss } from './storage-loss.ts';
import { createTurns } from './turns.ts';
import type {
  Connectivity,
  DiscardReport,
  EngineHandle,
  EngineHost,
  EnqueuedCommand,
  JournalEntry,
  OfflineClient,
  OfflineClientOptions,
  OfflineEvent,
  OutboxEntry,
  OverlaidRecord,
  SyncStatus,
} from './types.ts';

type EngineState =
  | ({ kind: 'status' } & SyncStatus)
  | ({ kind: 'connectivity' } & Connectivity)
  | { kind: 'changed'; commandIds: string[] };

/** Enqueues that begin within one task of the page: some 10 ms of it. */
const ENQUEUES_AT_ONCE = 64;

/** Where everything starts; also what a server renders. */
const STARTING: SyncStatus = {
  phase: 'starting',
  pausedBy: null,
  counts: { pending: 0, inFlight: 0, failed: 0, conflict: 0 },
  progress: null,
  nextAttemptAt: null,
  lastSyncedAt: null,
  leader: false,
  storage: 'unknown',
  storageLostAt: null,
};

/**
 * Opens the partition (workspace, user) in this tab. Rejects with `unsupported-browser` where IndexedDB or WebAssembly is missing, with
 * `engine-unavailable` when the engine's files do not load, and with the engine's own word when the database does not open.
 */
export async function createOfflineClient(options: OfflineClientOptions): Promise<OfflineClient> {
  assertSupported();
  const { workspaceId, userId } = options;
  const onError = options.onError ?? reportUncaught;
  const guard: Guard = (listener) => {
    try {
      listener();
    } catch (thrown) {
      onError(toOfflineError(thrown, 'listener-failed'));
    }
  };
  const loss = await watchStorageLoss(workspaceId, userId, () => state.refresh());
  const state = createState(guard, onError, () => loss.at);
  const events = new Set<(event: OfflineEvent) => void>();
  const host: EngineHost = {
    token: async () => {
      try {
        return await options.getToken();
      } catch (thrown) {
        onError(toOfflineError(thrown, 'token-unavailable'));
        throw thrown;
      }
    },
    get hears() {
      return events.size > 0;
    },
    onEvent(text) {
      if (events.size === 0) return;
      const event = JSON.parse(text) as OfflineEvent;
      queueMicrotask(() => {
        for (const listener of [...events]) guard(() => listener(event));
      });
    },
    onState(text) {
      state.take(text, (ids) => view.changed(ids));
    },
  };
  let opened: Engine | null = null;
  const engine: Engine = {
    call: (run) => (opened === null ? Promise.reject(closedError()) : opened.call(run)),
    now: (run) => opened?.now(run),
    end: (run) => (opened === null ? Promise.resolve() : opened.end(run)),
  };
  const view = createOutboxView(sourceOf(engine), guard, onError);
  opened = guardHandle(
    await openHandle(options, host).catch((thrown: unknown) => {
      loss.close();
      throw thrown;
    }),
  );
  loss.remember();
  const overlay = createOverlay(view.outbox.get, (...texts) => engine.now((handle) => handle.overlay(...texts)) ?? '[]');
  const unwatch = watchBrowser((hint) => engine.now((handle) => handle.hint(hint)), view.refresh);

  const stop = async (run: (handle: EngineHandle) => Promise<void>): Promise<void> => {
    await engine.end(run);
    unwatch();
    loss.close();
    view.close();
  };
  const turns = createTurns(ENQUEUES_AT_ONCE);
  let closing: Promise<void> | null = null;

  return {
    workspaceId,
    userId,
    status: state.status,
    connectivity: state.connectivity,
    outbox: view.outbox,
    async enqueue(command) {
      const text = encode(command);
      await turns.next();
      const enqueued = await engine.call(async (handle) => JSON.parse(await handle.enqueue(text)) as EnqueuedCommand);
      turns.rested();
      state.askToPersist();
      return enqueued;
    },
    record: view.record,
    overlay: <Data>(kind: string, records: Parameters<typeof overlay>[1]) => overlay(kind, records) as OverlaidRecord<Data>[],
    syncNow: async () => {
      const status = await engine.call(async (handle) => JSON.parse(await handle.syncNow()) as SyncStatus);
      return state.complete(status);
    },
    signedIn: () => void engine.now((handle) => handle.signedIn()),
    retryWithLatest: async (commandId, payload) => {
      const text = payload === undefined ? undefined : encode(payload);
      await engine.call((handle) => handle.retryWithLatest(commandId, text));
    },
    blastRadius: (commandId) => engine.call(async (handle) => JSON.parse(await handle.blastRadius(commandId)) as OutboxEntry[]),
    discard: (commandId, dependants) =>
      engine.call(async (handle) => JSON.parse(await handle.discard(commandId, dependants)) as DiscardReport),
    onEvent(listener) {
      events.add(listener);
      return () => void events.delete(listener);
    },
    acknowledgeLoss: () => {
      if (loss.at !== null) loss.acknowledge();
    },
    close: () => (closing ??= stop((handle) => handle.close())),
    async wipe({ evenUnsynced = false } = {}) {
      // First the mark: should the page die in between, nothing was lost.
      loss.forget();
      await stop((handle) => handle.wipe(evenUnsynced)).catch((thrown: unknown) => {
        loss.remember();
        throw thrown;
      });
      await deleteDatabase(cacheDatabaseName(workspaceId, userId)).catch((thrown: unknown) => {
        throw toOfflineError(thrown, 'storage-unavailable');
      });
    },
  };
}

/** The engine as the facade sees it: refuses calls once it has ended, and gives its memory back when the last one is through. */
interface Engine {
  call<T>(run: (handle: EngineHandle) => Promise<T>): Promise<T>;
  /** For calls that answer at once; does nothing when it has ended. */
  now<T>(run: (handle: EngineHandle) => T): T | undefined;
  /** The last call. When it fails, it was not the last one. Does nothing when it has ended. */
  end(run: (handle: EngineHandle) => Promise<void>): Promise<void>;
}

function guardHandle(handle: EngineHandle): Engine {
  let underWay = 0;
  let ended = false;
  const call = async <T>(run: (handle: EngineHandle) => Promise<T>): Promise<T> => {
    if (ended) throw closedError();
    underWay += 1;
    try {
      return await run(handle);
    } catch (thrown) {
      throw toOfflineError(thrown);
    } finally {
      underWay -= 1;
      freeWhenIdle();
    }
  };
  const freeWhenIdle = (): void => {
    if (ended && underWay === 0) handle.free();
  };
  return {
    call,
    now: (run) => (ended ? undefined : run(handle)),
    async end(run) {
      if (ended) return;
      await call(async () => {
        await run(handle);
        ended = true;
      });
    },
  };
}

async function openHandle(options: OfflineClientOptions, host: EngineHost): Promise<EngineHandle> {
  const { workspaceId, userId, baseUrl = globalThis.location?.origin ?? '' } = options;
  const module = await options
    .engine()
    .then(async (loaded) => {
      await loaded.default();
      return loaded;
    })
    .catch((thrown: unknown) => {
      throw toOfflineError(thrown, 'engine-unavailable');
    });
  return module.openEngine(JSON.stringify({ workspaceId, userId, baseUrl }), host).catch((thrown: unknown) => {
    throw toOfflineError(thrown);
  });
}

function sourceOf(engine: Engine): Parameters<typeof createOutboxView>[0] {
  return {
    list: (query) => engine.call(async (handle) => JSON.parse(await handle.list(JSON.stringify(query))) as OutboxEntry[]),
    journal: (query) => engine.call(async (handle) => JSON.parse(await handle.journal(JSON.stringify(query))) as JournalEntry[]),
    blastRadius: (commandId) => engine.call(async (handle) => JSON.parse(await handle.blastRadius(commandId)) as OutboxEntry[]),
  };
}

/** Status and verdict: what the engine says, and what the browser says of the storage. */
function createState(guard: Guard, onError: (error: OfflineError) => void, lostAt: () => string | null) {
  const status = createCell<SyncStatus>({ ...STARTING, storageLostAt: lostAt() }, guard);
  const complete = (engine: SyncStatus): SyncStatus => ({ ...engine, storage: persistence.value, storageLostAt: lostAt() });
  const refresh = (): void => status.set(complete(status.get()));
  const connectivity = createCell<Connectivity>({ verdict: 'unknown', since: new Date().toISOString() }, guard);
  const persistence = createPersistence(refresh, onError);
  const last = { status: '', connectivity: '' };
  return {
    status: { get: status.get, subscribe: status.subscribe },
    connectivity: { get: connectivity.get, subscribe: connectivity.subscribe },
    askToPersist: persistence.ask,
    complete,
    refresh,
    take(text: string, changed: (commandIds: string[]) => void): void {
      const { kind, ...state } = JSON.parse(text) as EngineState;
      if (kind !== 'changed' && last[kind] === text) return;
      if (kind !== 'changed') last[kind] = text;
      if (kind === 'status') status.set(complete(state as SyncStatus));
      else if (kind === 'connectivity') connectivity.set(state as Connectivity);
      else if (kind === 'changed') changed((state as { commandIds: string[] }).commandIds);
    },
  };
}

function closedError(): OfflineError {
  return new OfflineError({ code: 'closed', message: 'This offline client has been closed.' });
}
