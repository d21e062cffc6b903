import { toOfflineError, type OfflineError } from './error.ts';
import type { SyncStatus } from './types.ts';

type Storage = SyncStatus['storage'];

/** Whether the browser promised to keep the outbox when the disk runs short. */
export interface Persistence {
  readonly value: Storage;
  /** Asks for the promise, once; some browsers show the user a question. */
  ask(): void;
}

/** Reads how things stand and tells `changed` of every answer. */
export function createPersistence(changed: () => void, onError: (error: OfflineError) => void): Persistence {
  const manager = globalThis.navigator?.storage as Partial<StorageManager> | undefined;
  let value: Storage = 'unknown';
  let asked = false;
  const learn = (persisted: boolean): void => {
    value = persisted ? 'persistent' : 'best-effort';
    changed();
  };
  const run = (question: Promise<boolean> | undefined): void => {
    question?.then(learn, (thrown: unknown) => onError(toOfflineError(thrown, 'storage-unavailable')));
  };
  run(manager?.persisted?.());
  return {
    get value() {
      return value;
    },
    ask() {
      if (asked || value === 'persistent') return;
      asked = true;
      run(manager?.persist?.());
    },
  };
}
