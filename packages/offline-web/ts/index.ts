export { createOfflineClient } from './client.ts';
export { OfflineError } from './error.ts';
export { cacheDatabaseName, outboxIsSupported } from './browser.ts';
export { registerServiceWorker } from './register-service-worker.ts';
export type { ServiceWorkerOptions, UpdateReady } from './register-service-worker.ts';
export type * from './types.ts';
