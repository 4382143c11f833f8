import { z } from 'zod';
import { Worker } from '../support/worker.js';
import type { Arm } from './arm.js';

/** What a few lines of Node do: the least that a relay in JavaScript has to beat. */
export const nodePipe: Arm = {
  name: 'node-pipe',
  label: 'Node net, pipe()',
  needs: [],
  open: async ({ target, signal }, scope) => {
    const worker = scope.use(new Worker('node-pipe', { listener: 0, target }, signal));
    return { listener: await worker.next(z.int()), pids: [worker.pid] };
  },
};
