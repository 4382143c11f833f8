import type { Engine, EngineSettings, Forwarder, ForwarderOptions } from '../../engine.js';
import { PortableForwarder } from './forwarder.js';

/**
 * The relay on Node's own sockets, for every system that Node runs on. Everything runs in the one thread of JavaScript,
 * whatever `workers` says. Node can set `socketBuffer` for datagrams only: TCP sockets keep what the system gives them.
 */
export class PortableEngine implements Engine {
  readonly #settings: EngineSettings;

  constructor(settings: EngineSettings) {
    this.#settings = settings;
  }

  create(options: ForwarderOptions): Forwarder {
    return new PortableForwarder(options, this.#settings);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its forwarders hold all there is.
  }
}
