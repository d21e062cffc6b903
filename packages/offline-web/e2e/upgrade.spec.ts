/** A database as the first version of the layout wrote it is read, sent and counted on by this one. */
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
