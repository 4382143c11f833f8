import { z } from 'zod';
import type { Scope } from '../../src/core/scope.js';
import { Child, runProgram } from './child.js';
import { host } from './ports.js';
import { locate } from './programs.js';

const graceMs = 10_000;
const listening = /Server listening on/;

const result = z.object({
  error: z.string().optional(),
  end: z
    .object({
      sum: z.object({ lost_percent: z.number().optional() }).optional(),
      sum_received: z.object({ bytes: z.number(), bits_per_second: z.number() }),
    })
    .partial(),
});

export interface IperfResult {
  readonly bytes: number;
  readonly bitsPerSecond: number;
  /** Of datagrams. */
  readonly lostPercent: number;
}

/** A target for iperf3 streams, in a process of its own. */
export async function startIperfServer(port: number, scope: Scope, signal: AbortSignal): Promise<void> {
  const args = ['-s', '-B', host, '-p', String(port), '--forceflush'];
  const server = scope.use(new Child('iperf3 server', locate('iperf3'), args));
  // Connecting to it would begin a test.
  await server.ready('listening', () => listening.test(server.stdout), signal);
}

/** What the other end received. */
export async function runIperf(
  port: number,
  seconds: number,
  options: readonly string[],
  signal: AbortSignal,
): Promise<IperfResult> {
  const args = ['-c', host, '-p', String(port), '-t', String(seconds), '-i', '0', '-J', ...options];
  const timeoutMs = seconds * 1000 + graceMs;
  const output = await runProgram('iperf3', locate('iperf3'), args, { timeoutMs, signal });
  const { error, end } = result.parse(JSON.parse(output));
  if (error !== undefined || !end.sum_received) throw new Error(`iperf3 failed: ${error ?? 'nothing was received'}`);
  const { bytes, bits_per_second: bitsPerSecond } = end.sum_received;
  return { bytes, bitsPerSecond, lostPercent: end.sum?.lost_percent ?? 0 };
}
