import { SciStreamError } from '../core/errors.js';
import type { Facility } from './facility.js';

const longestLifetimeSeconds = 365 * 86_400;

/** Number of listeners of one session. */
export function parseNumListeners(count: number, { maxListeners }: Pick<Facility, 'maxListeners'>): number {
  if (!Number.isInteger(count) || count < 1 || count > maxListeners) {
    throw new SciStreamError('BAD_FORMAT', `num_conn ${count} must be 1 to ${maxListeners}, the number of ports here.`);
  }
  return count;
}

export function parsePreferredPorts(
  ports: readonly number[],
  { maxListeners }: Pick<Facility, 'maxListeners'>,
): readonly number[] {
  const wrong = ports.find((port) => port < 1 || port > 65535);
  if (wrong !== undefined) throw new SciStreamError('BAD_FORMAT', `preferred port ${wrong} must be 1 to 65535.`);
  if (new Set(ports).size !== ports.length)
    throw new SciStreamError('BAD_FORMAT', 'preferred ports must differ from each other.');
  return ports.slice(0, maxListeners);
}

/** Bytes per second, 0 for no limit. */
export function parseMaxRate(rate: bigint): number {
  if (rate > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `max_rate ${rate} is beyond any network; give bytes per second, or 0 for no limit.`,
    );
  }
  return Number(rate);
}

/** Seconds to milliseconds; undefined when the session is to last until it is released. */
export function parseLifetime(seconds: number | undefined): number | undefined {
  if (seconds === undefined) return undefined;
  if (!(seconds > 0 && seconds <= longestLifetimeSeconds)) {
    throw new SciStreamError(
      'BAD_FORMAT',
      `a lifetime of ${seconds} s must be above 0 and at most ${longestLifetimeSeconds} s.`,
    );
  }
  return Math.round(seconds * 1000);
}
