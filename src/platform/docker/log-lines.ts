import { StringDecoder } from 'node:string_decoder';

const headerLength = 8;
/** A program that never ends its line must not fill our memory. */
const longestLine = 8192;

/**
 * Lines out of the Engine's log stream, where standard output and error alternate in frames: one byte for the stream, three
 * of zero, the length as 32 bits big-endian, then so many bytes.
 */
export class LogLines {
  readonly #onLine: (line: string) => void;
  readonly #streams = new Map<number, { decoder: StringDecoder; line: string }>();
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

  /** No more will come: what stands without a line's end is a line too. */
  end(): void {
    for (const stream of this.#streams.values()) this.#emit(stream.line + stream.decoder.end());
    this.#streams.clear();
    this.#rest = Buffer.alloc(0);
  }

  #take(id: number, payload: Buffer): void {
    const stream = this.#streams.get(id) ?? { decoder: new StringDecoder('utf8'), line: '' };
    this.#streams.set(id, stream);
    const lines = (stream.line + stream.decoder.write(payload)).split('\n');
    stream.line = lines.pop() ?? '';
    for (const line of lines) this.#emit(line);
    if (stream.line.length > longestLine) {
      this.#emit(stream.line);
      stream.line = '';
    }
  }

  #emit(line: string): void {
    const text = line.trimEnd();
    if (text !== '') this.#onLine(text);
  }
}
