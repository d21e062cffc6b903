import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createOfflineClient } from '../client.ts';
import type { OfflineClient } from '../types.ts';
import { createFakeEngine } from './fake-engine.ts';

const KEY = 'offline-kept:acme:ana';
const DATABASE = 'offline-outbox:acme:ana';

/** As much of `localStorage` as is used. */
class Texts {
  readonly texts = new Map<string, string>();
  getItem = (key: string) => this.texts.get(key) ?? null;
  setItem = (key: string, text: string) => void this.texts.set(key, text);
  removeItem = (key: string) => void this.texts.delete(key);
}

let kept: Texts;

beforeEach(() => {
  kept = new Texts();
  vi.stubGlobal('localStorage', kept);
  vi.stubGlobal('indexedDB', new IDBFactory());
});
afterEach(() => vi.unstubAllGlobals());

/** Opens the partition on an engine that makes its database, as the real one does. */
async function open(engine = createFakeEngine()): Promise<OfflineClient> {
  const { openEngine } = engine.module;
  engine.module.openEngine = async (options, host) => {
    await new Promise<void>((resolve) => {
      const request = indexedDB.open(DATABASE);
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
    });
    return openEngine(options, host);
  };
  return createOfflineClient({ workspaceId: 'acme', userId: 'ana', engine: () => Promise.resolve(engine.module), getToken: () => 'token' });
}

const lostAt = (client: OfflineClient) => client.status.get().storageLostAt;

describe('a database that the browser has thrown away', () => {
  it('is none on a new device, nor when it is still there', async () => {
    const first = await open();
    expect(lostAt(first)).toBeNull();
    await first.close();
    expect(lostAt(await open())).toBeNull();
  });

  it('is told after every start until somebody knows of it', async () => {
    await (await open()).close();
    vi.stubGlobal('indexedDB', new IDBFactory());
    const told = await open();
    const at = lostAt(told);
    expect(Date.parse(at ?? '')).toBeGreaterThan(0);
    expect((await told.syncNow()).storageLostAt).toBe(at);
    await told.close();
    const again = await open();
    expect(lostAt(again)).toBe(at);
    const heard = vi.fn();
    again.status.subscribe(heard);
    again.acknowledgeLoss();
    expect(lostAt(again)).toBeNull();
    await Promise.resolve();
    expect(heard).toHaveBeenCalledOnce();
    again.acknowledgeLoss();
    await again.close();
    expect(lostAt(await open())).toBeNull();
  });

  it('is told again when it happens again', async () => {
    for (let time = 0; time < 2; time += 1) {
      await (await open()).close();
      vi.stubGlobal('indexedDB', new IDBFactory());
      const told = await open();
      expect(lostAt(told)).not.toBeNull();
      told.acknowledgeLoss();
      await told.close();
    }
  });

  it('is none after a wipe, and one that was refused forgets nothing', async () => {
    const client = await open();
    await client.enqueue({ type: 'SET_V1', payload: { kind: 'expense', id: '1' } });
    await expect(client.wipe()).rejects.toMatchObject({ code: 'unsynced' });
    expect(kept.texts.get(KEY)).toBe('');
    await client.wipe({ evenUnsynced: true });
    expect(kept.texts.has(KEY)).toBe(false);
    vi.stubGlobal('indexedDB', new IDBFactory());
    expect(lostAt(await open())).toBeNull();
  });

  it('is known in a tab when another one has been told that somebody knows', async () => {
    const target = new EventTarget();
    vi.stubGlobal('addEventListener', target.addEventListener.bind(target));
    const tell = (key: string, newValue: string | null) => target.dispatchEvent(Object.assign(new Event('storage'), { key, newValue }));
    await (await open()).close();
    vi.stubGlobal('indexedDB', new IDBFactory());
    const client = await open();
    tell('offline-kept:acme:ben', '');
    tell(KEY, null);
    expect(lostAt(client)).not.toBeNull();
    tell(KEY, '');
    expect(lostAt(client)).toBeNull();
  });

  it.each([
    ['has no list of databases', { databases: undefined }],
    ['does not give it', { databases: () => Promise.reject(new Error('no')) }],
  ])('cannot be known where the browser %s', async (_, change) => {
    await (await open()).close();
    vi.stubGlobal('indexedDB', Object.assign(new IDBFactory(), change));
    expect(lostAt(await open())).toBeNull();
  });

  it('is not known where a page may keep nothing beside it, and nothing else is wrong there', async () => {
    vi.stubGlobal('localStorage', undefined);
    expect(lostAt(await open())).toBeNull();
    const refuse = () => {
      throw new Error('SecurityError');
    };
    vi.stubGlobal('localStorage', { getItem: refuse, setItem: refuse, removeItem: refuse });
    const client = await open();
    expect(lostAt(client)).toBeNull();
    await client.wipe();
  });
});
