import { defineConfig, mergeConfig } from 'vitest/config';
import usual from './vitest.config.js';

// One file after the other: what is measured over seconds shall not disturb what else is measured.
export default mergeConfig(
  { ...usual, test: { ...usual.test, include: [], exclude: [] } },
  defineConfig({ test: { include: ['test/slow/**/*.test.ts'], fileParallelism: false, testTimeout: 600_000 } }),
);
