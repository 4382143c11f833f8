import { constants } from 'node:crypto';
import type net from 'node:net';
import tls from 'node:tls';
import { Deferred, orAborted } from '../../../../core/deferred.js';
import type { Endpoint } from '../../../../core/endpoint.js';
import { pskIdentity } from '../../../../core/protection.js';
import type { Secret } from '../../../../core/secret.js';
import type { Acceptor, Dialer, Leg } from './leg.js';
import { connectTcp, peerOf } from './plain.js';
import { Wire } from './wire.js';

const handshakeTimeoutMs = 10_000;
/** Strangers can have this many open; beyond it the oldest makes room, so that they cannot lock out those who have the key. */
const mostPending = 512;

/** A handshake that came to nothing. */
export type OnRefused = (peer: Endpoint, error: unknown) => void;

export interface TlsOptions {
  readonly key: Secret;
  readonly highWaterMark: number;
  readonly onRefused: OnRefused;
}

class TlsLeg implements Leg {
  readonly stream: tls.TLSSocket;
  readonly peer: Endpoint;
  readonly #socket: net.Socket;

  constructor(stream: tls.TLSSocket, socket: net.Socket, peer: Endpoint) {
    this.stream = stream;
    this.#socket = socket;
    this.peer = peer;
  }

  reset(): void {
    // First: destroying the stream would end the socket cleanly.
    this.#socket.resetAndDestroy();
    this.stream.destroy();
  }

  close(): void {
    this.stream.destroy();
    this.#socket.destroy();
  }
}

/** The server side: a client becomes a leg once it has proven that it holds the key. */
export class TlsAcceptor implements Acceptor {
  readonly #options: TlsOptions;
  readonly #context = secureContext();
  /** The oldest first. */
  readonly #pending = new Set<AbortController>();

  constructor(options: TlsOptions) {
    this.#options = options;
  }

  async accept(socket: net.Socket): Promise<Leg | undefined> {
    const peer = peerOf(socket);
    const gaveUp = this.#admit();
    const handshake = this.#begin(socket);
    try {
      await completed(handshake.secured, 'secure', gaveUp.signal);
      // A ticket of an earlier connection is no proof of the key.
      if (!handshake.known()) throw new Error('the key was not used');
      return new TlsLeg(handshake.secured, socket, peer);
    } catch (error) {
      handshake.secured.destroy();
      this.#options.onRefused(peer, error);
      return undefined;
    } finally {
      this.#pending.delete(gaveUp);
    }
  }

  [Symbol.dispose](): void {
    for (const pending of this.#pending) pending.abort(new Error('the listener was closed'));
  }

  #admit(): AbortController {
    const [oldest] = this.#pending;
    if (oldest && this.#pending.size >= mostPending) {
      this.#pending.delete(oldest);
      oldest.abort(new Error(`${mostPending} newer handshakes wait`));
    }
    const gaveUp = new AbortController();
    this.#pending.add(gaveUp);
    return gaveUp;
  }

  #begin(socket: net.Socket): { secured: tls.TLSSocket; known: () => boolean } {
    const { key, highWaterMark } = this.#options;
    let known = false;
    const wire = new Wire(socket, highWaterMark);
    const options = {
      isServer: true,
      secureContext: this.#context,
      allowHalfOpen: true,
      highWaterMark,
      pskCallback(_: tls.TLSSocket, identity: string): Uint8Array | null {
        known = identity === pskIdentity;
        return known ? key.expose() : null;
      },
    };
    const secured = new tls.TLSSocket(wire, options);
    wire.guard(secured);
    return { secured, known: () => known };
  }
}

/** The client side: a target becomes a leg once it has proven that it holds the key. */
export class TlsDialer implements Dialer {
  readonly #options: TlsOptions;
  readonly #context = secureContext();

  constructor(options: TlsOptions) {
    this.#options = options;
  }

  async dial(target: Endpoint, signal: AbortSignal): Promise<Leg> {
    const { highWaterMark, onRefused } = this.#options;
    const socket = await connectTcp(target, highWaterMark, signal);
    const peer = peerOf(socket);
    const secured = this.#begin(socket);
    try {
      await completed(secured, 'secureConnect', signal);
      // The only session that there is to resume is the one that the key stands for.
      if (!secured.isSessionReused()) throw new Error('the key was not used');
      return new TlsLeg(secured, socket, peer);
    } catch (error) {
      secured.destroy();
      if (!signal.aborted) onRefused(peer, error);
      throw error;
    }
  }

  #begin(socket: net.Socket): tls.TLSSocket {
    const { key, highWaterMark } = this.#options;
    const wire = new Wire(socket, highWaterMark);
    // Node passes the first two on to the stream; its type declarations know of them for servers only.
    const options = {
      allowHalfOpen: true,
      highWaterMark,
      socket: wire,
      secureContext: this.#context,
      rejectUnauthorized: true,
      pskCallback: () => ({ psk: key.expose(), identity: pskIdentity }),
      // Asked only when the server shows a certificate instead of using the key; no certificate is good enough.
      checkServerIdentity: () => new Error('the server does not hold the key'),
    };
    const secured = tls.connect(options);
    wire.guard(secured);
    return secured;
  }
}

/** TLS 1.3 and nothing before it. A key that is just bytes goes with SHA-256 (RFC 8446, 4.2.11): only such ciphers. */
function secureContext(): tls.SecureContext {
  return tls.createSecureContext({
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256',
    ca: [],
    // Node cannot keep OpenSSL from sending tickets; with this option they are good for nothing.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
}

/** Throws unless the handshake is completed in time. */
async function completed(secured: tls.TLSSocket, event: string, signal: AbortSignal): Promise<void> {
  const over = new Deferred<void>();
  const timer = setTimeout(() => {
    over.reject(new Error(`no handshake within ${handshakeTimeoutMs} ms`));
  }, handshakeTimeoutMs);
  // Stays, so that a late error is no defect.
  secured.on('error', over.reject);
  secured.once('close', () => {
    over.reject(new Error('the peer went away during the handshake'));
  });
  secured.once(event, over.resolve);
  try {
    await orAborted(over.promise, signal);
  } finally {
    clearTimeout(timer);
  }
}
