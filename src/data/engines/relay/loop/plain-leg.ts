import type { Memory } from '../../../../platform/ffi/memory.js';
import type { Native } from '../../../../platform/ffi/native.js';
import { shutdownHow } from '../../../../platform/ffi/constants.js';
import type { Leg } from './leg.js';

/** TCP as it is. */
export class PlainLeg implements Leg {
  readonly fd: number;
  readonly raw = true;
  readonly readNeedsWritable = false;
  readonly writeNeedsReadable = false;
  readonly failure = '';
  ended = false;
  readonly #native: Native;

  constructor(native: Native, fd: number) {
    this.#native = native;
    this.fd = fd;
  }

  handshake(): number {
    return 1;
  }

  read(into: Memory, offset: number, length: number): number {
    return this.#native.libc.read(this.fd, into, offset, length);
  }

  write(from: Memory, offset: number, length: number): number {
    return this.#native.libc.write(this.fd, from, offset, length);
  }

  flush(): number {
    return 0;
  }

  endWriting(): number {
    this.#native.libc.shutdown(this.fd, shutdownHow.write);
    return 0;
  }

  dispose(): void {
    // Has nothing but its descriptor.
  }
}
