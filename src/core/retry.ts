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
  /** Asked for a signal before each pause, which ends with its abort. */
  readonly hurry?: () => AbortSignal;
}

/** Does `work` at once, and again until it succeeds or `signal` aborts. Never throws. */
export async function keepTrying(work: () => Promise<void>, options: RetryOptions): Promise<void> {
  const { clock, backoff, signal, onFailure, hurry } = options;
  do {
    try {
      await work();
      return;
    } catch (error) {
      onFailure(error);
    }
    await passed(backoff.next(), hurry ? AbortSignal.any([signal, hurry()]) : signal, clock);
  } while (!signal.aborted);
}

/** Work that has to be done some time: it is tried again in the background until it is done or its owner ends. */
export class Retries implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  /** Aborts when the pauses of now are over. */
  #pauses = new AbortController();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    // As many may wait for it as there is work.
    setMaxListeners(0, this.#stop.signal);
  }

  /** What failed is tried again now: there is reason to think that it works. */
  hurry(): void {
    this.#pauses.abort();
    this.#pauses = new AbortController();
  }

  /** Aborts when the owner ends. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Resolves when it is done, or when the owner has ended. `onFailure` hears of each attempt that fails. */
  untilDone(work: () => Promise<void>, onFailure: (error: unknown) => void): Promise<void> {
    const trying = keepTrying(work, {
      clock: this.#clock,
      backoff: new Backoff(firstPauseMs, longestPauseMs),
      signal: this.#stop.signal,
      hurry: () => this.#pauses.signal,
      onFailure,
    }).finally(() => this.#underWay.delete(trying));
    this.#underWay.add(trying);
    return trying;
  }

  /** The same, but resolves after the first attempt, even when that failed and others follow. */
  attempt(work: () => Promise<void>, onFailure: (error: unknown) => void): Promise<void> {
    const attempted = new Deferred<void>();
    void this.untilDone(work, (error) => {
      attempted.resolve();
      onFailure(error);
    }).then(attempted.resolve, attempted.reject);
    return attempted.promise;
  }

  /** Begins no attempt any more and waits for those under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#underWay);
  }
}
