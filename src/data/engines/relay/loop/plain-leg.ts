import type { Memory } from '../../../../platform/ffi/memory.js';
import type { Libc } from '../../../../platform/ffi/libc.js';
import type { Sockets } from '../../../../platform/ffi/socket.js';
import type { Leg } from './leg.js';

/** TCP as it is. */
export class PlainLeg implements Leg {
  readonly fd: number;
  readonly raw = true;
  readonly readNeedsWritable = false;
  readonly writeNeedsReadable = false;
  readonly failure = '';
  ended = false;
  readonly #libc: Libc;
  readonly #sockets: Sockets;

  constructor(libc: Libc, sockets: Sockets, fd: number) {
    this.#libc = libc;
    this.#sockets = sockets;
    this.fd = fd;
  }

  handshake(): number {
    return 1;
  }

  read(into: Memory, offset: number, length: number): number {
    return this.#libc.read(this.fd, into, offset, length);
  }

  write(from: Memory, offset: number, length: number): number {
    return this.#libc.write(this.fd, from, offset, length);
  }

  flush(): void {
    // Nothing is held back.
  }

  endWriting(): number {
    this.#sockets.endWriting(this.fd);
    return 0;
  }

  dispose(): void {
    // Has nothing but its descriptor.
  }
}
