import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';

const block = randomBytes(1 << 20);

/** Megabytes that differ from their neighbors, so that a swap or a repetition changes the hash. */
export class Payload {
  readonly bytes: number;
  readonly hash: string;
  readonly #megabytes: number;

  constructor(megabytes: number) {
    this.#megabytes = megabytes;
    this.bytes = megabytes * block.length;
    const hash = createHash('sha256');
    for (let index = 0; index < megabytes; index++) hash.update(numbered(index));
    this.hash = hash.digest('hex');
  }

  /** At the pace of the other side; ends its own side then. */
  async sendTo(socket: Duplex): Promise<void> {
    for (let index = 0; index < this.#megabytes; index++) {
      if (!socket.write(numbered(index))) await once(socket, 'drain');
    }
    socket.end();
  }
}

function numbered(index: number): Buffer {
  const copy = Buffer.from(block);
  copy.writeUInt32BE(index, 0);
  return copy;
}
