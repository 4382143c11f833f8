import { Scope } from '../../../../core/scope.js';
import { lookUpAll } from '../../resolved-targets.js';
import type { Endpoint } from '../../../../core/endpoint.js';
import type { ConnectionInfo, Counters, EngineSettings, Forwarder, ForwarderOptions, Targets } from '../../engine.js';
import { DatagramListener } from './datagram-listener.js';
import { Shared } from './shared.js';
import { StreamListener } from './stream-listener.js';

interface Listener extends AsyncDisposable {
  update(targets: Targets): void;
}

/** Forwards with Node's own sockets, on every system that Node runs on. */
export class PortableForwarder implements Forwarder {
  readonly #shared: Shared;
  readonly #scope = new Scope();
  #listeners: readonly Listener[] | undefined;

  constructor(options: ForwarderOptions, settings: EngineSettings) {
    this.#shared = this.#scope.use(new Shared(options, settings));
  }

  async update(targets: readonly Targets[]): Promise<void> {
    // Each connection looks names up for itself; one that means nothing is to fail here.
    await lookUpAll(targets);
    this.#listeners ??= await this.#open(targets);
    for (const [index, listener] of this.#listeners.entries()) {
      const own = targets[index];
      if (own) listener.update(own);
    }
  }

  async limit(maxRate: number): Promise<void> {
    this.#shared.rateIn.set(maxRate);
    this.#shared.rateOut.set(maxRate);
    return Promise.resolve();
  }

  counters(): Counters {
    return this.#shared.tally.read();
  }

  connections(): readonly ConnectionInfo[] {
    return this.#shared.tally.connections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  /** All listeners or none. */
  async #open(targets: readonly Targets[]): Promise<readonly Listener[]> {
    const opened: Listener[] = [];
    try {
      for (const [index, listener] of this.#shared.options.listeners.entries()) {
        const own = targets[index];
        if (own) opened.push(await this.#openOne(listener, own));
      }
    } catch (error) {
      await Promise.all(opened.map((listener) => listener[Symbol.asyncDispose]()));
      throw error;
    }
    for (const listener of opened) this.#scope.use(listener);
    return opened;
  }

  #openOne(listener: Endpoint, targets: Targets): Promise<Listener> {
    return this.#shared.options.transport === 'udp'
      ? DatagramListener.open(listener, targets, this.#shared)
      : StreamListener.open(listener, targets, this.#shared);
  }
}
