import { epollDataOffset, epollEvent, epollEventBytes, epollOperation, socketType } from './constants.js';
import type { Memory } from './memory.js';
import type { Native } from './native.js';
import { check } from './system-error.js';

const mostEvents = 256;

/** Tells which descriptors something happened on. */
export class Epoll implements Disposable {
  readonly #native: Native;
  readonly #fd: number;
  readonly #events: Memory;
  readonly #request: Memory;

  constructor(native: Native) {
    this.#native = native;
    this.#fd = check('epoll_create1', native.libc.epollCreate(socketType.closeOnExec));
    this.#events = native.allocate(mostEvents * epollEventBytes);
    this.#request = native.allocate(epollEventBytes);
  }

  /** Throws SystemError when the kernel has no room for one more. */
  add(fd: number, events: number): void {
    this.#request.bytes.writeUInt32LE(events >>> 0, 0);
    this.#request.bytes.writeInt32LE(fd, epollDataOffset);
    check('epoll_ctl', this.#native.libc.epollControl(this.#fd, epollOperation.add, fd, this.#request));
  }

  remove(fd: number): void {
    this.#native.libc.epollControl(this.#fd, epollOperation.remove, fd, this.#request);
  }

  /** How many events came within `timeoutMs`, which is -1 for no limit. A signal counts as none. */
  wait(timeoutMs: number): number {
    return Math.max(0, this.#native.libc.epollWait(this.#fd, this.#events, mostEvents, timeoutMs));
  }

  descriptor(index: number): number {
    return this.#events.bytes.readInt32LE(index * epollEventBytes + epollDataOffset);
  }

  events(index: number): number {
    return this.#events.bytes.readInt32LE(index * epollEventBytes);
  }

  [Symbol.dispose](): void {
    this.#native.libc.close(this.#fd);
  }
}

/** Neither direction goes on. */
export const broken = epollEvent.hangup | epollEvent.error;
/** The peer says no more. */
export const hungUp = epollEvent.readHangup | broken;
export const readable = epollEvent.in | hungUp;
export const writable = epollEvent.out | broken;
/** Both directions, told once for each change. */
export const everything = epollEvent.in | epollEvent.out | epollEvent.readHangup | epollEvent.edge;
