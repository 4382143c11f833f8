import { Pool } from '../../../../core/pool.js';
import type { OpenSsl, Pointer } from '../../../../platform/ffi/openssl.js';

/** Sixteen records with what TLS adds to each: one call of the system sends them all. */
const bufferBytes = 16 * (16 * 1024 + 22);
const mostSpare = 8;

/** Buffers between TLS and a socket, lent while a connection writes much, so that silent connections have none. */
export class WriteBuffers {
  readonly #ssl: OpenSsl;
  readonly #spare = new Pool<Pointer>(mostSpare, (buffer) => {
    this.#ssl.freeWriteBuffer(buffer);
  });

  constructor(ssl: OpenSsl) {
    this.#ssl = ssl;
  }

  attach(connection: Pointer): Pointer {
    const buffer = this.#spare.take() ?? this.#ssl.newWriteBuffer(bufferBytes);
    this.#ssl.attachWriteBuffer(connection, buffer);
    return buffer;
  }

  /** The buffer must be empty. False: it stays where it is for now. */
  detach(connection: Pointer, buffer: Pointer): boolean {
    if (!this.#ssl.detachWriteBuffer(connection, buffer)) return false;
    this.#spare.give(buffer);
    return true;
  }

  trim(): void {
    this.#spare.trim();
  }
}
