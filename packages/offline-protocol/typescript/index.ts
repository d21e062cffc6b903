// Generated from the Rust types of `offline-protocol`. Change those, then run its tests with UPDATE_GENERATED=1.

/**
 * Names one command for ever, on every device and on the server. Made by the client, a UUIDv7.
 *
 * Any UUID is accepted in its hyphenated form; nothing is read from its bits.
 */
export type CommandId = string;

/**
 * The tenant; the only isolation boundary. Leads every key of every store.
 */
export type WorkspaceId = string;

/**
 * A person, as the token names him.
 */
export type UserId = string;

/**
 * One installation of a partition on one device. Made once by the client and kept in the partition's database.
 */
export type DeviceId = string;

/**
 * What the server recognises a retry by, within (workspace, user).
 */
export type IdempotencyKey = string;

/**
 * Ties a command to what the client logged about it. Opaque to the server.
 */
export type TraceId = string;

/**
 * The gap-free place of a command in its partition's outbox, from 1.
 */
export type Seq = number;

/**
 * A moment in UTC with millisecond precision, from 1970 to 9999. On the wire RFC 3339 with three decimals.
 *
 * A client's clock may be wrong: times describe, they never order.
 */
export type Timestamp = string;

/**
 * The name and version of what a command means: `EXPENSE_CREATE_V1`.
 */
export type CommandType = string;

/**
 * What sort of record: `expense`, `invoice`.
 */
export type RecordKind = string;

/**
 * Names a record within its workspace and kind. Made by the client; new ones are neither `.` nor `..`.
 */
export type RecordId = string;

/**
 * Names a record within a workspace.
 */
export type RecordKey = {
/**
 * What sort of record.
 */
kind: RecordKind,
/**
 * Which one of that sort.
 */
id: RecordId, };

/**
 * How often a record has been written: 1 after its creation, then without gaps. 0 stands for a record that does not exist.
 */
export type Version = number;

/**
 * The place of a change in its workspace's log, from 1, taken in the writing transaction. 0 is before the first.
 */
export type ChangeSeq = number;

/**
 * The version of the record that a command's author had before his eyes.
 */
export type Expected = { "version": Version } | { "after": CommandId };

/**
 * One command on its way to the server. Who sends it is in the token, what it touches is derived from its payload.
 */
export type Command = {
/**
 * Names the command for ever.
 */
commandId: CommandId,
/**
 * The tenant it belongs to.
 */
workspaceId: WorkspaceId,
/**
 * The installation that made it.
 */
deviceId: DeviceId,
/**
 * Its place in that installation's outbox.
 */
seq: Seq,
/**
 * What it means.
 */
type: CommandType,
/**
 * The intent's content, a JSON object whose shape the type defines.
 */
payload: unknown,
/**
 * What the server recognises a retry by.
 */
idempotencyKey: IdempotencyKey,
/**
 * When it was made, by the client's clock.
 */
createdAt: Timestamp,
/**
 * Ties it to the client's logs.
 */
clientTraceId: TraceId,
/**
 * The version it was made against; absent for a creation, an append or a delta.
 */
expected?: Expected,
/**
 * Commands of the same author that must have been applied before it, beside those that its lane implies; at most 1,000.
 */
dependsOn?: Array<CommandId>, };

/**
 * The body of `POST /sync/commands`.
 */
export type CommandBatch = {
/**
 * At most [`crate::Limits::max_items`], in the order of their `seq`.
 */
commands: Array<Command>, };

/**
 * The version that a command gave to a record.
 */
export type RecordVersion = {
/**
 * What sort of record.
 */
kind: RecordKind,
/**
 * Which one.
 */
id: RecordId,
/**
 * Its version after the command.
 */
version: Version, };

/**
 * Why a version check failed.
 */
export type ConflictReason = "version-conflict" | "already-exists" | "deleted";

/**
 * What stands on the server in place of what the command's author saw.
 */
export type Conflict = {
/**
 * Why.
 */
reason: ConflictReason,
/**
 * The record's kind.
 */
kind: RecordKind,
/**
 * The record's id.
 */
id: RecordId,
/**
 * The version that the command expected; null for a creation.
 */
expectedVersion: Version | null,
/**
 * The record's version now.
 */
serverVersion: Version,
/**
 * The record's content now; null when it is deleted.
 */
serverSnapshot: unknown,
/**
 * Who wrote the record last.
 */
changedBy: UserId,
/**
 * When, by the server's clock.
 */
changedAt: Timestamp,
/**
 * Whether this repeats an earlier verdict (the snapshot is read afresh).
 */
replayed: boolean, };

/**
 * The stable name of a problem. Programs decide by it; they never read a title or a detail.
 */
export type ProblemCode = "invalid-request" | "invalid-command" | "invalid-command-type" | "unknown-command-type" | "invalid-payload" | "rule-violated" | "record-not-found" | "version-required" | "idempotency-key-reused" | "idempotency-key-invalid" | "idempotency-key-missing" | "request-in-progress" | "version-conflict" | "already-exists" | "deleted" | "command-expired" | "cursor-expired" | "workspace-not-found" | "forbidden" | "command-too-large" | "request-too-large" | "unauthorized" | "not-found" | "method-not-allowed" | "unsupported-media-type" | "client-too-old" | "rate-limited" | "too-many-streams" | "storage-unavailable" | "outcome-unknown" | "shutting-down" | "internal" | "unknown";

/**
 * What is wrong with one field.
 */
export type FieldError = {
/**
 * A JSON pointer (RFC 6901) into the payload, or into the item for a field of the command itself.
 */
pointer: string,
/**
 * A stable name of the rule: `negative`, `required`, `too-long`.
 */
code: string,
/**
 * A sentence for people. Never repeats the value.
 */
message: string, };

/**
 * Problem details (RFC 9457), as a response body and inside an outcome.
 */
export type Problem = {
/**
 * A URI that names the problem: `urn:offline:problem:` and the code.
 */
type: string,
/**
 * The same name, short.
 */
code: ProblemCode,
/**
 * A sentence for people.
 */
title: string,
/**
 * The HTTP status it has, or would have as a response of its own.
 */
status: number,
/**
 * What was wrong this time. Never repeats user data.
 */
detail?: string,
/**
 * What was wrong with which field.
 */
errors?: Array<FieldError>, };

/**
 * What became of a command.
 */
export type Verdict = { "status": "applied",
/**
 * The versions of the records it wrote.
 */
versions: Array<RecordVersion>,
/**
 * What the handler returned.
 */
result: unknown,
/**
 * Whether this repeats an earlier answer.
 */
replayed: boolean,
/**
 * The place of its last change in the workspace's log.
 */
changeSeq: ChangeSeq, } | { "status": "conflict" } & Conflict | { "status": "rejected",
/**
 * Why.
 */
problem: Problem,
/**
 * Whether this repeats an earlier answer.
 */
replayed: boolean, } | { "status": "held",
/**
 * The command in its way.
 */
by: CommandId, } | { "status": "retry",
/**
 * How long to wait at least, in milliseconds.
 */
afterMs: number, };

/**
 * The server's word on one command.
 */
export type Outcome = {
/**
 * Which command; null when the item carried no valid id (the place in the list tells which one it was).
 */
commandId: CommandId | null, } & ({ "status": "applied",
/**
 * The versions of the records it wrote.
 */
versions: Array<RecordVersion>,
/**
 * What the handler returned.
 */
result: unknown,
/**
 * Whether this repeats an earlier answer.
 */
replayed: boolean,
/**
 * The place of its last change in the workspace's log.
 */
changeSeq: ChangeSeq, } | { "status": "conflict" } & Conflict | { "status": "rejected",
/**
 * Why.
 */
problem: Problem,
/**
 * Whether this repeats an earlier answer.
 */
replayed: boolean, } | { "status": "held",
/**
 * The command in its way.
 */
by: CommandId, } | { "status": "retry",
/**
 * How long to wait at least, in milliseconds.
 */
afterMs: number, });

/**
 * The answer to `POST /sync/commands`: one outcome for each command, in the order of the commands.
 */
export type Outcomes = {
/**
 * As many as commands were sent.
 */
outcomes: Array<Outcome>, };

/**
 * The answer to a single write that took effect. A replay repeats it, with `Idempotency-Replayed: true`.
 */
export type Applied = {
/**
 * The versions of the records it wrote.
 */
versions: Array<RecordVersion>,
/**
 * What the handler returned; null when nothing, or when the receipt has been thinned out.
 */
result: unknown,
/**
 * The place of its last change in the workspace's log.
 */
changeSeq: ChangeSeq, };

/**
 * The answer to a single write whose record is not what its author saw: problem details, with the record as it is now.
 */
export type ConflictProblem = {
/**
 * The record's kind.
 */
kind: RecordKind,
/**
 * The record's id.
 */
id: RecordId,
/**
 * The version that the command expected; null for a creation.
 */
expectedVersion: Version | null,
/**
 * The record's version now.
 */
serverVersion: Version,
/**
 * The record's content now; null when it is deleted.
 */
serverSnapshot: unknown,
/**
 * Who wrote the record last.
 */
changedBy: UserId,
/**
 * When, by the server's clock.
 */
changedAt: Timestamp,
/**
 * A URI that names the problem: `urn:offline:problem:` and the code.
 */
type: string,
/**
 * The same name, short.
 */
code: ProblemCode,
/**
 * A sentence for people.
 */
title: string,
/**
 * The HTTP status it has, or would have as a response of its own.
 */
status: number,
/**
 * What was wrong this time. Never repeats user data.
 */
detail?: string,
/**
 * What was wrong with which field.
 */
errors?: Array<FieldError>, };

/**
 * A record as the server shows it.
 */
export type RecordSnapshot = {
/**
 * Which one.
 */
id: RecordId,
/**
 * Its version.
 */
version: Version,
/**
 * Its content, a JSON object whose shape the kind defines.
 */
data: unknown,
/**
 * When it was last written, by the server's clock.
 */
updatedAt: Timestamp,
/**
 * Who wrote it last.
 */
updatedBy: UserId, };

/**
 * One page of `GET /workspaces/{workspaceId}/records/{kind}`, in the order of the ids.
 */
export type RecordPage = {
/**
 * The records of this page.
 */
records: Array<RecordSnapshot>,
/**
 * The `after` of the next page; absent on the last one.
 */
next?: RecordId, };

/**
 * A place in a workspace's order of changes, issued by the server and opaque to everybody else.
 */
export type Cursor = string;

/**
 * A record that changed, as it is now.
 */
export type RecordChange = {
/**
 * What sort of record.
 */
kind: RecordKind,
/**
 * Which one.
 */
id: RecordId,
/**
 * Its version.
 */
version: Version,
/**
 * The place of its last change.
 */
changeSeq: ChangeSeq,
/**
 * When it was last written, by the server's clock.
 */
updatedAt: Timestamp,
/**
 * Who wrote it last.
 */
updatedBy: UserId,
/**
 * Whether it was deleted; it has no content then.
 */
deleted: boolean,
/**
 * Its content, a JSON object whose shape the kind defines.
 */
data?: unknown, };

/**
 * One page of `GET /sync/changes`: the records that changed since the cursor, each at most once, as it is now.
 */
export type ChangesPage = {
/**
 * In the order of their last changes.
 */
changes: Array<RecordChange>,
/**
 * Whether the page belongs to a snapshot: with its last page (`more` is false) the client has all there is, and what it was not told of
 * in any of them does not exist any more.
 */
snapshot: boolean,
/**
 * Whether there was more when the page was read.
 */
more: boolean,
/**
 * The `since` of the next request, now or whenever there is something new.
 */
next: Cursor, };

/**
 * The data of the event `changed` of `GET /sync/events`: records of this kind changed.
 */
export type KindChanged = {
/**
 * Which kind.
 */
kind: RecordKind,
/**
 * The place of its last change.
 */
changeSeq: ChangeSeq, };

/**
 * The data of the events `ready` and `pull` of `GET /sync/events`.
 */
export type ChangedUpTo = {
/**
 * The place of the workspace's last change.
 */
changeSeq: ChangeSeq, };

/**
 * What the server says in its hello about `GET /sync/changes`.
 */
export type ChangeTerms = {
/**
 * The most records of one page.
 */
maxRecords: number,
/**
 * Bytes of records after which a page ends.
 */
maxBytes: number,
/**
 * Days after which a cursor that was not used is answered `cursor-expired`.
 */
cursorDays: number, };

/**
 * What one request to the server may hold.
 */
export type Limits = {
/**
 * Commands in a batch.
 */
maxItems: number,
/**
 * Bytes of a body, after decompression.
 */
maxBodyBytes: number,
/**
 * Bytes of one command.
 */
maxItemBytes: number, };

/**
 * How long the server recognises a retry.
 */
export type Retention = {
/**
 * Days for which a replay repeats the full answer.
 */
receiptDays: number,
/**
 * Days for which a key and its verdict are remembered; an unknown key of an older command is refused, not executed.
 */
keyDays: number, };

/**
 * The answer to `GET /sync/hello`.
 */
export type Hello = {
/**
 * The server's clock.
 */
serverTime: Timestamp,
/**
 * The protocol revision that the server speaks.
 */
protocol: number,
/**
 * The oldest protocol revision that the server still understands.
 */
minimumClient: number,
/**
 * What one request may hold.
 */
limits: Limits,
/**
 * How long the server remembers.
 */
retention: Retention,
/**
 * The command types that the server accepts, in the order of their names.
 */
acceptedTypes: Array<CommandType>,
/**
 * Types that are to stay in the outbox for now.
 */
pausedTypes: Array<CommandType>,
/**
 * How changes are told; absent when the server tells none.
 */
changes?: ChangeTerms, };
