import { defineConfig } from '@playwright/test';

// Run by `cargo xtask bench web`: prints times, judges nothing.
export default defineConfig({ testDir: '.', testMatch: '*.bench.ts', outputDir: '../test-results', reporter: [['line']], timeout: 1_800_000, workers: 1 });
