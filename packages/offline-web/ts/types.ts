/**
 * The contract between the engine (Rust, compiled to WebAssembly) and a web page. Everything here is data or a function; no rule lives in TypeScript.
 */
import type { OfflineError } from './error.ts';
import type { Conflict, Expected, Problem, ProblemCode, RecordKey, RecordSnapshot, RecordVersion } from 'offline-protocol';

/** A value that changes, as `useSyncExternalStore` wants it: `get` returns the same object until it has changed. */
export interface Readable<T> {
  get(): T;
  /** Calls `listener` after each change until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

export type CommandStatus = 'PENDING' | 'IN_FLIGHT' | 'SUCCEEDED' | 'FAILED' | 'CONFLICT';

/** How sure `enqueue` is when it resolves: `strict` survives a power cut, `relaxed` survives a crash of the browser. */
export type Durability = 'strict' | 'relaxed';

/** A command as the application makes it. */
export interface NewCommand<Payload = unknown> {
  /** A registered type, `EXPENSE_CREATE_V1`. */
  type: string;
  payload: Payload;
  /**
   * The version the author saw: pass on the `expected` of the record as shown (`OverlaidRecord.expected`), so that own pending commands never
   * conflict with one another. Leave it out for creations, appends and deltas. A `version` with own unsettled commands on that record becomes
   * `after` the last of them.
   */
  expected?: Expected;
  /** Commands that must have been applied before this one, beside those on the same record; 100 at most. */
  dependsOn?: string[];
  /** @default 'strict' */
  durability?: Durability;
  /** Ties the command to the application's logs. @default a random one */
  clientTraceId?: string;
}

/** What `enqueue` resolves with, once the command is stored. */
export interface EnqueuedCommand {
  commandId: string;
  seq: number;
  clientTraceId: string;
  touches: RecordKey[];
}

/** Why a command is parked, or why it was put back. */
export interface CommandFailure {
  /** A code of the server's problem, or one of the engine's: 'offline' | 'not-our-server' | 'transient' | 'held'. */
  code: ProblemCode | string;
  title: string;
  /** The server's whole word, when there is one. */
  problem: Problem | null;
  at: string;
}

/** A command in the outbox. Times are RFC 3339 in UTC. */
export interface OutboxEntry {
  commandId: string;
  workspaceId: string;
  userId: string;
  deviceId: string;
  /** Its gap-free place in this partition's outbox. */
  seq: number;
  type: string;
  payload: unknown;
  touches: RecordKey[];
  expected: Expected | null;
  dependsOn: string[];
  status: CommandStatus;
  /** How often it was sent and left the device. */
  attempts: number;
  nextAttemptAt: string | null;
  idempotencyKey: string;
  createdAt: string;
  clientTraceId: string;
  lastError: CommandFailure | null;
  conflict: Conflict | null;
  /** The parked command that this PENDING one waits behind. */
  heldBy: string | null;
}

/** What became of a command that has left the outbox. */
export interface JournalEntry {
  command: Omit<OutboxEntry, 'heldBy'>;
  outcome:
    | { kind: 'applied'; versions: RecordVersion[]; changeSeq: number; replayed: boolean }
    /** A person discarded it. `maybeApplied`: it had been sent before, so the server may have it all the same. */
    | { kind: 'discarded'; maybeApplied: boolean };
  settledAt: string;
}

export interface OutboxCounts {
  pending: number;
  inFlight: number;
  failed: number;
  conflict: number;
}

/** Unsettled commands of the partition and what lately became of others. */
export interface OutboxSnapshot {
  /** False until the first read is through. */
  ready: boolean;
  /** In the order of `seq`. At most 2,000: the oldest ones, and every parked one. `counts` of the status are always exact. */
  entries: OutboxEntry[];
  /** Whether there are more than `entries` holds. */
  truncated: boolean;
  /** The latest 200, newest first. */
  journal: JournalEntry[];
}

export type PauseReason =
  /** The token was refused: sign in again, then call `signedIn()`. Nothing is lost meanwhile. */
  | 'login'
  /** The server no longer understands this version of the application: it has to be updated. */
  | 'incompatible'
  /** The device's storage does not take writes (quota, a broken database). */
  | 'storage';

export interface SyncStatus {
  phase: 'starting' | 'idle' | 'syncing' | 'waiting' | 'paused';
  pausedBy: PauseReason | null;
  counts: OutboxCounts;
  /** Of the flush that is under way in whichever tab. */
  progress: { settled: number; total: number } | null;
  /** When `waiting`: the next try, unless something ends the wait early. */
  nextAttemptAt: string | null;
  /** When the server last settled something, or had nothing to settle. */
  lastSyncedAt: string | null;
  /** Whether this tab does the flushing. */
  leader: boolean;
  /** Whether the browser promised not to evict the outbox. */
  storage: 'persistent' | 'best-effort' | 'unknown';
  /**
   * When it was noticed that the browser had thrown the outbox of this partition away (RFC 3339): what was not synced by then is gone, and nobody knows what it
   * was. Until `acknowledgeLoss()`, in every tab and after every start; null else.
   */
  storageLostAt: string | null;
}

/** `online` means that our server answered, not that the browser believes there is a network. */
export interface Connectivity {
  verdict: 'unknown' | 'online' | 'offline' | 'captive-portal' | 'server-unavailable';
  /** When the verdict became this. */
  since: string;
}

export type RecordSyncStatus = 'synced' | 'pending' | 'syncing' | 'held' | 'conflict' | 'failed';

/** How one record stands. */
export interface RecordSync {
  /** The gravest of its commands: conflict, failed, held, syncing, pending, else synced. */
  status: RecordSyncStatus;
  /** Its unsettled commands, in order. */
  commands: OutboxEntry[];
}

/** A record as it is shown: what the server last said plus the user's own unsynced commands. */
export interface OverlaidRecord<Data = unknown> {
  id: string;
  data: Data;
  /** The server's version; 0 for a record that is only pending. */
  version: number;
  updatedAt: string | null;
  updatedBy: string | null;
  sync: RecordSyncStatus;
  /** What to pass as `expected` of the next command on this record. */
  expected: Expected;
  /** Unsettled commands shown in `data`, in order. */
  commandIds: string[];
}

export type Dependants = 'discard' | 'keep';

export interface DiscardReport {
  /** Everything that left the outbox. */
  discarded: string[];
  /** Those of them that had been sent before: the server may have them all the same. */
  maybeApplied: string[];
}

export type OfflineEvent = { at: string } & (
  | { type: 'enqueued'; commandId: string; clientTraceId: string; seq: number }
  | { type: 'flush-started'; total: number }
  | { type: 'flush-progress'; settled: number; total: number }
  | { type: 'flush-finished'; settled: number }
  | { type: 'outcome'; commandId: string; clientTraceId: string; status: 'applied' | 'held' | 'retry'; versions: RecordVersion[] }
  | { type: 'retry-scheduled'; commandIds: string[]; nextAttemptAt: string; code: string }
  | { type: 'conflict'; commandId: string; clientTraceId: string; kind: string; id: string }
  | { type: 'rejected'; commandId: string; clientTraceId: string; code: string }
  | { type: 'resolved'; commandId: string; clientTraceId: string; how: 'retried' | 'discarded' }
  | { type: 'paused'; reason: PauseReason }
  | { type: 'resumed' }
  | { type: 'login-needed' }
);

export interface OfflineClientOptions {
  workspaceId: string;
  userId: string;
  /** The application's engine: `() => import('erp-engine')`, a module made by wasm-bindgen. */
  engine: () => Promise<EngineModule>;
  /** Asked before each request; null means that nobody is signed in. */
  getToken: () => string | null | Promise<string | null>;
  /** Where the server is. @default the page's origin */
  baseUrl?: string;
  /**
   * Told of what went wrong outside any call: a read of the outbox that failed (it is tried again), a listener that threw.
   * @default `reportError`, as for any uncaught error
   */
  onError?: (error: OfflineError) => void;
}

/** One partition, (workspace, user), in this tab. Every tab enqueues and reads; one of them flushes. */
export interface OfflineClient {
  readonly workspaceId: string;
  readonly userId: string;
  readonly status: Readable<SyncStatus>;
  readonly connectivity: Readable<Connectivity>;
  readonly outbox: Readable<OutboxSnapshot>;
  /** Resolves once the command is durable. Rejects with an `OfflineError` (a stable `code`); then nothing was stored. */
  enqueue<Payload>(command: NewCommand<Payload>): Promise<EnqueuedCommand>;
  record(kind: string, id: string): Readable<RecordSync>;
  /**
   * Applies the unsettled commands to what the server last said, with the same handlers as the server, records only pending included. Pure and
   * synchronous; call it again when `outbox` has changed.
   */
  overlay<Data>(kind: string, records: readonly RecordSnapshot[]): OverlaidRecord<Data>[];
  /** Ends every wait and flushes now; resolves when there is nothing left to send or sending is not possible. */
  syncNow(): Promise<SyncStatus>;
  /** Say so after a sign-in: ends a pause for login. */
  signedIn(): void;
  /** CONFLICT or FAILED -> PENDING against the server's version, with `payload` in place of the old one when given. */
  retryWithLatest(commandId: string, payload?: unknown): Promise<void>;
  /** The unsettled commands that wait behind this one. */
  blastRadius(commandId: string): Promise<OutboxEntry[]>;
  /** Throws `has-dependants` when there are some and `dependants` is not said. */
  discard(commandId: string, dependants?: Dependants): Promise<DiscardReport>;
  onEvent(listener: (event: OfflineEvent) => void): () => void;
  /** A person knows of `storageLostAt`; does nothing when that is null. */
  acknowledgeLoss(): void;
  /** Stops this tab's part; the data stays. */
  close(): Promise<void>;
  /** Deletes the partition's outbox and cache. Refused with `unsynced` while commands are unsettled, unless `evenUnsynced`. */
  wipe(options?: { evenUnsynced?: boolean }): Promise<void>;
}

/** What wasm-bindgen makes of the application's engine crate. Texts are JSON. */
export interface EngineModule {
  default: () => Promise<unknown>;
  /**
   * `options` is `{"workspaceId":..,"userId":..,"baseUrl":..}`. The first status and verdict come through the host before it resolves. Rejects with a
   * text, like the handle's promises.
   */
  openEngine: (options: string, host: EngineHost) => Promise<EngineHandle>;
}

/** What the engine needs of the page. */
export interface EngineHost {
  token(): Promise<string | null>;
  /** Whether somebody listens to events now: what no tab hears need not be told. */
  readonly hears: boolean;
  /** JSON of an `OfflineEvent`, of this tab or of another one. */
  onEvent(event: string): void;
  /**
   * JSON: `{"kind":"status",...SyncStatus}` (`storage` and `storageLostAt` are the page's own affair), `{"kind":"connectivity",...Connectivity}` or
   * `{"kind":"changed","commandIds":[...]}`, once what changed can be read: commands that were enqueued, changed status or left the outbox, in
   * whichever tab. Commands that only became held, or are held no longer, need not be named. An empty list: any command may have changed.
   */
  onState(state: string): void;
}

/** One open partition. Every promise rejects with a text: JSON of an `OfflineErrorData`. */
export interface EngineHandle {
  /** `NewCommand` -> `EnqueuedCommand`. */
  enqueue(command: string): Promise<string>;
  /**
   * `{"by":"seq","after":0,"limit":500}` | `{"by":"ids","ids":[...]}` | `{"by":"parked"}` | `{"by":"record","kind":..,"id":..}` -> `OutboxEntry[]`, in order
   * of seq, with `heldBy`. What is not there is left out.
   */
  list(query: string): Promise<string>;
  /** `{"limit":200}` | `{"ids":[...]}` -> `JournalEntry[]`, newest first. */
  journal(query: string): Promise<string>;
  /**
   * kind, `RecordSnapshot[]`, `OutboxEntry[]`, `JournalEntry[]` -> `OverlaidRecord[]` for the records that a command touches, and for no other; `data` is
   * null for one that the commands delete. Throws a text.
   */
  overlay(kind: string, records: string, entries: string, journal: string): string;
  syncNow(): Promise<string>;
  signedIn(): void;
  /** The browser's hint: 'online' | 'offline' | 'visible' | 'focus'. */
  hint(hint: string): void;
  retryWithLatest(commandId: string, payload: string | undefined): Promise<void>;
  blastRadius(commandId: string): Promise<string>;
  discard(commandId: string, dependants: string | undefined): Promise<string>;
  close(): Promise<void>;
  /** Closes the handle as well, unless it rejects. */
  wipe(evenUnsynced: boolean): Promise<void>;
  free(): void;
}

export interface OfflineErrorData {
  /**
   * Stable: a `ProblemCode`, or 'storage-full' | 'storage-unavailable' | 'not-found' | 'not-parked' | 'in-flight' | 'has-dependants' | 'too-many-dependencies' | 'unsynced' |
   * 'closed', or one of the facade's: 'unsupported-browser' | 'engine-unavailable' (its files could not be loaded) | 'listener-failed' |
   * 'token-unavailable' (`getToken` failed) | 'service-worker-failed' | 'cache-failed'.
   */
  code: string;
  /** A sentence for people; never holds user data. */
  message: string;
  /** For `invalid-payload`: what is wrong with which field. */
  errors?: { pointer: string; code: string; message: string }[];
}
