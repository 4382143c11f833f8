import dgram from 'node:dgram';
import { once } from 'node:events';
import { lookup } from 'node:dns/promises';
import type { Endpoint } from '../../../../core/endpoint.js';
import type { ConnectionInfo } from '../../engine.js';
import type { Shared } from './shared.js';
import type { Tallied } from './tally.js';

/** Where a stream may stay silent, a flow of datagrams cannot be told from one that is over. */
const usualIdleMs = 60_000;

export interface FlowParts {
  readonly listener: Endpoint;
  readonly client: Endpoint;
  readonly target: Endpoint;
  readonly shared: Shared;
  /** Sends to the client; false when there is no room. */
  readonly answer: (datagram: Buffer) => boolean;
  /** The target could not be reached, or is not there anymore. */
  readonly unreachable: (error: unknown) => void;
  readonly closed: () => void;
}

/** The datagrams of one client and the socket to its target. Ends by itself when it has been silent. */
export class Flow implements Tallied, Disposable {
  readonly #parts: FlowParts;
  readonly #idle: NodeJS.Timeout;
  #socket: dgram.Socket | undefined;
  /** What came before the socket was connected, and its bytes. */
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #over = false;

  constructor(parts: FlowParts) {
    this.#parts = parts;
    const idleMs = parts.shared.settings.idleTimeoutMs;
    this.#idle = setTimeout(
      () => {
        this[Symbol.dispose]();
      },
      idleMs === 0 ? usualIdleMs : idleMs,
    );
    parts.shared.tally.opened(this);
    void this.#connect();
  }

  info(): ConnectionInfo {
    const { listener, client, target } = this.#parts;
    return { listener, client, target, bytesIn: this.#bytesIn, bytesOut: this.#bytesOut };
  }

  /** One from the client; the rate has admitted it. */
  forward(datagram: Buffer): void {
    this.#idle.refresh();
    const { shared } = this.#parts;
    const room = shared.settings.bufferSize;
    if (this.#socket) {
      if (this.#socket.getSendQueueSize() + datagram.length > room) shared.tally.dropped();
      else this.#send(this.#socket, datagram);
      return;
    }
    if (this.#earlyBytes + datagram.length > room) {
      shared.tally.dropped();
      return;
    }
    this.#early.push(datagram);
    this.#earlyBytes += datagram.length;
  }

  [Symbol.dispose](): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#idle);
    this.#parts.shared.tally.dropped(this.#early.length);
    this.#early = [];
    this.#socket?.close();
    this.#socket = undefined;
    this.#parts.shared.tally.closed(this);
    this.#parts.closed();
  }

  async #connect(): Promise<void> {
    let socket: dgram.Socket | undefined;
    try {
      socket = await this.#open();
    } catch (error) {
      this.#parts.unreachable(error);
      this[Symbol.dispose]();
      return;
    }
    if (this.#over) {
      socket.close();
      return;
    }
    this.#socket = socket;
    for (const datagram of this.#early) this.#send(socket, datagram);
    this.#early = [];
  }

  async #open(): Promise<dgram.Socket> {
    const { target, shared } = this.#parts;
    const { address, family } = await lookup(target.host);
    const socket = dgram.createSocket({ type: family === 6 ? 'udp6' : 'udp4', ...bufferSizes(shared) });
    try {
      socket.connect(target.port, address);
      await once(socket, 'connect');
    } catch (error) {
      socket.close();
      throw error;
    }
    // Nothing listens there now; somebody may later.
    socket.on('error', (error) => {
      shared.tally.dropped();
      this.#parts.unreachable(error);
    });
    socket.on('message', (datagram) => {
      this.#back(datagram);
    });
    return socket;
  }

  #send(socket: dgram.Socket, datagram: Buffer): void {
    const { tally } = this.#parts.shared;
    socket.send(datagram, (error) => {
      if (error) {
        tally.dropped();
        this.#parts.unreachable(error);
        return;
      }
      this.#bytesIn += datagram.length;
      tally.movedIn(datagram.length);
    });
  }

  #back(datagram: Buffer): void {
    this.#idle.refresh();
    const { tally, rateOut } = this.#parts.shared;
    if (!rateOut.admits(datagram.length) || !this.#parts.answer(datagram)) {
      tally.dropped();
      return;
    }
    this.#bytesOut += datagram.length;
    tally.movedOut(datagram.length);
  }
}

/** SO_RCVBUF and SO_SNDBUF. */
export function bufferSizes({ settings: { socketBuffer } }: Shared): {
  recvBufferSize?: number;
  sendBufferSize?: number;
} {
  return socketBuffer === 0 ? {} : { recvBufferSize: socketBuffer, sendBufferSize: socketBuffer };
}
