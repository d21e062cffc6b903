import { defineConfig } from '@playwright/test';

/** Every test has a server, a data folder, a profile and ports of its own. One worker: two browsers at a time are enough for two cores. */
export default defineConfig({
  testDir: '.',
  outputDir: '../test-results',
  timeout: 120_000,
  expect: { timeout: 30_000 },
  workers: 1,
  forbidOnly: true,
  reporter: [['list']],
});
