import net from 'node:net';
import { pipeline } from 'node:stream/promises';
import { Deferred } from '../../../../core/deferred.js';
import { formatEndpoint, type Endpoint } from '../../../../core/endpoint.js';
import { messageOf } from '../../../../core/errors.js';
import type { Logger } from '../../../../observe/logger.js';
import type { Targets } from '../../engine.js';
import type { Meter, RelayCounters } from './counters.js';

const connectTimeoutMs = 10_000;
/** Which target the next connection tries first, for each list of targets. */
const turns = new WeakMap<Targets, number>();

/** One accepted connection and the one it is joined to. */
export class Connection implements Meter {
  readonly #client: net.Socket;
  readonly #targets: Targets;
  readonly #counters: RelayCounters;
  readonly #logger: Logger;
  #upstream: net.Socket | undefined;

  /** `client` is paused and allows half-open. */
  constructor(client: net.Socket, targets: Targets, counters: RelayCounters, logger: Logger) {
    this.#client = client;
    this.#targets = targets;
    this.#counters = counters;
    this.#logger = logger;
  }

  get bytesIn(): number {
    return this.#client.bytesRead;
  }

  get bytesOut(): number {
    return this.#upstream?.bytesRead ?? 0;
  }

  /** Forwards until both directions have ended. Never throws: a broken connection concerns its two peers only. */
  async run(): Promise<void> {
    this.#counters.opened(this);
    try {
      this.#upstream = await this.#reachTarget();
      if (this.#upstream) await join(this.#client, this.#upstream);
    } catch (error) {
      this.#logger.debug({ reason: messageOf(error) }, 'connection broke');
    } finally {
      this.abort();
      this.#counters.closed(this);
    }
  }

  abort(): void {
    this.#client.destroy();
    this.#upstream?.destroy();
  }

  /** The first target that answers, starting with the one whose turn it is; undefined when none does. */
  async #reachTarget(): Promise<net.Socket | undefined> {
    const first = turns.get(this.#targets) ?? 0;
    turns.set(this.#targets, (first + 1) % this.#targets.length);
    const inTurn = [...this.#targets.slice(first), ...this.#targets.slice(0, first)];
    for (const target of inTurn) {
      try {
        return await this.#connect(target);
      } catch (error) {
        if (this.#client.destroyed) return undefined;
        this.#logger.warn({ target: formatEndpoint(target), reason: messageOf(error) }, 'target not reached');
      }
    }
    this.#counters.refused();
    // Not a clean end either: nobody was there to say anything.
    this.#client.resetAndDestroy();
    return undefined;
  }

  async #connect(target: Endpoint): Promise<net.Socket> {
    const socket = net.connect({ ...target, allowHalfOpen: true, noDelay: true, keepAlive: true });
    const ready = new Deferred<net.Socket>();
    const giveUp = (reason: string) => () => {
      ready.reject(new Error(reason));
    };
    const clientGone = giveUp('the client went away');
    const timer = setTimeout(giveUp(`no answer within ${connectTimeoutMs} ms`), connectTimeoutMs);
    this.#client.once('close', clientGone);
    socket.once('error', ready.reject);
    socket.once('connect', () => {
      ready.resolve(socket);
    });
    try {
      return await ready.promise;
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#client.off('close', clientGone);
      socket.off('error', ready.reject);
    }
  }
}

/** Both directions at once; each passes its end on as a half-close, and a failure of one ends the other. */
async function join(client: net.Socket, upstream: net.Socket): Promise<void> {
  // Before the pipelines hear of it: they would close the other side as if all had been said.
  client.once('error', () => upstream.resetAndDestroy());
  upstream.once('error', () => client.resetAndDestroy());
  await Promise.all([pipeline(client, upstream), pipeline(upstream, client)]);
}
