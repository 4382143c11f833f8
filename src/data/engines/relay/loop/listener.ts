import { getSystemErrorName } from 'node:util';
import { messageOf } from '../../../../core/errors.js';
import { epollEvent, errno } from '../../../../platform/ffi/constants.js';
import type { SocketAddress } from '../../../../platform/ffi/socket-address.js';
import { Connection } from './connection.js';
import type { Watcher } from './loop.js';
import type { Serving } from './serving.js';

/** Before other events get their turn. */
const acceptsPerEvent = 64;
/** Until descriptors may be free again. */
const pauseMs = 100;
/** Another thread took the connection, or its peer has gone. */
const harmless: ReadonlySet<number> = new Set([-errno.EAGAIN, -errno.ECONNABORTED, -errno.EINTR]);

/** Takes an accepted connection over. */
export function serve(serving: Serving, listener: number, fd: number, client: SocketAddress): void {
  const connection = take(serving, listener, fd, client);
  if (!connection) return;
  serving.add(connection);
  connection.start();
}

/** Undefined, and the descriptor closed, when memory is short. */
function take(serving: Serving, listener: number, fd: number, client: SocketAddress): Connection | undefined {
  try {
    return new Connection(serving, listener, fd, client);
  } catch (error) {
    serving.report('connection not accepted', messageOf(error));
    serving.loop.close(fd, true);
    return undefined;
  }
}

/** Accepts the connections of a listening socket, which all loops share, and gives each to the loop with the fewest. */
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
        if (!harmless.has(fd)) this.#pause(getSystemErrorName(fd));
        return;
      }
      const client = loop.sockets.accepted;
      if (loop.handover.offer({ forwarder: this.#serving.id, listener: this.#index, fd })) continue;
      if (client) serve(this.#serving, this.#index, fd, client);
      else loop.close(fd, true);
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
  #pause(reason: string): void {
    const { loop } = this.#serving;
    this.#serving.report('connection not accepted', reason);
    loop.unwatch(this.#fd);
    loop.after(pauseMs, () => {
      if (!this.#closed) this.#resume();
    });
  }

  #resume(): void {
    try {
      this.#watch();
    } catch (error) {
      this.#pause(messageOf(error));
    }
  }
}
