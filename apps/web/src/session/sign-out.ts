import type { OfflineClient } from 'offline-web';
import { unsynced } from '../sync/describe.ts';
import { closePartitions, partitionOf } from './partition.ts';
import { session as sessionStore, type Session } from './session.ts';

/** What the server does not have yet, in one workspace. */
export interface Unsynced {
  workspaceId: string;
  name: string;
  count: number;
  /** Those of them that wait for a person: refused or in conflict. */
  parked: number;
}

/** `clean`: nothing is unsynced, else it is refused. `keep`: what is unsynced stays on the device until the same person comes back. */
export type Leaving = 'clean' | 'keep' | 'delete';

/** Counts in every workspace that this person has opened on this device. */
export async function countUnsynced(session: Session): Promise<Unsynced[]> {
  return Promise.all(
    Object.keys(session.grants).map(async (workspaceId) => {
      const { client } = await partitionOf(session.userId, workspaceId);
      const { counts } = await started(client);
      const name = session.workspaces.find(({ id }) => id === workspaceId)?.name ?? workspaceId;
      return { workspaceId, name, count: unsynced(counts), parked: counts.failed + counts.conflict };
    }),
  );
}

export async function signOut(session: Session, how: Leaving): Promise<void> {
  const partitions = await Promise.all(Object.keys(session.grants).map((workspaceId) => partitionOf(session.userId, workspaceId)));
  for (const { client, cache } of partitions) {
    await cache.purge();
    if (how !== 'keep') await client.wipe({ evenUnsynced: how === 'delete' });
  }
  await closePartitions(session.userId);
  sessionStore.set(null);
}

/** The status once the outbox has been read. */
function started({ status }: OfflineClient): Promise<ReturnType<typeof status.get>> {
  return new Promise((resolve) => {
    const look = () => {
      const now = status.get();
      if (now.phase === 'starting') return;
      stop();
      resolve(now);
    };
    const stop = status.subscribe(look);
    look();
  });
}
