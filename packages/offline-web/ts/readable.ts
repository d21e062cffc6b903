import type { Readable } from './types.ts';

/** Runs a listener that is not ours; what it throws must reach neither the engine nor the next listener. */
export type Guard = (listener: () => void) => void;

/** A `Readable` and the way to change it. */
export interface Cell<T> extends Readable<T> {
  set(value: T): void;
}

/** Listeners in the order in which they came; one that subscribes twice is called twice. */
export interface Listeners {
  add(listener: () => void): () => void;
  notify(): void;
  readonly size: number;
}

export function createListeners(guard: Guard): Listeners {
  const listeners = new Set<{ call: () => void }>();
  return {
    add(listener) {
      const entry = { call: listener };
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    notify() {
      for (const entry of [...listeners]) guard(entry.call);
    },
    get size() {
      return listeners.size;
    },
  };
}

/**
 * A value that tells its listeners in a microtask of its own, once for any number of changes: the engine changes it from inside its own code, and a
 * listener may call the engine.
 */
export function createCell<T>(initial: T, guard: Guard): Cell<T> {
  let value = initial;
  let scheduled = false;
  const listeners = createListeners(guard);
  const flush = (): void => {
    scheduled = false;
    listeners.notify();
  };
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      if (scheduled) return;
      scheduled = true;
      queueMicrotask(flush);
    },
    subscribe: listeners.add,
  };
}
