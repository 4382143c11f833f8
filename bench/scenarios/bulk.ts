import { openProven, type Arm } from '../arms/arm.js';
import { runIperf, startIperfServer } from '../support/iperf.js';
import { cpuSeconds } from '../support/proc.js';
import { alternate } from './alternate.js';
import { cpu, throughput } from './metrics.js';
import type { Scenario } from './scenario.js';

const bytesPerGb = 1e9;

export interface BulkOptions {
  readonly name: string;
  readonly title: string;
  readonly arms: readonly Arm[];
  /** Those that a quick run leaves out. */
  readonly extraArms?: readonly Arm[];
  readonly streams: number;
  readonly quick: boolean;
  readonly reference: string;
}

/** As many bytes as go through, by iperf3 from memory to memory, and what they cost. */
export function bulk({ name, title, arms, extraArms = [], streams, quick, reference }: BulkOptions): Scenario {
  return {
    name,
    title,
    quick,
    reference,
    needs: ['iperf3'],
    metrics: [throughput, cpu],
    run: (context) => {
      const { seconds, signal } = context;
      return alternate(
        context.quick ? arms : [...arms, ...extraArms],
        {
          open: async (arm, folder, scope) => {
            const opened = await openProven(arm, { transport: 'tcp', folder, signal }, scope);
            await startIperfServer(opened.target, scope, signal);
            return opened;
          },
          measure: async ({ listener, pids }) => {
            const before = cpuSeconds(pids);
            const { bytes, bitsPerSecond } = await runIperf(listener, seconds, ['-P', String(streams)], signal);
            const used = cpuSeconds(pids) - before;
            const cost = pids.length === 0 ? {} : { [cpu.key]: (used * bytesPerGb) / bytes };
            return { [throughput.key]: bitsPerSecond / 1e9, ...cost };
          },
        },
        context,
      );
    },
  };
}
