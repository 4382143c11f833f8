import { DataServer } from '../support/data-server.js';
import { freePort } from '../support/ports.js';
import { percentile } from '../support/statistics.js';
import { relay, relayPortable } from '../arms/relay.js';
import { alternate } from './alternate.js';
import { p50, p99, release } from './metrics.js';
import type { Sample, Scenario } from './scenario.js';

const warmUps = 50;
const quickCycles = 100;
const fullCycles = 500;

/** How long it takes to open a forwarder and to close it again, at a data server that has done so before. */
export const reserve: Scenario = {
  name: 'reserve',
  title: 'Reserve and Update of one listener, then Release, at a warm data server',
  quick: true,
  reference: relay.name,
  needs: [],
  metrics: [p50, p99, release],
  run: (context) => {
    const { signal } = context;
    const cycles = context.quick ? quickCycles : fullCycles;
    return alternate(
      [relay, relayPortable],
      {
        open: async (arm, folder, scope) => {
          const portable = arm === relayPortable;
          const server = await DataServer.start({ folder, portable, name: 'agent' }, scope, signal);
          const target = await freePort();
          await measure(server, target, warmUps, signal);
          return { server, target };
        },
        measure: ({ server, target }) => measure(server, target, cycles, signal),
      },
      context,
    );
  },
};

async function measure(server: DataServer, target: number, cycles: number, signal: AbortSignal): Promise<Sample> {
  const [opening, closing]: [number[], number[]] = [[], []];
  for (let cycle = 0; cycle < cycles; cycle++) {
    signal.throwIfAborted();
    const start = performance.now();
    const { id } = await server.forward({ role: 'PROD' }, target);
    const open = performance.now();
    await server.release(id);
    opening.push(open - start);
    closing.push(performance.now() - open);
  }
  return {
    [p50.key]: percentile(opening, 0.5),
    [p99.key]: percentile(opening, 0.99),
    [release.key]: percentile(closing, 0.5),
  };
}
