import type { JournalEntry, OutboxEntry } from 'offline-web';
import type { RecordSnapshot } from 'offline-protocol';

/** What a person calls a record; undefined when nothing on this device says so. */
export type NameOf = (kind: string, id: string) => string | undefined;

/** The property that names a record, in its data and in the payloads of its commands. */
const NAMING: Readonly<Record<string, { name: string }>> = {
  expense: { name: 'description' },
  invoice: { name: 'customer' },
};

/** Knows the names in what the server last said, overruled by the user's own commands, later ones first. */
export function namesFrom(
  records: Readonly<Record<string, readonly RecordSnapshot[]>>,
  entries: readonly OutboxEntry[],
  journal: readonly JournalEntry[],
): NameOf {
  const names = new Map<string, string>();
  const learn = (command: Pick<OutboxEntry, 'touches' | 'payload'>) => {
    for (const { kind, id } of command.touches) {
      const name = text(command.payload, NAMING[kind]?.name);
      if (name !== undefined) names.set(`${kind} ${id}`, name);
    }
  };
  for (const entry of [...journal].reverse()) learn(entry.command);
  for (const entry of entries) learn(entry);
  return (kind, id) => names.get(`${kind} ${id}`) ?? text(records[kind]?.find((record) => record.id === id)?.data, NAMING[kind]?.name);
}

function text(value: unknown, property: string | undefined): string | undefined {
  if (property === undefined || typeof value !== 'object' || value === null) return undefined;
  const found = (value as Record<string, unknown>)[property];
  return typeof found === 'string' && found.trim() !== '' ? found : undefined;
}
