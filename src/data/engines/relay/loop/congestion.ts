import type { Sockets } from '../../../../platform/ffi/socket.js';

/** In every kernel, allowed to every user, and sends as fast as the window lets it. */
const unpaced = 'reno';
/** A round trip of less does not leave the site; microseconds. */
const nearUs = 1_000;

/**
 * Where the system's congestion control is BBR, made for the long way between facilities, connections within one use another:
 * BBR paces what it sends by timers, which costs a third of the throughput and of the CPU over loopback and is of no use
 * there. How far a peer is shows only when it is connected, and pacing can then be turned on but not off.
 */
export class Congestion {
  /** How a socket is to begin, before it listens or connects; undefined: as the system has it. */
  readonly first: string | undefined;
  readonly #sockets: Sockets;
  readonly #far: string;
  readonly #nearUs: number;

  /** Throws SystemError when there is no descriptor left. */
  constructor(sockets: Sockets, near = nearUs) {
    this.#sockets = sockets;
    this.#far = sockets.defaultCongestion();
    this.first = this.#far.startsWith('bbr') ? unpaced : undefined;
    this.#nearUs = near;
  }

  /** Once it has sent a little: gives a connection to a far peer what the system prescribes. */
  settle(fd: number): void {
    if (this.first === undefined) return;
    const info = this.#sockets.tcpInfo(fd);
    if (info && info.minRttUs >= this.#nearUs) this.#sockets.setCongestion(fd, this.#far);
  }
}
