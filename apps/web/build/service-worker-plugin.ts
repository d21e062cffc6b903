import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join, relative, resolve, sep } from 'node:path';
import { build, type Plugin } from 'vite';

/** One file of the shell; `revision` is null where the name already carries a hash of the content. */
interface PrecacheEntry {
  url: string;
  revision: string | null;
}

const HASHED = /^\/assets\/.*-[\w-]{8,}\.\w+$/;

/** Builds src/sw.ts into /sw.js once the app is built, with the list of all its files as `__PRECACHE__`. */
export function serviceWorker(): Plugin {
  let outDir = 'dist';
  return {
    name: 'erp-service-worker',
    apply: 'build',
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    async closeBundle(error?: Error) {
      if (error === undefined) await emit(outDir);
    },
  };
}

async function emit(outDir: string): Promise<void> {
  const entries = await precacheEntries(outDir);
  await build({
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    define: { __PRECACHE__: JSON.stringify(entries) },
    build: {
      outDir,
      emptyOutDir: false,
      target: 'es2022',
      rollupOptions: {
        input: fileURLToPath(new URL('../src/sw.ts', import.meta.url)),
        output: { format: 'iife', entryFileNames: 'sw.js' },
      },
    },
  });
}

async function precacheEntries(outDir: string): Promise<PrecacheEntry[]> {
  const files = await readdir(outDir, { recursive: true, withFileTypes: true });
  const paths = files
    .filter((file) => file.isFile() && file.name !== 'sw.js')
    .map((file) => join(file.parentPath, file.name))
    .sort();
  return Promise.all(
    paths.map(async (path) => {
      const url = `/${relative(outDir, path).split(sep).join('/')}`;
      if (HASHED.test(url)) return { url, revision: null };
      const hash = createHash('sha256').update(await readFile(path));
      return { url, revision: hash.digest('hex').slice(0, 16) };
    }),
  );
}
