import { IDBFactory } from 'fake-indexeddb';
import { vi } from 'vitest';
import { createOfflineClient } from '../client.ts';
import type { OfflineError } from '../error.ts';
import type { OfflineClient, OfflineClientOptions, Readable } from '../types.ts';
import { createFakeEngine } from './fake-engine.ts';
import type { FakeEngine } from './fake-engine.ts';

export interface Opened {
  client: OfflineClient;
  engine: FakeEngine;
  errors: OfflineError[];
}

/** A client on a fresh fake engine, in a fresh browser. */
export async function open(change: Partial<OfflineClientOptions> = {}, engine = createFakeEngine()): Promise<Opened> {
  vi.stubGlobal('indexedDB', new IDBFactory());
  const errors: OfflineError[] = [];
  const client = await createOfflineClient({
    workspaceId: 'acme',
    userId: 'ana',
    engine: () => Promise.resolve(engine.module),
    getToken: () => 'token',
    onError: (error) => errors.push(error),
    ...change,
  });
  return { client, engine, errors };
}

/** Resolves once the value satisfies `wanted`; subscribes, as a screen would. */
export function until<T>(readable: Readable<T>, wanted: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    let unsubscribe = (): void => undefined;
    const look = (): void => {
      const value = readable.get();
      if (!wanted(value)) return;
      unsubscribe();
      resolve(value);
    };
    unsubscribe = readable.subscribe(look);
    look();
  });
}

/** Lets everything that is under way come to rest. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}
