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
    await this.#writeTo(socket);
    socket.end();
  }

  /**
   * Sends it to something that echoes and hashes as many bytes of what comes back, without ending either side before: stunnel
   * cuts the end of an answer that follows a half-close.
   */
  async echoedBy(socket: Duplex): Promise<{ hash: string; bytes: number }> {
    const hash = createHash('sha256');
    let bytes = 0;
    const received = (async (): Promise<void> => {
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        if (!Buffer.isBuffer(chunk)) throw new Error('bytes were expected');
        hash.update(chunk);
        bytes += chunk.length;
        if (bytes >= this.bytes) return;
      }
    })();
    await Promise.all([received, this.#writeTo(socket)]);
    return { hash: hash.digest('hex'), bytes };
  }

  async #writeTo(socket: Duplex): Promise<void> {
    for (let index = 0; index < this.#megabytes; index++) {
      if (!socket.write(numbered(index))) await once(socket, 'drain');
    }
  }
}

function numbered(index: number): Buffer {
  const copy = Buffer.from(block);
  copy.writeUInt32BE(index, 0);
  return copy;
}
