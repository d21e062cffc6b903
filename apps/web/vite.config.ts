import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { serviceWorker } from './build/service-worker-plugin.ts';

/** Where `erp-server` listens while one works on the page. */
const SERVER = process.env['ERP_SERVER'] ?? 'http://127.0.0.1:8787';

/** The server's paths; pages live under `/w/`. */
const proxy = Object.fromEntries(['/sync', '/workspaces', '/dev'].map((path) => [path, { target: SERVER }]));

export default defineConfig({
  plugins: [react(), serviceWorker()],
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy },
  build: { target: 'es2022', assetsInlineLimit: 0 },
  test: { include: ['src/**/*.test.ts'], environment: 'node', testTimeout: 60_000 },
});
