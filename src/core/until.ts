import { Backoff } from './backoff.js';
import { Deferred, orAborted } from './deferred.js';
import { SciStreamError } from './errors.js';

/**
 * Waits until `probe` answers something other than undefined or false, asking again with growing pauses (5 to 100 ms).
 * For conditions that no event announces. Throws TIMEOUT naming `what` after `ms`, or the reason of `signal`.
 */
export async function until<T>(
  what: string,
  ms: number,
  probe: () => T | Promise<T>,
  signal?: AbortSignal,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + ms;
  const backoff = new Backoff(5, 100);
  for (;;) {
    const answer = await probe();
    if (holds(answer)) return answer;
    if (performance.now() > deadline) throw new SciStreamError('TIMEOUT', `${what} did not happen within ${ms} ms.`);
    await pause(backoff.next(), signal);
  }
}

function holds<T>(answer: T): answer is Exclude<T, undefined | false> {
  const value: unknown = answer;
  return value !== undefined && value !== false;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const over = new Deferred<void>();
  const timer = setTimeout(over.resolve, ms);
  try {
    await orAborted(over.promise, signal);
  } finally {
    clearTimeout(timer);
  }
}
