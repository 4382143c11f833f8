import { once } from 'node:events';
import net from 'node:net';
import { formatEndpoint, type Endpoint } from '../../../core/endpoint.js';
import { Scope } from '../../../core/scope.js';
import type { ConnectionInfo, Counters, Engine, EngineKind, Forwarder, ForwarderOptions, Targets } from '../engine.js';

/**
 * The smallest engine that does something: each connection is told where a real engine would have forwarded it. A start for
 * one of your own; docs/data-servers.md goes through it.
 */
export const helloWorld: EngineKind = {
  capabilities: { protection: ['none'], udp: false, rate: false },
  start: () =>
    Promise.resolve<Engine>({
      create: (options) => new HelloForwarder(options),
      async [Symbol.asyncDispose]() {
        // Its forwarders hold all there is.
      },
    }),
};

class HelloForwarder implements Forwarder {
  readonly #options: ForwarderOptions;
  readonly #scope = new Scope();
  /** By listener; read anew for each connection, so that an update concerns the next one. */
  #targets: readonly Targets[] = [];
  #listening = false;
  #greeted = 0;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  async update(targets: readonly Targets[]): Promise<void> {
    this.#targets = targets;
    if (this.#listening) return;
    const opening = new Scope();
    try {
      for (const [index, listener] of this.#options.listeners.entries())
        opening.use(await this.#listen(listener, index));
    } catch (error) {
      await opening[Symbol.asyncDispose]();
      throw error;
    }
    this.#scope.use(opening);
    this.#listening = true;
  }

  limit(): Promise<void> {
    return Promise.reject(new Error('not asked of an engine without rate'));
  }

  counters(): Counters {
    return { totalConnections: this.#greeted, openConnections: 0 };
  }

  connections(): readonly ConnectionInfo[] {
    return [];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }

  #listen({ host, port }: Endpoint, index: number): Promise<AsyncDisposable> {
    const open = new Set<net.Socket>();
    const server = net.createServer((socket) => {
      this.#greeted++;
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      socket.on('error', () => undefined);
      const targets = (this.#targets[index] ?? []).map(formatEndpoint).join(' or ');
      socket.end(`hello, world: this stream would go to ${targets}\n`);
    });
    const close = async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    };
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        resolve({ [Symbol.asyncDispose]: close });
      });
    });
  }
}
