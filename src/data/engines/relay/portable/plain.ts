import net from 'node:net';
import { Deferred, orAborted } from '../../../../core/deferred.js';
import type { Endpoint } from '../../../../core/endpoint.js';
import type { Acceptor, Dialer, Leg } from './leg.js';

const connectTimeoutMs = 10_000;
/** A silent peer is asked whether it is still there after a minute, not after the system's two hours. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelay: 60_000 };

/** A leg without protection: the socket's own bytes. */
class PlainLeg implements Leg {
  readonly stream: net.Socket;
  readonly peer: Endpoint;

  constructor(socket: net.Socket) {
    this.stream = socket;
    this.peer = peerOf(socket);
  }

  reset(): void {
    this.stream.resetAndDestroy();
  }

  close(): void {
    this.stream.destroy();
  }
}

export class PlainAcceptor implements Acceptor {
  accept(socket: net.Socket): Promise<Leg> {
    return Promise.resolve(new PlainLeg(socket));
  }

  [Symbol.dispose](): void {
    // Nobody has to prove anything, so nobody waits.
  }
}

export class PlainDialer implements Dialer {
  readonly #highWaterMark: number;

  constructor(highWaterMark: number) {
    this.#highWaterMark = highWaterMark;
  }

  async dial(target: Endpoint, signal: AbortSignal): Promise<Leg> {
    return new PlainLeg(await connectTcp(target, this.#highWaterMark, signal));
  }
}

/** Connects within ten seconds. The socket allows half-open and has a listener for errors, so that a late one is no defect. */
export async function connectTcp(target: Endpoint, highWaterMark: number, signal: AbortSignal): Promise<net.Socket> {
  // Node hands the mark on to the stream; its type declarations know of it for servers only.
  const options = { ...target, allowHalfOpen: true, noDelay: true, ...keepAlive, highWaterMark };
  const socket = net.connect(options);
  const ready = new Deferred<void>();
  const timer = setTimeout(() => {
    ready.reject(new Error(`no answer within ${connectTimeoutMs} ms`));
  }, connectTimeoutMs);
  socket.on('error', ready.reject);
  socket.once('connect', ready.resolve);
  try {
    await orAborted(ready.promise, signal);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

export function peerOf({ remoteAddress, remotePort }: net.Socket): Endpoint {
  return { host: remoteAddress ?? '', port: remotePort ?? 0 };
}
