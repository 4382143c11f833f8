import { StringDecoder } from 'node:string_decoder';
import { Lines } from '../lines.js';

const headerLength = 8;

/**
 * Lines out of the Engine's log stream, where standard output and error alternate in frames: one byte for the stream, three
 * of zero, the length as 32 bits big-endian, then so many bytes.
 */
export class LogLines {
  readonly #onLine: (line: string) => void;
  readonly #streams = new Map<number, { decoder: StringDecoder; lines: Lines }>();
  #rest: Buffer = Buffer.alloc(0);

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Takes the next bytes, cut anywhere. */
  push(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (data.length >= headerLength) {
      const end = headerLength + data.readUInt32BE(4);
      if (data.length < end) break;
      this.#take(data.readUInt8(0), data.subarray(headerLength, end));
      data = data.subarray(end);
    }
    this.#rest = data;
  }

  /** No more will come. */
  end(): void {
    for (const { decoder, lines } of this.#streams.values()) {
      lines.push(decoder.end());
      lines.end();
    }
    this.#streams.clear();
    this.#rest = Buffer.alloc(0);
  }

  #take(id: number, payload: Buffer): void {
    const stream = this.#streams.get(id) ?? { decoder: new StringDecoder('utf8'), lines: new Lines(this.#onLine) };
    this.#streams.set(id, stream);
    stream.lines.push(stream.decoder.write(payload));
  }
}
