import type { Arm } from './arm.js';

/** Nothing in between: what the machine can do. */
export const direct: Arm = {
  name: 'direct',
  label: 'direct',
  needs: [],
  open: ({ target }) => Promise.resolve({ listener: target, pids: [] }),
};
