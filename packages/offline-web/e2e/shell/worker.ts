import { serveShell } from '../../ts/service-worker.ts';
import type { ShellFile } from '../../ts/service-worker.ts';

/** Put in by the server of the test. */
declare const FILES: readonly ShellFile[];

serveShell({ files: FILES });
