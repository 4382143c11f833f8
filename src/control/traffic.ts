import { Backoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { messageOf, SciStreamError } from '../core/errors.js';
import { keepTrying } from '../core/retry.js';
import type { Counters } from '../gen/scistream/data/v1/data_pb.js';
import type { Logger } from '../observe/logger.js';
import type { Gateway } from './gateway.js';

const firstRetryMs = 100;
const longestRetryMs = 2_000;

/** Counters by the id of their reservation. */
export type CountersById = Readonly<Record<string, Counters>>;
type Listener = (counters: CountersById) => void;

interface TrafficFeedOptions {
  readonly gateway: Pick<Gateway, 'watch'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The counters of a gateway once a second for everybody who wants them: one watch there, however many listen here. It is open
 * while somebody listens, and opened again when the data server was restarted.
 */
export class TrafficFeed {
  readonly #options: TrafficFeedOptions;
  readonly #listeners = new Set<Listener>();
  /** Ends the open watch, or the wait for the next. */
  #stop: AbortController | undefined;

  constructor(options: TrafficFeedOptions) {
    this.#options = options;
  }

  /** Calls `listener` until what comes back is disposed. */
  subscribe(listener: Listener): Disposable {
    // The same function may subscribe twice.
    const own: Listener = (counters) => {
      listener(counters);
    };
    this.#listeners.add(own);
    if (!this.#stop) {
      this.#stop = new AbortController();
      void this.#follow(this.#stop.signal);
    }
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(own);
        if (this.#listeners.size > 0) return;
        this.#stop?.abort();
        this.#stop = undefined;
      },
    };
  }

  /** Never throws: it tries again until nobody listens. */
  #follow(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const backoff = new Backoff(firstRetryMs, longestRetryMs);
    return keepTrying(() => this.#watch(signal, backoff), {
      ...{ clock, backoff, signal },
      onFailure: (error) => {
        if (!signal.aborted)
          logger.debug({ reason: messageOf(error) }, 'no counters from the data server; trying again');
      },
    });
  }

  /** Throws when the watch ends. */
  async #watch(signal: AbortSignal, backoff: Backoff): Promise<void> {
    for await (const counters of this.#options.gateway.watch(signal)) {
      if (signal.aborted) return;
      backoff.reset();
      for (const listener of this.#listeners) listener(counters);
    }
    throw new SciStreamError('CONN_ERROR', 'The data server has ended the watch.');
  }
}
