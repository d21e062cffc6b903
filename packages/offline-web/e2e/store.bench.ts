/** The store beside plain IndexedDB, alternating in one page on a real profile. Medians over the rounds. */
import { test } from './browser.ts';

const ROUNDS = 5;

test('the store beside plain IndexedDB', async ({ tab }) => {
  const rows: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round += 1) {
    const times = await tab.evaluate(async (round) => {
      const body = 'x'.repeat(500);
      const plain = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(`plain-${round}`, 1);
        request.onupgradeneeded = () => void request.result.createObjectStore('rows', { keyPath: 'seq' });
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      const put = (first: number, count: number, durability: IDBTransactionDurability): Promise<void> =>
        new Promise((resolve, reject) => {
          const transaction = plain.transaction('rows', 'readwrite', { durability });
          const store = transaction.objectStore('rows');
          for (let seq = first; seq < first + count; seq += 1) store.put({ seq, id: `id-${seq}`, status: 'PENDING', body });
          transaction.commit();
          transaction.oncomplete = () => resolve();
          transaction.onabort = () => reject(transaction.error);
        });
      const outbox = await conformance.Outbox.open(`bench-${round}`);
      const median = (times: number[]): number => times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
      const times: Record<string, number> = {};
      const each = async (name: string, work: (number: number) => Promise<unknown>): Promise<void> => {
        const all: number[] = [];
        for (let number = 0; number < 300; number += 1) {
          const start = performance.now();
          await work(number);
          all.push(performance.now() - start);
        }
        times[name] = median(all);
      };
      const once = async (name: string, work: () => Promise<unknown>): Promise<void> => {
        const start = performance.now();
        await work();
        times[name] = performance.now() - start;
      };
      await each('plain strict put, p50 ms', (number) => put(number + 1, 1, 'strict'));
      await each('append strict, p50 ms', (number) => outbox.append(number + 1, 1, 500, false));
      await each('plain relaxed put, p50 ms', (number) => put(number + 1001, 1, 'relaxed'));
      await each('append relaxed, p50 ms', (number) => outbox.append(number + 1001, 1, 500, true));
      await once('plain 10,000 puts in one transaction, ms', () => put(10_001, 10_000, 'strict'));
      await once('append of 10,000 in one call, ms', () => outbox.append(10_001, 10_000, 500, false));
      await outbox.lead();
      await once('drain 10,600 by 1,000 (list, take off, settle), ms', () => outbox.drain(1000));
      outbox.close();
      plain.close();
      return times;
    }, round);
    for (const [name, time] of Object.entries(times)) (rows[name] ??= []).push(time);
  }
  for (const [name, times] of Object.entries(rows)) {
    const median = [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0;
    process.stdout.write(`${median.toFixed(2).padStart(10)}  ${name}\n`);
  }
});
