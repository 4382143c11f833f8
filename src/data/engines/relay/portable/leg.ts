import type net from 'node:net';
import type { Duplex } from 'node:stream';
import type { Endpoint } from '../../../../core/endpoint.js';

/** One side of a connection, ready for payload. Whoever holds it ends it or resets it. */
export interface Leg {
  /** Payload; allows half-open. An end that the peer did not mean arrives as an error, never as an end. */
  readonly stream: Duplex;
  readonly peer: Endpoint;
  /** Ends at once, in a way that the peer cannot take for a clean end. */
  reset(): void;
  /** Frees what is left once both directions have ended. */
  close(): void;
}

/** How the clients of a listener speak. Disposing drops those that have not become a leg yet. */
export interface Acceptor extends Disposable {
  /**
   * Takes over an accepted socket, paused and half-open. Undefined when it does not become a leg: it was refused, or it
   * is a part of one that has been answered already.
   */
  accept(socket: net.Socket): Promise<Leg | undefined>;
}

/** How the targets speak. */
export interface Dialer {
  /** Throws when no leg to the target comes about, or the reason of `signal`. */
  dial(target: Endpoint, signal: AbortSignal): Promise<Leg>;
}
