import { defineConfig } from '@playwright/test';

// Run by `npm run bench`, after `cargo xtask wasm --conformance`: prints times, judges nothing.
export default defineConfig({ testDir: '.', testMatch: '*.bench.ts', outputDir: '../test-results', reporter: [['line']], timeout: 300_000, workers: 1 });
