import type { Expected } from 'offline-protocol';
import type { OutboxSnapshot, OverlaidRecord } from 'offline-web';

/** What a form works on: a record as its author has it before his eyes. */
export interface Base<Data> {
  data: Data;
  /** The server's version under it. */
  version: number;
  /** What a command that builds on it expects. */
  expected: Expected;
}

/** What a form holds. It outlives the form that shows it. */
export interface Draft<Data, Fields> {
  /** Null while the record is still to be made. */
  base: Base<Data> | null;
  fields: Fields;
  /** Whether something is typed that is not saved. */
  dirty: boolean;
  /** Whether a command is being stored. */
  saving: boolean;
  /** The own command that made `base`, while the record as shown may not hold it yet; null for none. */
  awaits: string | null;
}

/** The fields of a record's form. With `like` they keep what only the form knows, such as which line is which. */
export type FieldsOf<Data, Fields> = (data: Data, like?: Fields) => Fields;

/** The draft after a key was pressed in a form that shows `unchanged` when nothing is typed. */
export function typed<Data, Fields>(before: Draft<Data, Fields>, unchanged: Fields, fields: Fields): Draft<Data, Fields> {
  return { ...before, fields, dirty: !same(unchanged, fields) };
}

/**
 * The draft after `sent` was stored as command `commandId`, which makes `data`. What was typed while it was being stored stays, on top of it:
 * the next command comes after that one.
 */
export function saved<Data, Fields extends object>(
  fieldsOf: FieldsOf<Data, Fields>,
  now: Draft<Data, Fields>,
  sent: Fields,
  data: Data,
  commandId: string,
): Draft<Data, Fields> {
  const base = { data, version: now.base?.version ?? 0, expected: { after: commandId } };
  return { ...rebased(sent, now.fields, fieldsOf(data, sent)), base, saving: false, awaits: commandId };
}

/**
 * The draft on a record that may have changed. As long as it awaits an own command it stands still; once the record holds that one, what is not
 * touched follows the record. Nothing follows news of others while there is something typed.
 */
export function settled<Data, Fields extends object>(
  fieldsOf: FieldsOf<Data, Fields>,
  draft: Draft<Data, Fields>,
  record: OverlaidRecord<Data> | undefined,
  outbox: OutboxSnapshot,
): Draft<Data, Fields> {
  const { base, awaits } = draft;
  if (record === undefined || base === null) return draft;
  const follows = awaits === null ? !draft.dirty && isOther(base, record) : holds(record, base, awaits, outbox);
  if (!follows) return draft;
  const { data, version, expected } = record;
  const unchanged = fieldsOf(data, draft.fields);
  const before = fieldsOf(base.data, draft.fields);
  return { ...rebased(before, draft.fields, unchanged), base: { data, version, expected }, saving: draft.saving, awaits: null };
}

/** Whether the record differs from what the author of the draft has before his eyes. */
export function changedMeanwhile<Data>({ base, awaits }: Draft<Data, unknown>, record: OverlaidRecord<Data> | undefined): boolean {
  return record !== undefined && base !== null && awaits === null && !same(base.data, record.data);
}

function isOther(base: Base<unknown>, record: OverlaidRecord): boolean {
  return base.data !== record.data || base.expected !== record.expected;
}

function holds(record: OverlaidRecord, base: Base<unknown>, commandId: string, { entries, journal }: OutboxSnapshot): boolean {
  if (record.version > base.version || record.commandIds.includes(commandId)) return true;
  return entries.some((entry) => entry.commandId === commandId) || journal.some(({ command }) => command.commandId === commandId);
}

/** Of each field: what was typed if it is not as it was `before`, else what it is `after`. */
function rebased<Fields extends object>(before: Fields, now: Fields, after: Fields): { fields: Fields; dirty: boolean } {
  const fields = { ...after };
  for (const name of Object.keys(after) as (keyof Fields)[]) if (!same(before[name], now[name])) fields[name] = now[name];
  return { fields, dirty: !same(after, fields) };
}

/** Whether two forms or records say the same. The `key` of a line is the form's own affair. */
function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a, withoutKey) === JSON.stringify(b, withoutKey);
}

function withoutKey(name: string, value: unknown): unknown {
  return name === 'key' ? undefined : value;
}
