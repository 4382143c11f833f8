import { Scope } from '../../src/core/scope.js';
import { z } from 'zod';
import { openProven, type Arm } from '../arms/arm.js';
import { filesPerProcess } from '../support/limits.js';
import { residentBytes } from '../support/proc.js';
import { Worker } from '../support/worker.js';
import { alternate } from './alternate.js';
import { perConnection, resident, tenThousand } from './metrics.js';
import type { Context, Sample, Scenario } from './scenario.js';

const fullCount = 10_000;
const quickCount = 1_000;
/** Memory hardly varies from round to round, and opening the connections takes its time. */
const mostRounds = 3;
const quickRounds = 1;
/** A connection through a proxy takes two; what else the proxy has open takes some. */
const filesSpared = 1_000;

/** The memory of an arm while many connections are open that have been used once and are silent. */
export function idle(arms: readonly Arm[]): Scenario {
  return {
    name: 'idle',
    title: 'Memory with idle connections (10 000, or 1 000 in a quick run and calculated for 10 000)',
    quick: true,
    reference: 'haproxy',
    needs: [],
    metrics: [resident, perConnection, tenThousand],
    run: async (context) => {
      const wanted = context.quick ? quickCount : fullCount;
      const possible = Math.floor(((await filesPerProcess(context.signal)) - filesSpared) / 2);
      const count = Math.min(wanted, possible);
      if (count < wanted) context.tell(`  ${count} connections instead of ${wanted}: the system allows no more files`);
      const rounds = Math.min(context.rounds, context.quick ? quickRounds : mostRounds);
      return alternate(
        arms,
        {
          open: (arm, folder) => Promise.resolve({ arm, folder }),
          measure: ({ arm, folder }) => memoryOf(arm, folder, count, context),
        },
        { ...context, rounds },
      );
    },
  };
}

/** Of an arm that has just been started, so that one round leaves nothing for the next. */
async function memoryOf(arm: Arm, folder: string, count: number, { signal }: Context): Promise<Sample> {
  await using scope = new Scope();
  const { listener, target, pids } = await openProven(arm, { transport: 'tcp', folder, signal }, scope);
  const before = residentBytes(pids);
  const server = scope.use(new Worker('idle-target', { port: target }, signal));
  await server.next(z.strictObject({ listening: z.literal(true) }));
  const clients = scope.use(new Worker('idle-clients', { port: listener, connections: count }, signal));
  await clients.next(z.strictObject({ connected: z.literal(count) }));
  const after = residentBytes(pids);
  const each = (after - before) / count;
  return {
    [resident.key]: after / 1e6,
    [perConnection.key]: each / 1e3,
    [tenThousand.key]: (before + each * fullCount) / 1e6,
  };
}
