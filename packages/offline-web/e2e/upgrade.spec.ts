/** A database as an earlier version of the layout wrote it is read, sent and counted on by this one. */
import { readFile } from 'node:fs/promises';

import { expect, test } from './browser.ts';

interface Command {
  commandId: string;
  seq: number;
  status: string;
  touches: { kind: string; id: string }[];
}

/** Commands as they are stored, from the golden files: one waits, one was refused, one waits and is in a flight of before. */
async function stored(): Promise<Command[]> {
  const golden = async (name: string): Promise<Command> =>
    JSON.parse(await readFile(new URL(`../../offline-conformance/golden/outbox-command-${name}.json`, import.meta.url), 'utf8')) as Command;
  const commands = [await golden('pending'), await golden('failed'), await golden('waiting')];
  return commands.map((command, index) => ({ ...command, commandId: `01970000-0000-7000-8000-00000000000${index + 1}`, seq: 1 }));
}

test('what the first version of the layout left is all there, and goes on', async ({ tab }) => {
  const user = `upgrade-${process.pid}`;
  const made = await tab.evaluate(
    ([name, commands]) =>
      new Promise<string>((resolve, reject) => {
        const request = indexedDB.open(name, 1);
        request.onerror = () => reject(request.error ?? new Error('not open'));
        request.onupgradeneeded = () => {
          const database = request.result;
          const rows = database.createObjectStore('commands', { keyPath: 'seq', autoIncrement: true });
          rows.createIndex('id', 'id', { unique: true });
          rows.createIndex('touches', 'touches', { multiEntry: true });
          rows.createIndex('parked', 'parked');
          const flights = database.createObjectStore('flights');
          const journal = database.createObjectStore('journal', { keyPath: 'at', autoIncrement: true });
          journal.createIndex('id', 'id', { multiEntry: true });
          journal.createIndex('versions', 'versions', { multiEntry: true });
          const meta = database.createObjectStore('meta');
          meta.put('0d1f8a52-6c1e-4f3a-9d59-6f6f6f6f6f6f', 'device');
          meta.put('{"removed":0,"highestRemoved":0,"failed":1,"conflict":0,"journaled":0}', 'tally');
          for (const command of commands) {
            const row = { id: command.commandId, touches: command.touches.map(({ kind, id }) => `${kind}/${id}`), body: JSON.stringify(command) };
            rows.add(command.status === 'FAILED' ? { ...row, parked: 1 } : row);
          }
          flights.put('{"seqs":[[3,3]]}', '00000000-0000-0000-0000-0000000000f1');
        };
        request.onsuccess = () => {
          request.result.close();
          resolve(request.result.name);
        };
      }),
    [`offline-outbox:conformance:${user}`, await stored()] as const,
  );
  expect(made).toContain(user);
  const seen = await tab.evaluate(async (user) => {
    const outbox = await conformance.Outbox.open(user);
    const before = { seqs: Array.from(await outbox.seqs()), counts: JSON.parse(await outbox.counts()) as object };
    const appended = await outbox.append(100, 70, 10, false);
    await outbox.lead();
    // The flight of before is still out: only the two others that wait can leave.
    const drained = await outbox.drain(1000);
    const after = { seqs: Array.from(await outbox.seqs()), counts: JSON.parse(await outbox.counts()) as object };
    outbox.close();
    return { before, appended: [appended.at(0), appended.at(-1)], drained, after };
  }, user);
  expect(seen.before).toEqual({ seqs: [1, 2, 3], counts: { pending: 1, inFlight: 1, failed: 1, conflict: 0 } });
  expect(seen.appended).toEqual([4, 73]);
  expect(seen.drained).toBe(71);
  expect(seen.after).toEqual({ seqs: [2, 3], counts: { pending: 0, inFlight: 1, failed: 1, conflict: 0 } });
});

interface JournalEntry {
  command: Command;
  outcome: { kind: string };
}

/** Rows of the second version: one command that the browser numbered, three that share a row, and three that were settled, in two rows. */
async function ofTheSecond(): Promise<{ rows: object[]; journal: object[]; entries: JournalEntry[] }> {
  const touching = ({ touches }: Command): string[] => touches.map(({ kind, id }) => `${kind}/${id}`);
  const [waits, failed, flies] = await stored();
  if (waits === undefined || failed === undefined || flies === undefined) throw new Error('three commands were to be there');
  const numbered = (command: Command, number: number): Command => ({ ...command, commandId: `01970000-0000-7000-8000-00000000000${number}`, seq: number });
  const shared = [numbered(waits, 2), numbered(failed, 3), numbered(flies, 4)];
  const first = { ...waits, commandId: '01970000-0000-7000-8000-000000000001' };
  const rows = [
    { id: [first.commandId], touches: touching(first), body: JSON.stringify(first) },
    { seq: 4, id: shared.map(({ commandId }) => commandId), touches: shared.flatMap(touching), parked: 1, body: JSON.stringify(shared) },
  ];
  const text = await readFile(new URL('../../offline-conformance/golden/journal-entry-applied.json', import.meta.url), 'utf8');
  const entries = [5, 6, 7].map((number) => {
    const entry = JSON.parse(text) as JournalEntry;
    return { ...entry, command: numbered(entry.command, number) };
  });
  const row = (...held: JournalEntry[]): object => {
    const id = held.map(({ command }) => command.commandId);
    return { size: held.length, id, versions: id.map((command, at) => ['thing/a', 5 + at, command]), body: JSON.stringify(held) };
  };
  return { rows, journal: [row(...entries.slice(0, 1)), row(...entries.slice(1))], entries };
}

test('what the second version of the layout left is all there, and goes on', async ({ tab }) => {
  const user = `upgrade-second-${process.pid}`;
  const name = `offline-outbox:conformance:${user}`;
  const { rows, journal, entries } = await ofTheSecond();
  await tab.evaluate(
    ([name, rows, journal]) =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.open(name, 2);
        request.onerror = () => reject(request.error ?? new Error('not open'));
        request.onupgradeneeded = () => {
          const database = request.result;
          const commands = database.createObjectStore('commands', { keyPath: 'seq', autoIncrement: true });
          commands.createIndex('id', 'id', { unique: true, multiEntry: true });
          commands.createIndex('touches', 'touches', { multiEntry: true });
          commands.createIndex('parked', 'parked');
          const flights = database.createObjectStore('flights');
          const settled = database.createObjectStore('journal', { keyPath: 'at', autoIncrement: true });
          settled.createIndex('id', 'id', { multiEntry: true });
          settled.createIndex('versions', 'versions', { multiEntry: true });
          const meta = database.createObjectStore('meta');
          meta.put('0d1f8a52-6c1e-4f3a-9d59-6f6f6f6f6f6f', 'device');
          meta.put('{"removed":3,"highestRemoved":7,"failed":1,"conflict":0,"journaled":3}', 'tally');
          meta.put('{"fence":5,"held":{"by":"a tab of before","untilMillis":1795000000123}}', 'lease');
          for (const row of rows) commands.add(row);
          // The last one that left.
          commands.add({ seq: 7, id: [], body: '' });
          commands.delete(7);
          for (const row of journal) settled.add(row);
          flights.put('{"seqs":[[4,4]],"rows":[[4,4]]}', '00000000-0000-0000-0000-0000000000f1');
        };
        request.onsuccess = () => {
          request.result.close();
          resolve();
        };
      }),
    [name, rows, journal] as const,
  );
  const seen = await tab.evaluate(async (user) => {
    const outbox = await conformance.Outbox.open(user);
    const state = async () => ({ seqs: Array.from(await outbox.seqs()), counts: JSON.parse(await outbox.counts()) as object });
    const before = await state();
    const journal = JSON.parse(await outbox.journal()) as JournalEntry[];
    // 4 to 7 are known: the first is in the outbox, the others in the journal.
    const appended = Array.from(await outbox.append(4, 6, 10, false));
    await outbox.lead();
    const drained = await outbox.drain(1000);
    const pruned = await outbox.pruneJournal(5);
    const kept = (JSON.parse(await outbox.journal()) as JournalEntry[]).map(({ command }) => command.seq);
    const after = await state();
    outbox.close();
    return { before, journal, appended, drained, pruned, kept, after };
  }, user);
  expect(seen.before).toEqual({ seqs: [1, 2, 3, 4], counts: { pending: 2, inFlight: 1, failed: 1, conflict: 0 } });
  expect(seen.journal).toEqual(entries.toReversed());
  expect(seen.appended).toEqual([4, 5, 6, 7, 8, 9]);
  expect(seen.drained).toBe(4);
  expect(seen.pruned).toBe(2);
  expect(seen.kept).toEqual([9, 8, 2, 1, 7]);
  expect(seen.after).toEqual({ seqs: [3, 4], counts: { pending: 0, inFlight: 1, failed: 1, conflict: 0 } });
  const lease = await tab.evaluate(
    (name) =>
      new Promise<unknown>((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onerror = () => reject(request.error ?? new Error('not open'));
        request.onsuccess = () => {
          const found = request.result.transaction('meta').objectStore('meta').get('lease');
          found.onsuccess = () => {
            request.result.close();
            resolve(found.result);
          };
        };
      }),
    name,
  );
  // The next fence after the one of before.
  expect(lease).toMatch(/^6 \d+ outbox$/);
});
