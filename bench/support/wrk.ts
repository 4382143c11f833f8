import { availableParallelism } from 'node:os';
import { runProgram } from './child.js';
import { host } from './ports.js';
import { locate } from './programs.js';

const graceMs = 10_000;
const msPerUnit: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3, m: 6e4 };

export interface WrkResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface WrkOptions {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: readonly string[];
  readonly signal: AbortSignal;
}

/** Asks for one small page over and over. Throws when more than a few requests fail. */
export async function runWrk({ port, connections, seconds, headers = [], signal }: WrkOptions): Promise<WrkResult> {
  const args = [
    ...['-t', String(Math.min(2, availableParallelism())), '-c', String(connections), '-d', `${seconds}s`],
    ...['--latency', ...headers.flatMap((header) => ['-H', header]), `http://${host}:${port}/`],
  ];
  const timeoutMs = seconds * 1000 + graceMs;
  const output = await runProgram('wrk', locate('wrk'), args, { timeoutMs, signal });
  assertSound(output);
  return {
    requestsPerSecond: Number(field(output, /^Requests\/sec:\s+([\d.]+)$/m)),
    p50Ms: milliseconds(field(output, /^\s+50%\s+(\S+)$/m)),
    p99Ms: milliseconds(field(output, /^\s+99%\s+(\S+)$/m)),
  };
}

/** A rate that is made of errors is no rate. */
function assertSound(output: string): void {
  const requests = Number(field(output, /^\s+(\d+) requests in /m));
  const [, ...counts] = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output) ?? [];
  const [, refused = 0] = /Non-2xx or 3xx responses: (\d+)/.exec(output) ?? [];
  const errors = counts.reduce((sum, count) => sum + Number(count), Number(refused));
  if (errors * 100 > requests) throw new Error(`${errors} errors in ${requests} requests.`);
}

function field(output: string, pattern: RegExp): string {
  const [, value] = pattern.exec(output) ?? [];
  if (value === undefined) throw new Error(`wrk did not print what was expected (${pattern.source}): ${output}`);
  return value;
}

function milliseconds(text: string): number {
  const [, amount, unit = ''] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? [];
  const factor = msPerUnit[unit];
  if (factor === undefined) throw new Error(`wrk printed a time that is none: ${text}`);
  return Number(amount) * factor;
}
