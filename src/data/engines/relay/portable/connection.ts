import { Deferred } from '../../../../core/deferred.js';
import type { Endpoint } from '../../../../core/endpoint.js';
import { messageOf } from '../../../../core/errors.js';
import type { ConnectionInfo } from '../../engine.js';
import type { Dialer, Leg } from './leg.js';
import { Pump } from './pump.js';
import type { Rotation } from './rotation.js';
import type { Shared } from './shared.js';
import type { Tallied } from './tally.js';

export interface ConnectionParts {
  readonly listener: Endpoint;
  readonly client: Leg;
  readonly rotation: Rotation;
  readonly dialer: Dialer;
  readonly shared: Shared;
}

/** One client and the target that it is joined to. */
export class Connection implements Tallied {
  readonly #parts: ConnectionParts;
  readonly #gaveUp = new AbortController();
  #target: Endpoint | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  info(): ConnectionInfo {
    const { listener, client } = this.#parts;
    return {
      listener,
      client: client.peer,
      ...(this.#target ? { target: this.#target } : {}),
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
    };
  }

  /** Forwards until both directions have ended. Never throws: a broken connection concerns its two peers only. */
  async run(): Promise<void> {
    const { client, shared } = this.#parts;
    shared.tally.opened(this);
    let target: Leg | undefined;
    try {
      target = await this.#reachTarget();
      await this.#join(client, target);
      client.close();
      target.close();
    } catch (error) {
      // What was not said to its end must not look as if it were.
      client.reset();
      target?.reset();
      shared.logger.debug({ reason: messageOf(error) }, 'connection broke');
    } finally {
      clearTimeout(this.#idle);
      shared.tally.closed(this);
    }
  }

  abort(reason: string): void {
    this.#gaveUp.abort(new Error(reason));
  }

  /** The first target that answers, starting with the one whose turn it is. Throws when none does. */
  async #reachTarget(): Promise<Leg> {
    const { rotation, dialer, shared } = this.#parts;
    const { signal } = this.#gaveUp;
    for (const target of rotation.next()) {
      try {
        const leg = await dialer.dial(target, signal);
        this.#target = target;
        return leg;
      } catch (error) {
        if (signal.aborted) throw error;
        rotation.failed(target);
        shared.targetFailed(target, error);
      }
    }
    shared.tally.refused();
    throw new Error('no target was reached');
  }

  /** Both directions at once; each passes its end on as a half-close, and a failure of one ends the other. */
  async #join(client: Leg, target: Leg): Promise<void> {
    const { tally, rateIn, rateOut } = this.#parts.shared;
    const broken = new Deferred<never>();
    for (const { stream } of [client, target]) watch(stream, broken.reject);
    this.#gaveUp.signal.addEventListener('abort', () => {
      broken.reject(this.#gaveUp.signal.reason);
    });
    this.#watchIdle();
    const forth = new Pump(client.stream, target.stream, rateIn, (bytes) => {
      this.#bytesIn += bytes;
      tally.movedIn(bytes);
      this.#idle?.refresh();
    });
    const back = new Pump(target.stream, client.stream, rateOut, (bytes) => {
      this.#bytesOut += bytes;
      tally.movedOut(bytes);
      this.#idle?.refresh();
    });
    try {
      await Promise.race([Promise.all([forth.run(), back.run()]), broken.promise]);
    } finally {
      forth.stop();
      back.stop();
    }
  }

  #watchIdle(): void {
    const { idleTimeoutMs } = this.#parts.shared.settings;
    if (idleTimeoutMs === 0) return;
    this.#idle = setTimeout(() => {
      this.abort(`silent for ${idleTimeoutMs} ms`);
    }, idleTimeoutMs);
  }
}

/** A stream that closes before both of its directions have ended is broken, whether it says so or not. */
function watch(stream: Leg['stream'], broke: (reason: unknown) => void): void {
  stream.on('error', broke);
  const closed = (): void => {
    if (!stream.readableEnded || !stream.writableFinished) broke(stream.errored ?? new Error('the peer went away'));
  };
  if (stream.destroyed) closed();
  else stream.once('close', closed);
}
