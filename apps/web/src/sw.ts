import { serveShell, type ShellFile } from 'offline-web/service-worker';

/** Put in by build/service-worker-plugin.ts. */
declare const __PRECACHE__: readonly ShellFile[];

serveShell({ files: __PRECACHE__ });
