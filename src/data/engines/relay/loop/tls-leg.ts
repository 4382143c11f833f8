import { errno } from '../../../../platform/ffi/constants.js';
import type { Memory } from '../../../../platform/ffi/memory.js';
import { sslError, type Pointer } from '../../../../platform/ffi/openssl.js';
import type { Sockets } from '../../../../platform/ffi/socket.js';
import type { Leg } from './leg.js';
import type { TlsContext } from './tls-context.js';

const again = -errno.EAGAIN;
const broken = -errno.ECONNRESET;
/** More than this at once leaves in full segments, not record by record. */
const recordBytes = 16 * 1024;

/** TLS 1.3 with a key that both ends know. */
export class TlsLeg implements Leg {
  readonly fd: number;
  readonly raw = false;
  ended = false;
  readNeedsWritable = false;
  writeNeedsReadable = false;
  failure = '';
  readonly #sockets: Sockets;
  readonly #context: TlsContext;
  readonly #ssl: Pointer;
  /** The kernel waits for more before it sends what would not fill a segment. */
  #corked = false;
  #saidEnd = false;
  #wantsWritable = false;

  constructor(sockets: Sockets, context: TlsContext, fd: number) {
    this.#sockets = sockets;
    this.#context = context;
    this.fd = fd;
    this.#ssl = context.open(fd);
  }

  handshake(): number {
    const { ssl } = this.#context.tls;
    const answer = ssl.handshake(this.#ssl);
    if (answer === 1) {
      if (ssl.keyUsed(this.#ssl) === 1) return 1;
      this.failure = 'the peer did not use the key';
      return broken;
    }
    const result = this.#failed(answer);
    return result === 0 ? broken : result;
  }

  /** Reads until the memory is full or there is no more now. What stops it after some bytes is found again by the next read. */
  read(into: Memory, offset: number, length: number): number {
    const { ssl } = this.#context.tls;
    this.readNeedsWritable = false;
    let done = 0;
    while (done < length) {
      const answer = ssl.read(this.#ssl, into, offset + done, length - done);
      if (answer > 0) {
        done += answer;
        continue;
      }
      const result = this.#failed(answer);
      this.readNeedsWritable = result === again && this.#wantsWritable;
      if (done === 0) return result;
      if (result !== again) this.ended = true;
      break;
    }
    return done;
  }

  write(from: Memory, offset: number, length: number): number {
    const { ssl } = this.#context.tls;
    this.writeNeedsReadable = false;
    if (length > recordBytes) this.#cork(true);
    let done = 0;
    while (done < length) {
      const answer = ssl.write(this.#ssl, from, offset + done, length - done);
      if (answer > 0) {
        done += answer;
        continue;
      }
      const result = this.#failed(answer);
      if (done > 0) break;
      this.writeNeedsReadable = result === again && !this.#wantsWritable;
      return result === 0 ? broken : result;
    }
    return done;
  }

  flush(): void {
    this.#cork(false);
  }

  endWriting(): number {
    this.flush();
    if (!this.#saidEnd) {
      const answer = this.#context.tls.ssl.shutdown(this.#ssl);
      if (answer < 0 && this.#failed(answer) === again) return again;
      this.#saidEnd = true;
    }
    this.#sockets.endWriting(this.fd);
    return 0;
  }

  dispose(): void {
    const { tls } = this.#context;
    tls.forget(this.#ssl);
    tls.ssl.freeConnection(this.#ssl);
  }

  #cork(on: boolean): void {
    if (this.#corked === on) return;
    this.#corked = on;
    this.#sockets.cork(this.fd, on);
  }

  /** 0 for an end that the peer has said, EAGAIN, or that the connection is broken. */
  #failed(answer: number): number {
    const { ssl } = this.#context.tls;
    const reason = ssl.errorOf(this.#ssl, answer);
    this.#wantsWritable = reason === sslError.wantWrite;
    if (reason === sslError.wantRead || reason === sslError.wantWrite) return again;
    if (reason === sslError.closed) return 0;
    const error = ssl.takeError();
    this.failure = error === 0 ? 'the peer hung up' : ssl.describe(error);
    ssl.clearErrors();
    return broken;
  }
}
