import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { until } from '../../src/core/until.js';

const deadlineMs = 20_000;
/** What a transfer may have under way: enough to keep buffers busy, and little enough that it cannot run ahead of what happens. */
const windowBytes = 1 << 18;
const block = Buffer.alloc(1 << 16, 'measured ');

/** How much there was, and its hash. */
export class Tally {
  bytes = 0;
  readonly #hash = createHash('sha256');

  add(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
  }

  /** To be asked once. */
  get whole(): { readonly bytes: number; readonly hash: string } {
    return { bytes: this.bytes, hash: this.#hash.digest('hex') };
  }

  /** Of what comes on a socket from now on, beside whoever else reads it. */
  static of(socket: net.Socket): Tally {
    const tally = new Tally();
    socket.on('data', (chunk: Buffer) => {
      tally.add(chunk);
    });
    socket.resume();
    return tally;
  }
}

/** Sends to something that echoes, and is under way until it is finished: its pace is what has come back. */
export class Transfer {
  readonly sent = new Tally();
  readonly back: Tally;
  readonly #socket: net.Socket;
  readonly #sending: Promise<void>;
  #goesOn = true;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.back = Tally.of(socket);
    this.#sending = this.#send();
    // Who finishes it hears of it.
    this.#sending.catch(() => undefined);
  }

  /** Waits until so many bytes more have come back. */
  async moves(bytes: number): Promise<void> {
    const from = this.back.bytes;
    await until(`${bytes} bytes more coming back`, deadlineMs, () => this.back.bytes >= from + bytes);
  }

  /** Resolves when all that was sent has come back. */
  async finish(): Promise<void> {
    this.#goesOn = false;
    await this.#sending;
    await until('all bytes being back', deadlineMs, () => this.back.bytes >= this.sent.bytes);
  }

  async #send(): Promise<void> {
    for (let number = 0; this.#goesOn; number++) {
      // Each differs from the others, so that a swap or a repetition changes the hash.
      const chunk = Buffer.from(block);
      chunk.writeUInt32BE(number, 0);
      this.sent.add(chunk);
      this.#socket.write(chunk);
      while (this.sent.bytes - this.back.bytes >= windowBytes) {
        await once(this.#socket, 'data', { signal: AbortSignal.timeout(deadlineMs) });
      }
    }
  }
}
