import { formatEndpoint, type Endpoint } from '../../../../core/endpoint.js';
import { messageOf } from '../../../../core/errors.js';
import { Bursts } from '../../../../observe/bursts.js';
import type { Logger } from '../../../../observe/logger.js';
import type { EngineSettings, ForwarderOptions } from '../../engine.js';
import { RateLimit } from './rate.js';
import { Tally } from './tally.js';

interface Incident {
  readonly message: string;
  readonly peer: Endpoint;
  readonly error: unknown;
}

/** What the listeners of one forwarder have in common. */
export class Shared implements Disposable {
  readonly options: ForwarderOptions;
  readonly settings: EngineSettings;
  readonly tally = new Tally();
  readonly rateIn: RateLimit;
  readonly rateOut: RateLimit;
  readonly #refused: Bursts<Incident>;
  readonly #unreached: Bursts<Incident>;

  constructor(options: ForwarderOptions, settings: EngineSettings) {
    this.options = options;
    this.settings = settings;
    this.rateIn = new RateLimit(options.maxRate);
    this.rateOut = new RateLimit(options.maxRate);
    this.#refused = incidents(options.logger);
    this.#unreached = incidents(options.logger);
  }

  get logger(): Logger {
    return this.options.logger;
  }

  /** A direction of a connection passes four streams at most, each of which may hold this much. */
  get highWaterMark(): number {
    return Math.floor(this.settings.bufferSize / 4);
  }

  handshakeFailed(peer: Endpoint, error: unknown): void {
    this.tally.failedHandshake();
    this.#refused.add({ message: 'handshake failed', peer, error });
  }

  targetFailed(peer: Endpoint, error: unknown): void {
    this.#unreached.add({ message: 'target not reached', peer, error });
  }

  [Symbol.dispose](): void {
    this.#refused[Symbol.dispose]();
    this.#unreached[Symbol.dispose]();
  }
}

function incidents(logger: Logger): Bursts<Incident> {
  return new Bursts(({ message, peer, error }, leftOut) => {
    const more = leftOut === 0 ? {} : { andMore: leftOut };
    logger.warn({ peer: formatEndpoint(peer), reason: reasonOf(error), ...more }, message);
  });
}

/** OpenSSL's messages name its source files; what they mean stands in `reason`. */
function reasonOf(error: unknown): string {
  const short = error instanceof Error && 'reason' in error ? error.reason : undefined;
  return typeof short === 'string' ? short : messageOf(error);
}
