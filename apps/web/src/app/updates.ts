import { registerServiceWorker, type UpdateReady } from 'offline-web';
import { openClient } from '../session/partition.ts';
import { createStore } from './store.ts';

/** How to change to the new version, once there is one. */
export const update = createStore<UpdateReady | null>(null);

/** Keeps the shell on this device, in production builds. */
export function watchForUpdates(): void {
  if (!import.meta.env.PROD) return;
  registerServiceWorker({ client: openClient, onUpdateReady: (apply) => update.set(apply) });
}
