/**
 * Own commands applied to what the server last said. The engine does it; here it is decided what it has to do again. Commands that share a record, even
 * at one remove, are a group: what a group looks like depends on its commands and its records alone, so a group of which none is new is not asked about.
 */
import type { RecordSnapshot } from 'offline-protocol';
import { toOfflineError } from './error.ts';
import { recordName } from './outbox-index.ts';
import type { JournalEntry, OutboxEntry, OutboxSnapshot, OverlaidRecord } from './types.ts';

/** The engine's overlay: texts in, text out, throws a text. */
export type EngineOverlay = (kind: string, records: string, entries: string, journal: string) => string;

export type Overlay = (kind: string, records: readonly RecordSnapshot[]) => OverlaidRecord[];

/** What the commands on a list are. */
interface Commands {
  entries: OutboxEntry[];
  journal: JournalEntry[];
}

/** A list with its overlay, and what that was made of. */
interface Made extends Commands {
  snapshot: OutboxSnapshot;
  result: OverlaidRecord[];
}

interface Group extends Commands {
  /** The records of the kind that the commands touch, and those of them that the server has shown. */
  ids: Set<string>;
  records: RecordSnapshot[];
}

interface Shown {
  inputs: unknown[];
  outputs: OverlaidRecord[];
}

/**
 * Makes the overlay function. The same list against an outbox that says nothing new about the kind gives the same array; a record that looks as it did
 * gives the same object. Records only pending come last, in the order of their ids; a record that own commands delete (its data is null) is left out.
 */
export function createOverlay(snapshot: () => OutboxSnapshot, engine: EngineOverlay): Overlay {
  const plain = new WeakMap<RecordSnapshot, OverlaidRecord>();
  const made = new WeakMap<readonly RecordSnapshot[], Map<string, Made>>();
  /** The groups of each kind, by their first command. */
  const latest = new Map<string, Map<string, Shown>>();

  const asIs = (record: RecordSnapshot): OverlaidRecord => {
    let overlaid = plain.get(record);
    if (overlaid === undefined) plain.set(record, (overlaid = withoutCommands(record)));
    return overlaid;
  };

  const ask = (kind: string, groups: Group[]): Map<string, OverlaidRecord> => {
    if (groups.length === 0) return new Map();
    const records = groups.flatMap((group) => group.records);
    const entries = groups.flatMap((group) => group.entries).sort((a, b) => a.seq - b.seq);
    const journal = groups.flatMap((group) => group.journal);
    try {
      const answer = engine(kind, JSON.stringify(records), JSON.stringify(entries), JSON.stringify(journal));
      return new Map((JSON.parse(answer) as OverlaidRecord[]).map((record) => [record.id, record]));
    } catch (thrown) {
      throw toOfflineError(thrown);
    }
  };

  const show = (kind: string, groups: Map<string, Group>): Map<string, OverlaidRecord> => {
    const before = latest.get(kind) ?? new Map<string, Shown>();
    const old = new Map([...before.values()].flatMap((shown) => shown.outputs.map((record) => [record.id, record])));
    const isNew = (first: string, group: Group): boolean => !equal(before.get(first)?.inputs ?? [], inputsOf(group));
    const answered = ask(kind, [...groups].flatMap(([first, group]) => (isNew(first, group) ? [group] : [])));
    const now = new Map<string, Shown>();
    for (const [first, group] of groups) {
      const fresh = (): OverlaidRecord[] => [...group.ids].flatMap((id) => keep(old.get(id), answered.get(id)) ?? []);
      const known = isNew(first, group) ? undefined : before.get(first);
      now.set(first, known ?? { inputs: inputsOf(group), outputs: fresh() });
    }
    latest.set(kind, now);
    return new Map([...now.values()].flatMap((shown) => shown.outputs.map((record) => [record.id, record])));
  };

  const make = (kind: string, records: readonly RecordSnapshot[], commands: Commands): OverlaidRecord[] => {
    if (commands.entries.length === 0 && commands.journal.length === 0) return records.map(asIs);
    const shown = show(kind, groupsOf(kind, records, commands));
    const all = records.map((record) => shown.get(record.id) ?? asIs(record));
    for (const record of records) shown.delete(record.id);
    return [...all, ...[...shown.values()].sort((a, b) => (a.id < b.id ? -1 : 1))].filter((record) => record.data !== null);
  };

  return (kind, records) => {
    const current = snapshot();
    const byKind = made.get(records) ?? new Map<string, Made>();
    const last = byKind.get(kind);
    if (last?.snapshot === current) return last.result;
    const entries = current.entries.filter((entry) => touches(entry, kind));
    const journal = current.journal.filter((entry) => entry.outcome.kind === 'applied' && touches(entry.command, kind));
    const unchanged = last !== undefined && equal(last.entries, entries) && equal(last.journal, journal);
    const result = unchanged ? last.result : make(kind, records, { entries, journal });
    made.set(records, byKind.set(kind, { snapshot: current, entries, journal, result }));
    return result;
  };
}

/** By the id of a group's first command. */
function groupsOf(kind: string, records: readonly RecordSnapshot[], { entries, journal }: Commands): Map<string, Group> {
  const parents = new Map<string, string>();
  const root = (name: string): string => {
    let top = name;
    for (let up = parents.get(top); up !== undefined && up !== top; up = parents.get(top)) top = up;
    parents.set(name, top);
    return top;
  };
  const namesOf = (command: Pick<OutboxEntry, 'touches'>): string[] => command.touches.map((key) => recordName(key.kind, key.id));
  for (const command of [...entries, ...journal.map((entry) => entry.command)]) {
    const [first = '', ...others] = namesOf(command);
    for (const other of others) parents.set(root(other), root(first));
  }

  const byRoot = new Map<string, Group>();
  const groupOf = (command: Pick<OutboxEntry, 'touches'>): Group => {
    const top = root(namesOf(command)[0] ?? '');
    const group = byRoot.get(top) ?? { ids: new Set(), records: [], entries: [], journal: [] };
    for (const key of command.touches) if (key.kind === kind) group.ids.add(key.id);
    byRoot.set(top, group);
    return group;
  };
  for (const entry of journal) groupOf(entry.command).journal.push(entry);
  for (const entry of entries) groupOf(entry).entries.push(entry);

  const byId = new Map([...byRoot.values()].flatMap((group) => [...group.ids].map((id) => [id, group])));
  for (const record of records) byId.get(record.id)?.records.push(record);
  const first = (group: Group): string => (group.journal[0]?.command ?? group.entries[0])?.commandId ?? '';
  return new Map([...byRoot.values()].map((group) => [first(group), group]));
}

function withoutCommands(record: RecordSnapshot): OverlaidRecord {
  const { id, data, version, updatedAt, updatedBy } = record;
  return { id, data, version, updatedAt, updatedBy, sync: 'synced', expected: { version }, commandIds: [] };
}

const inputsOf = (group: Group): unknown[] => [...group.records, ...group.entries, ...group.journal];
const touches = (command: Pick<OutboxEntry, 'touches'>, kind: string): boolean => command.touches.some((key) => key.kind === kind);

function keep(before: OverlaidRecord | undefined, now: OverlaidRecord | undefined): OverlaidRecord | undefined {
  return before !== undefined && JSON.stringify(before) === JSON.stringify(now) ? before : now;
}

function equal(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
