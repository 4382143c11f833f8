import type { Released } from './footprint.js';
import { amount, gigabitsPerSecond } from './format.js';
import type { ProfileName } from './profiles.js';
import type { Received, Sent } from './protocol.js';

/** What the demo has shown; scripts get it as JSON. */
export interface Summary {
  readonly profile: ProfileName;
  /** The file that was streamed; null: detector frames. */
  readonly input: string | null;
  readonly messages: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly gigabitsPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Of all payloads one after the other. */
  readonly sha256: { readonly sent: string; readonly received: string };
  readonly released: Released;
}

export interface Source {
  readonly profile: ProfileName;
  readonly input?: string | undefined;
}

/** Throws when the consumer has not received exactly what the producer sent. */
export function summarize({ profile, input }: Source, sent: Sent, received: Received, released: Released): Summary {
  for (const what of ['messages', 'bytes', 'sha256'] as const) {
    if (sent[what] !== received[what]) {
      throw new Error(`The data changed on its way: ${what} sent ${sent[what]}, received ${received[what]}.`);
    }
  }
  const { messages, bytes, seconds, p50Ms, p99Ms } = received;
  return {
    profile,
    input: input ?? null,
    messages,
    bytes,
    seconds,
    gigabitsPerSecond: gigabitsPerSecond(received),
    latencyMs: { p50: p50Ms, p99: p99Ms },
    sha256: { sent: sent.sha256, received: received.sha256 },
    released,
  };
}

export function summaryText(summary: Summary): string {
  const { profile, input, messages, bytes, seconds, latencyMs, sha256, released } = summary;
  return [
    `Streamed ${input ?? `${profile} detector frames`} from memory to memory through two facilities.`,
    `  messages    ${messages}, ${amount(bytes)} in ${seconds.toFixed(2)} s`,
    `  throughput  ${summary.gigabitsPerSecond.toFixed(2)} Gb/s`,
    `  latency     p50 ${latencyMs.p50.toFixed(1)} ms, p99 ${latencyMs.p99.toFixed(1)} ms`,
    `  SHA-256     sent      ${sha256.sent}`,
    `              received  ${sha256.received}, equal`,
    `  released    ${released.processes} processes, ${released.ports} ports, ${released.folders} folder`,
  ].join('\n');
}
