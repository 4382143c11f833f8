import type { Runner } from './runner.js';

/** The engine works inside the agent's own process: there is nothing that could be missing. */
export const embedded: Runner = {
  check: async () => Promise.resolve({ available: true }),
};
