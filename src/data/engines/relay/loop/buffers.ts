import { Pool } from '../../../../core/pool.js';
import type { Memory } from '../../../../platform/ffi/memory.js';
import type { Native } from '../../../../platform/ffi/native.js';

const mostSpare = 16;

/** Buffers that flows borrow while they hold bytes, so that a silent connection holds none. */
export class BufferPool {
  readonly #native: Native;
  readonly #size: number;
  /** The garbage collector frees what it lets go of. */
  readonly #spare = new Pool<Memory>(mostSpare, () => undefined);

  constructor(native: Native, size: number) {
    this.#native = native;
    this.#size = size;
  }

  take(): Memory {
    return this.#spare.take() ?? this.#native.allocate(this.#size);
  }

  trim(): void {
    this.#spare.trim();
  }

  give(buffer: Memory): void {
    this.#spare.give(buffer);
  }
}
