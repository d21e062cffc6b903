import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createTurns } from '../turns.ts';

/** The tasks of a page, one at a time when the test says so. */
let tasks: (() => void)[] = [];

beforeEach(() => {
  tasks = [];
  vi.stubGlobal(
    'MessageChannel',
    class {
      port1: { onmessage: (() => void) | null } = { onmessage: null };
      port2 = { postMessage: () => tasks.push(() => this.port1.onmessage?.()) };
    },
  );
});
afterEach(() => vi.unstubAllGlobals());

async function nextTask(): Promise<void> {
  tasks.shift()?.();
  await new Promise((resolve) => setTimeout(resolve, 0));
}

test('a burst goes on in pieces, in the order of the calls', async () => {
  const turns = createTurns(2);
  const order: number[] = [];
  const call = (number: number): void => void turns.next().then(() => order.push(number));
  [1, 2, 3, 4, 5].forEach(call);
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(order).toEqual([1, 2]);
  call(6);
  await nextTask();
  expect(order).toEqual([1, 2, 3, 4]);
  await nextTask();
  expect(order).toEqual([1, 2, 3, 4, 5, 6]);
});

test('calls of different tasks never wait, and one after the other send no message', async () => {
  const turns = createTurns(1);
  const order: number[] = [];
  for (const number of [1, 2, 3]) {
    void turns.next().then(() => order.push(number));
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(order.at(-1)).toBe(number);
    turns.rested();
  }
  expect(tasks).toEqual([]);
});

test('what has ended meanwhile does not let more calls into a task that has had its share', async () => {
  const turns = createTurns(2);
  const order: number[] = [];
  const call = (number: number): void => void turns.next().then(() => order.push(number));
  [1, 2, 3].forEach(call);
  turns.rested();
  call(4);
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(order).toEqual([1, 2]);
  await nextTask();
  expect(order).toEqual([1, 2, 3, 4]);
});
