import type { Memory } from '../../../../platform/ffi/memory.js';
import type { Native } from '../../../../platform/ffi/native.js';

const mostSpare = 16;

/** Buffers that flows borrow while they hold bytes, so that a silent connection holds none. */
export class BufferPool {
  readonly #native: Native;
  readonly #size: number;
  readonly #spare: Memory[] = [];

  constructor(native: Native, size: number) {
    this.#native = native;
    this.#size = size;
  }

  take(): Memory {
    return this.#spare.pop() ?? this.#native.allocate(this.#size);
  }

  give(buffer: Memory): void {
    if (this.#spare.length < mostSpare) this.#spare.push(buffer);
  }
}
