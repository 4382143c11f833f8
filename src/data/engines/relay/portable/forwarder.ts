import net from 'node:net';
import { formatEndpoint, type Endpoint } from '../../../../core/endpoint.js';
import { errnoOf, messageOf, SciStreamError } from '../../../../core/errors.js';
import { Scope } from '../../../../core/scope.js';
import type { ConnectionInfo, Counters, EngineSettings, Forwarder, ForwarderOptions, Targets } from '../../engine.js';
import { Connection } from './connection.js';
import { RelayCounters } from './counters.js';

/** Forwards TCP connections with Node's own sockets, on every system that Node runs on. */
export class PortableForwarder implements Forwarder {
  readonly #options: ForwarderOptions;
  readonly #counters = new RelayCounters();
  #targets: readonly Targets[] = [];
  #scope: Scope | undefined;

  constructor(options: ForwarderOptions, _settings: EngineSettings) {
    this.#options = options;
  }

  async update(targets: readonly Targets[]): Promise<void> {
    if (this.#scope) {
      this.#targets = targets;
      return;
    }
    const scope = new Scope();
    try {
      for (const [index, listener] of this.#options.listeners.entries()) {
        scope.defer(await this.#open(index, listener));
      }
    } catch (error) {
      await scope[Symbol.asyncDispose]();
      throw error;
    }
    this.#targets = targets;
    this.#scope = scope;
  }

  counters(): Counters {
    return this.#counters.read();
  }

  async limit(_maxRate: number): Promise<void> {
    // TODO
  }

  connections(): readonly ConnectionInfo[] {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope?.[Symbol.asyncDispose]();
  }

  /** Starts to listen; the answer stops listening and ends the connections. */
  async #open(index: number, listener: Endpoint): Promise<() => Promise<void>> {
    const connections = new Set<Connection>();
    const server = net.createServer(
      { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true },
      (socket) => {
        const targets = this.#targets[index];
        if (!targets) {
          socket.destroy();
          return;
        }
        const connection = new Connection(socket, targets, this.#counters, this.#options.logger);
        connections.add(connection);
        void connection.run().finally(() => connections.delete(connection));
      },
    );
    await listen(server, listener);
    return async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const connection of connections) connection.abort();
      await closed;
    };
  }
}

async function listen(server: net.Server, { host, port }: Endpoint): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const where = formatEndpoint({ host, port });
      reject(
        errnoOf(error) === 'EADDRINUSE'
          ? new SciStreamError('NO_RESOURCE', `${where} was taken by another program; request the session again.`, {
              cause: error,
            })
          : new SciStreamError('SERVER_ERR', `Cannot listen at ${where}: ${messageOf(error)}`, { cause: error }),
      );
    });
    server.listen({ host, port, exclusive: true }, resolve);
  });
}
