import http2, { type IncomingHttpHeaders } from 'node:http2';
import { isIPv6, type Socket } from 'node:net';
import { createContextKey, createContextValues, type ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { errnoOf, messageOf, SciStreamError } from '../core/errors.js';
import { formatEndpoint, type Endpoint } from '../core/endpoint.js';
import type { Logger } from '../observe/logger.js';
import { answerErrors } from './rpc-errors.js';

/** Every message of our protocols is far smaller; a larger one is an attack or a mistake. */
const largestMessage = 1 << 20;
/** Calls that wait (a `req` for its Hello) must not keep others of the same connection from starting. */
const streamsPerConnection = 4096;

/** The server's own address on the connection of the current call; empty on a Unix socket. */
export const localAddress = createContextKey('', { description: "server's address on this connection" });

export interface RpcServerOptions {
  /** A TCP address (port 0: chosen by the system) or the path of a Unix socket, made private to the user. */
  listen: Endpoint | { path: string };
  routes: (router: ConnectRouter) => void;
  logger: Logger;
  /** PEM. Absent: HTTP/2 without TLS. */
  tls?: { cert: string; key: string };
}

/** gRPC, gRPC-Web and Connect (JSON) on one port. */
export class RpcServer {
  /** The port it got; 0 on a Unix socket. */
  readonly port: number;
  readonly #server: AnyHttp2Server;
  readonly #connections: Connections;
  readonly #stopping: AbortController;

  private constructor(server: AnyHttp2Server, connections: Connections, stopping: AbortController) {
    const bound = server.address();
    this.port = bound !== null && typeof bound === 'object' ? bound.port : 0;
    this.#server = server;
    this.#connections = connections;
    this.#stopping = stopping;
  }

  /** Throws NO_RESOURCE when the address is in use, BAD_FORMAT when it cannot be listened on. */
  static async listen({ listen, routes, logger, tls }: RpcServerOptions): Promise<RpcServer> {
    const stopping = new AbortController();
    const adapter = connectNodeAdapter({
      routes,
      interceptors: [answerErrors(logger)],
      readMaxBytes: largestMessage,
      shutdownSignal: stopping.signal,
      contextValues: (request) => createContextValues().set(localAddress, request.socket.localAddress ?? ''),
    });
    const handler: NodeHandlerFn = (request, response) => {
      mendAuthority(request.headers);
      try {
        adapter(request, response);
      } catch (error) {
        // A request so malformed that it cannot become a URL must not end the process.
        logger.debug({ err: error }, 'malformed request');
        response.writeHead(400);
        response.end();
      }
    };
    const settings = { maxConcurrentStreams: streamsPerConnection };
    const server = tls
      ? http2.createSecureServer({ ...tls, allowHTTP1: true, settings, minVersion: 'TLSv1.2' }, handler)
      : http2.createServer({ settings }, handler);
    server.on('sessionError', (error: Error) => {
      logger.debug({ err: error }, 'connection failed');
    });
    const connections = new Connections(server);
    await bind(server, listen);
    return new RpcServer(server, connections, stopping);
  }

  /** Stops taking calls, answers UNAVAILABLE to those that wait, and cuts what is still open after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#stopping.abort(new SciStreamError('UNAVAILABLE', 'The server is stopping.'));
    this.#connections.drain();
    const force = setTimeout(() => {
      this.#connections.cut();
    }, graceMs);
    await closed;
    clearTimeout(force);
  }
}

/** What connectNodeAdapter answers and http and http2 servers take. */
type NodeHandlerFn = ReturnType<typeof connectNodeAdapter>;

/** Node's own client leaves out the brackets of an IPv6 address, and the adapter could not make a URL of that. */
function mendAuthority(headers: IncomingHttpHeaders): void {
  const [, address, port] = /^([0-9a-f:]*:[0-9a-f:]*):(\d+)$/i.exec(headers[':authority'] ?? '') ?? [];
  if (address !== undefined && port !== undefined && isIPv6(address)) headers[':authority'] = `[${address}]:${port}`;
}

type AnyHttp2Server = http2.Http2Server | http2.Http2SecureServer;

/** The open connections of a server. Closing an HTTP/2 server does not close them, so they are counted here. */
class Connections {
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<http2.ServerHttp2Session>();

  constructor(server: AnyHttp2Server) {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('session', (session: http2.ServerHttp2Session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
    });
  }

  /** Ends idle connections now and the others once their last call is answered. */
  drain(): void {
    for (const session of this.#sessions) session.close();
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function bind(server: AnyHttp2Server, listen: RpcServerOptions['listen']): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(listenError(error, listen));
    });
    if ('path' in listen) {
      // Nobody else may connect, not even between creation and a chmod.
      const before = process.umask(0o177);
      server.listen(listen.path, resolve);
      process.umask(before);
    } else {
      server.listen(listen.port, listen.host, resolve);
    }
  });
}

function listenError(error: unknown, listen: RpcServerOptions['listen']): SciStreamError {
  const where = 'path' in listen ? listen.path : formatEndpoint(listen);
  switch (errnoOf(error)) {
    case 'EADDRINUSE':
      return new SciStreamError('NO_RESOURCE', `${where} is already in use; choose another port.`, { cause: error });
    case 'EADDRNOTAVAIL':
      return new SciStreamError('BAD_FORMAT', `${where} is not an address of this machine.`, { cause: error });
    case 'EACCES':
      return new SciStreamError('POLICY_DENIED', `${where} may not be used by this user.`, { cause: error });
    case undefined:
    default:
      return new SciStreamError('SERVER_ERR', `Cannot listen at ${where}: ${messageOf(error)}`, { cause: error });
  }
}
