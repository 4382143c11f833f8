import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['test/slow/**', 'node_modules/**'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Two cores is the smallest machine this must be pleasant on.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // In CI nothing may be left out silently, and nothing may pass because it was focused or empty.
    allowOnly: false,
    passWithNoTests: false,
  },
});
