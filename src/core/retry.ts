import type { Backoff } from './backoff.js';
import type { Clock } from './clock.js';
import { passed } from './passed.js';

export interface RetryOptions {
  readonly clock: Clock;
  /** How long to wait before each further attempt. */
  readonly backoff: Backoff;
  /** From its abort on, nothing is tried again. */
  readonly signal: AbortSignal;
  /** Called for every attempt that failed. */
  readonly onFailure: (error: unknown) => void;
}

/** Does `work` at once, and again until it succeeds or `signal` aborts. Never throws. */
export async function keepTrying(work: () => Promise<void>, options: RetryOptions): Promise<void> {
  const { clock, backoff, signal, onFailure } = options;
  do {
    try {
      await work();
      return;
    } catch (error) {
      onFailure(error);
    }
    await passed(backoff.next(), signal, clock);
  } while (!signal.aborted);
}
