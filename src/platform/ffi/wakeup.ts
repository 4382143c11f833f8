import { socketType } from './constants.js';
import type { Memory } from './memory.js';
import type { Native } from './native.js';
import { check } from './system-error.js';

/** A descriptor that one thread waits on and any thread of the process can make readable. */
export class Wakeup implements Disposable {
  readonly fd: number;
  readonly #native: Native;
  readonly #count: Memory;
  #open = true;

  constructor(native: Native) {
    this.#native = native;
    this.#count = native.allocate(8);
    this.fd = check('eventfd', native.libc.eventfd(socketType.nonBlocking | socketType.closeOnExec));
  }

  ring(): void {
    if (!this.#open) return;
    this.#count.bytes.writeBigUInt64LE(1n, 0);
    this.#native.libc.write(this.fd, this.#count, 0, 8);
  }

  [Symbol.dispose](): void {
    this.#open = false;
    this.#native.libc.close(this.fd);
  }
}

/** Empties the descriptor on the side of the thread that waits. */
export class Alarm {
  readonly fd: number;
  readonly #native: Native;
  readonly #count: Memory;

  constructor(native: Native, fd: number) {
    this.#native = native;
    this.fd = fd;
    this.#count = native.allocate(8);
  }

  acknowledge(): void {
    this.#native.libc.read(this.fd, this.#count, 0, 8);
  }
}
