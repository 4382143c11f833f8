import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { SciStreamError } from '../core/errors.js';
import { formatDuration, parseDuration, parseSize } from '../core/quantity.js';
import { flag, parsed } from './load.js';

const smallestBuffer = 64 * 1024;
const largestBuffer = 1024 * 1024;

/** Settings of the relay, which `s2cs` hands on to the data server that it starts. What is not set is up to that one. */
export const relaySettings = {
  workers: z.coerce.number().int().min(1).max(256).optional(),
  portable: flag.default(false),
  bufferSize: parsed(parseBufferSize).optional(),
  socketBuffer: parsed(parseSize).prefault('0'),
  idleTimeout: parsed(parseIdleTimeout).prefault('0'),
};

export type RelaySettings = Readonly<z.output<z.ZodObject<typeof relaySettings>>>;

/** Each as its option takes it; undefined: not set, or said to be off or none, which means the same. */
export function relayTexts(settings: RelaySettings): Readonly<Record<keyof RelaySettings, string | undefined>> {
  const { workers, portable, bufferSize, socketBuffer, idleTimeout } = settings;
  return {
    workers: workers?.toString(),
    portable: portable ? 'true' : undefined,
    bufferSize: bufferSize?.toString(),
    socketBuffer: socketBuffer === 0 ? undefined : String(socketBuffer),
    idleTimeout: idleTimeout === 0 ? undefined : formatDuration(idleTimeout),
  };
}

interface RelayOptions {
  readonly workers: number;
  readonly bufferSize: number;
  /** 0: never. */
  readonly idleTimeoutMs: number;
  readonly portable: boolean;
  /** 0: adapted by the kernel. */
  readonly socketBuffer: number;
}

/** What a data server with these settings does. */
export function relayOptions(settings: RelaySettings): RelayOptions {
  const { workers, bufferSize, idleTimeout, portable, socketBuffer } = settings;
  return {
    workers: workers ?? availableParallelism(),
    bufferSize: bufferSize ?? largestBuffer,
    idleTimeoutMs: idleTimeout,
    portable,
    socketBuffer,
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
