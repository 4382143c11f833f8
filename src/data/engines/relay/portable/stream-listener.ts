import net from 'node:net';
import { once } from 'node:events';
import type { Endpoint } from '../../../../core/endpoint.js';
import { messageOf } from '../../../../core/errors.js';
import type { Targets } from '../../engine.js';
import { Connection } from './connection.js';
import type { Acceptor, Dialer } from './leg.js';
import { keepAlive, PlainAcceptor, PlainDialer } from './plain.js';
import { Rotation } from './rotation.js';
import { listenError } from '../listen-error.js';
import type { Shared } from './shared.js';
import { TlsAcceptor, TlsDialer } from './tls.js';

/** Connections that the system keeps until they are accepted: parallel streams begin all at once. */
const backlog = 4096;

/** One TCP port and the connections that came through it. */
export class StreamListener implements AsyncDisposable {
  readonly #listener: Endpoint;
  readonly #shared: Shared;
  readonly #acceptor: Acceptor;
  readonly #dialer: Dialer;
  readonly #server: net.Server;
  readonly #connections = new Set<Connection>();
  #rotation: Rotation;
  #closed = false;

  private constructor(listener: Endpoint, targets: Targets, shared: Shared) {
    this.#listener = listener;
    this.#shared = shared;
    this.#rotation = new Rotation(targets);
    this.#acceptor = acceptorOf(shared);
    this.#dialer = dialerOf(shared);
    const { highWaterMark } = shared;
    this.#server = net.createServer(
      { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, ...keepAlive, highWaterMark },
      (socket) => void this.#serve(socket),
    );
  }

  /** Listens, or throws NO_RESOURCE when the port is taken. */
  static async open(listener: Endpoint, targets: Targets, shared: Shared): Promise<StreamListener> {
    const opened = new StreamListener(listener, targets, shared);
    const server = opened.#server;
    server.listen({ ...listener, backlog, exclusive: true });
    try {
      await once(server, 'listening');
    } catch (error) {
      throw listenError(listener, error);
    }
    server.on('error', (error) => {
      shared.logger.error({ reason: messageOf(error) }, 'a connection could not be accepted');
    });
    return opened;
  }

  /** For new connections. */
  update(targets: Targets): void {
    this.#rotation = new Rotation(targets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#acceptor[Symbol.dispose]();
    for (const connection of this.#connections) connection.abort('the listener was closed');
    await closed;
  }

  async #serve(socket: net.Socket): Promise<void> {
    // One that comes when nobody reads anymore is no defect.
    socket.on('error', () => undefined);
    const client = await this.#acceptor.accept(socket);
    if (!client) return;
    if (this.#closed) {
      client.reset();
      return;
    }
    const connection = new Connection({
      listener: this.#listener,
      client,
      rotation: this.#rotation,
      dialer: this.#dialer,
      shared: this.#shared,
    });
    this.#connections.add(connection);
    await connection.run();
    this.#connections.delete(connection);
  }
}

function acceptorOf(shared: Shared): Acceptor {
  const { protection, role } = shared.options;
  if (protection.kind === 'none' || role === 'CONS') return new PlainAcceptor();
  return new TlsAcceptor({ key: protection.key, ...tlsOptions(shared) });
}

function dialerOf(shared: Shared): Dialer {
  const { protection, role } = shared.options;
  if (protection.kind === 'none' || role === 'PROD') return new PlainDialer(shared.highWaterMark);
  return new TlsDialer({ key: protection.key, ...tlsOptions(shared) });
}

function tlsOptions(shared: Shared): { highWaterMark: number; onRefused: (peer: Endpoint, error: unknown) => void } {
  return {
    highWaterMark: shared.highWaterMark,
    onRefused: (peer, error) => {
      shared.handshakeFailed(peer, error);
    },
  };
}
