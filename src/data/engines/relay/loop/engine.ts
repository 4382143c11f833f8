import { Scope } from '../../../../core/scope.js';
import type { Native } from '../../../../platform/ffi/native.js';
import type { Engine, EngineSettings, Forwarder, ForwarderOptions } from '../../engine.js';
import { Sockets } from '../../../../platform/ffi/socket.js';
import { Wakeup } from '../../../../platform/ffi/wakeup.js';
import { Congestion } from './congestion.js';
import { LoopForwarder } from './forwarder.js';
import { newCrew } from './handover.js';
import { LoopThread } from './loop-thread.js';
import type { Trouble } from './protocol.js';

/** The relay on the system's own calls: event loops in threads, each with its share of every forwarder's connections. */
export class LoopEngine implements Engine {
  readonly sockets: Sockets;
  readonly congestion: Congestion;
  readonly settings: EngineSettings;
  readonly threads: readonly LoopThread[];
  readonly #scope: Scope;
  readonly #forwarders: Map<number, LoopForwarder>;
  #lastId = 0;

  private constructor(
    native: Native,
    settings: EngineSettings,
    parts: { threads: readonly LoopThread[]; scope: Scope; forwarders: Map<number, LoopForwarder> },
  ) {
    this.sockets = new Sockets(native);
    this.congestion = new Congestion(this.sockets);
    this.settings = settings;
    this.threads = parts.threads;
    this.#scope = parts.scope;
    this.#forwarders = parts.forwarders;
  }

  static async start(native: Native, settings: EngineSettings): Promise<LoopEngine> {
    const scope = new Scope();
    const forwarders = new Map<number, LoopForwarder>();
    const onTrouble = (trouble: Trouble): void => {
      forwarders.get(trouble.forwarder)?.hear(trouble);
    };
    try {
      const wakeups = Array.from({ length: settings.workers }, () => scope.use(new Wakeup(native)));
      const crew = newCrew(wakeups.map(({ fd }) => fd));
      const starting = wakeups.map(async (wakeup, index) =>
        scope.use(await LoopThread.start({ index, wakeup, crew }, settings, onTrouble)),
      );
      // All of them, so that none comes to life after the scope has ended.
      await Promise.allSettled(starting);
      return new LoopEngine(native, settings, { threads: await Promise.all(starting), scope, forwarders });
    } catch (error) {
      await scope[Symbol.asyncDispose]();
      throw error;
    }
  }

  create(options: ForwarderOptions): Forwarder {
    const id = ++this.#lastId;
    const forwarder = new LoopForwarder(this, id, options, () => this.#forwarders.delete(id));
    this.#forwarders.set(id, forwarder);
    return forwarder;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }
}
