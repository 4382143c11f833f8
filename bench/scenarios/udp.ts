import type { Scope } from '../../src/core/scope.js';
import { z } from 'zod';
import { openProven, type Arm } from '../arms/arm.js';
import { runIperf, startIperfServer } from '../support/iperf.js';
import { cpuSeconds } from '../support/proc.js';
import { Worker } from '../support/worker.js';
import { alternate } from './alternate.js';
import { cpu, loss, throughput } from './metrics.js';
import type { Scenario } from './scenario.js';

/** Fits an Ethernet frame. */
const datagramBytes = 1400;

export interface UdpOptions {
  readonly name: string;
  readonly title: string;
  /** Bits per second, as iperf3 writes them; 0: as fast as it can, more than arrives. */
  readonly rate: string;
  readonly arms: readonly Arm[];
}

/** How much of what one sender offers is delivered. */
export function udp({ name, title, rate, arms }: UdpOptions): Scenario {
  return {
    name,
    title,
    quick: false,
    reference: 'nginx',
    needs: ['iperf3'],
    metrics: [throughput, loss, cpu],
    run: (context) => {
      const { seconds, signal } = context;
      return alternate(
        arms,
        {
          open: async (arm, folder, scope) => {
            const opened = await openProven(arm, { transport: 'udp', folder, signal }, scope);
            await startIperfServer(opened.target, scope, signal);
            if (opened.listener !== opened.target) await openControl(opened.listener, opened.target, scope, signal);
            return opened;
          },
          measure: async ({ listener, pids }) => {
            const before = cpuSeconds(pids);
            const options = ['-u', '-b', rate, '-l', String(datagramBytes)];
            const { bytes, bitsPerSecond, lostPercent } = await runIperf(listener, seconds, options, signal);
            const used = cpuSeconds(pids) - before;
            const cost = pids.length === 0 ? {} : { [cpu.key]: (used * 1e9) / bytes };
            return { [throughput.key]: bitsPerSecond / 1e9, [loss.key]: lostPercent, ...cost };
          },
        },
        context,
      );
    },
  };
}

/** iperf3 wants a TCP connection to the port of the same number; it carries next to nothing and goes beside the arm. */
async function openControl(listener: number, target: number, scope: Scope, signal: AbortSignal): Promise<void> {
  const control = scope.use(new Worker('node-pipe', { listener, target }, signal));
  await control.next(z.int());
}
