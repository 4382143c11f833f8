import { setMaxListeners } from 'node:events';
import { Backoff } from './backoff.js';
import { systemClock, type Clock } from './clock.js';
import { Deferred } from './deferred.js';
import { passed } from './passed.js';

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

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

/** Work that has to be done some time: it is tried again in the background until it is done or its owner ends. */
export class Retries implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    // As many may wait for it as there is work.
    setMaxListeners(0, this.#stop.signal);
  }

  /** Aborts when the owner ends. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Resolves after the first attempt, even when that failed and others follow. `onFailure` hears of each that fails. */
  attempt(work: () => Promise<void>, onFailure: (error: unknown) => void): Promise<void> {
    const attempted = new Deferred<void>();
    const trying = keepTrying(work, {
      clock: this.#clock,
      backoff: new Backoff(firstPauseMs, longestPauseMs),
      signal: this.#stop.signal,
      onFailure: (error) => {
        attempted.resolve();
        onFailure(error);
      },
    }).finally(() => {
      attempted.resolve();
      this.#underWay.delete(trying);
    });
    this.#underWay.add(trying);
    return attempted.promise;
  }

  /** Begins no attempt any more and waits for those under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#underWay);
  }
}
