import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { SciStreamError } from '../core/errors.js';
import { formatDuration, parseDuration, parseSize } from '../core/quantity.js';
import { flag, parsed } from './load.js';

const smallestBuffer = 64 * 1024;
const largestBuffer = 1024 * 1024;

/** Settings of the relay, which `s2cs` hands on to the data server that it starts. */
export const relaySettings = {
  workers: z.coerce.number().int().min(1).max(256).default(availableParallelism()),
  portable: flag.default(false),
  bufferSize: parsed(parseBufferSize).prefault('1MiB'),
  socketBuffer: parsed(parseSize).prefault('0'),
  idleTimeout: parsed(parseIdleTimeout).prefault('0'),
};

export type RelaySettings = Readonly<{ [K in keyof typeof relaySettings]: z.output<(typeof relaySettings)[K]> }>;

/** Each as its option takes it. */
export function relayTexts(settings: RelaySettings): Readonly<Record<keyof RelaySettings, string>> {
  const { workers, portable, bufferSize, socketBuffer, idleTimeout } = settings;
  return {
    workers: String(workers),
    portable: String(portable),
    bufferSize: String(bufferSize),
    socketBuffer: String(socketBuffer),
    idleTimeout: idleTimeout === 0 ? '0' : formatDuration(idleTimeout),
  };
}

function parseBufferSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes < smallestBuffer || bytes > largestBuffer) {
    throw new SciStreamError('BAD_FORMAT', `A buffer of ${bytes} bytes must have 64KiB to 1MiB.`);
  }
  return bytes;
}

/** Milliseconds; 0: never. */
function parseIdleTimeout(text: string): number {
  return text.trim() === '0' ? 0 : parseDuration(text);
}
