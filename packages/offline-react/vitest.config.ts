import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { include: ['ts/**/*.test.tsx'], environment: 'happy-dom', testTimeout: 60_000 } });
