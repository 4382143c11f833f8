import { getSystemErrorName } from 'node:util';
import { epollEvent, errno } from '../../../../platform/ffi/constants.js';
import { Connection } from './connection.js';
import type { Loop, Watcher } from './loop.js';
import type { Serving } from './serving.js';

/** Before other events get their turn. */
const acceptsPerEvent = 64;
/** Until descriptors may be free again. */
const pauseMs = 100;
/** Another thread took the connection, or its peer has gone. */
const harmless: ReadonlySet<number> = new Set([-errno.EAGAIN, -errno.ECONNABORTED, -errno.EINTR]);

/** Accepts the connections of a listening socket, which all loops share: whichever has nothing to do takes the next. */
export class Listener implements Watcher, Disposable {
  readonly #serving: Serving;
  readonly #index: number;
  readonly #fd: number;
  #closed = false;

  /** The descriptor stays the agent's. */
  constructor(serving: Serving, index: number, fd: number) {
    this.#serving = serving;
    this.#index = index;
    this.#fd = fd;
    this.#watch();
  }

  onEvents(): void {
    const { loop } = this.#serving;
    for (let count = 0; count < acceptsPerEvent; count++) {
      const fd = loop.sockets.accept(this.#fd);
      if (fd < 0) {
        if (!harmless.has(fd)) this.#pause(loop, fd);
        return;
      }
      const connection = new Connection(this.#serving, this.#index, fd, loop.sockets.accepted);
      this.#serving.add(connection);
      connection.start();
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#serving.loop.unwatch(this.#fd);
  }

  #watch(): void {
    this.#serving.loop.watch(this.#fd, epollEvent.in | epollEvent.exclusive, this);
  }

  /** Out of descriptors or memory: the connection waits in the kernel, and trying at once would only burn time. */
  #pause(loop: Loop, failure: number): void {
    this.#serving.report('connection not accepted', getSystemErrorName(failure));
    loop.unwatch(this.#fd);
    loop.after(pauseMs, () => {
      if (!this.#closed) this.#watch();
    });
  }
}
