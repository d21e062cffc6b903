import { defineConfig } from '@playwright/test';

// Run by `npm run e2e`, after `cargo xtask wasm --conformance`. CHROMIUM names another browser binary.
export default defineConfig({
  testDir: '.',
  outputDir: '../test-results',
  reporter: [['list']],
  timeout: 60_000,
  // The cases share one browser; more workers would compete for one disk.
  workers: 1,
  forbidOnly: Boolean(process.env['CI']),
});
