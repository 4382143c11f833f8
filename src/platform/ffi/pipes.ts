import { Pool } from '../../core/pool.js';
import { fcntlCommand, socketType } from './constants.js';
import type { Memory } from './memory.js';
import type { Native } from './native.js';

const mostSpare = 16;

export interface Pipe {
  readonly reader: number;
  readonly writer: number;
  readonly capacity: number;
}

/** Kernel buffers that splice moves data through. */
export class PipePool implements Disposable {
  readonly #native: Native;
  readonly #capacity: number;
  readonly #ends: Memory;
  /** The system gave none; asked again after the next trim. */
  #exhausted = false;
  readonly #spare = new Pool<Pipe>(mostSpare, (pipe) => {
    this.discard(pipe);
  });

  /** `capacity` in bytes of each pipe; the kernel makes it the next power of two. */
  constructor(native: Native, capacity: number) {
    this.#native = native;
    this.#capacity = capacity;
    this.#ends = native.allocate(8);
  }

  /** Undefined when the system gives no more: the caller copies instead. */
  take(): Pipe | undefined {
    return this.#spare.take() ?? (this.#exhausted ? undefined : this.#make());
  }

  /** Only an empty pipe may come back; anything else is `discard`ed. */
  give(pipe: Pipe): void {
    this.#spare.give(pipe);
  }

  /** Closes what has not been needed lately. */
  trim(): void {
    this.#spare.trim();
    this.#exhausted = false;
  }

  discard({ reader, writer }: Pipe): void {
    this.#native.libc.close(reader);
    this.#native.libc.close(writer);
  }

  #make(): Pipe | undefined {
    const { libc } = this.#native;
    this.#exhausted = libc.pipe(this.#ends, socketType.nonBlocking | socketType.closeOnExec) < 0;
    if (this.#exhausted) return undefined;
    const pipe = { reader: this.#ends.bytes.readInt32LE(0), writer: this.#ends.bytes.readInt32LE(4) };
    const capacity = libc.fcntl(pipe.writer, fcntlCommand.setPipeSize, this.#capacity);
    // The user's quota is used up: a pipe of the usual size would be slower than copying.
    if (capacity < 0) {
      this.#exhausted = true;
      this.discard({ ...pipe, capacity: 0 });
      return undefined;
    }
    return { ...pipe, capacity };
  }

  [Symbol.dispose](): void {
    this.#spare.clear();
  }
}
