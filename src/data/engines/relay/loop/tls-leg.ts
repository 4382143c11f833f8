import { errno, shutdownHow } from '../../../../platform/ffi/constants.js';
import type { Memory } from '../../../../platform/ffi/memory.js';
import type { Native } from '../../../../platform/ffi/native.js';
import { sslError, type Pointer } from '../../../../platform/ffi/openssl.js';
import type { Leg } from './leg.js';
import type { TlsContext } from './tls-context.js';
import type { WriteBuffers } from './write-buffers.js';

const again = -errno.EAGAIN;
const broken = -errno.ECONNRESET;
/** More than this at once is gathered before it is sent. */
const recordBytes = 16 * 1024;

/** TLS 1.3 with a key that both ends know. */
export class TlsLeg implements Leg {
  readonly fd: number;
  readonly raw = false;
  ended = false;
  readNeedsWritable = false;
  writeNeedsReadable = false;
  failure = '';
  readonly #native: Native;
  readonly #context: TlsContext;
  readonly #buffers: WriteBuffers;
  readonly #ssl: Pointer;
  /** Gathers records while there is much to write. */
  #buffer: Pointer | undefined;
  #saidEnd = false;

  constructor(native: Native, context: TlsContext, buffers: WriteBuffers, fd: number) {
    this.#native = native;
    this.#context = context;
    this.#buffers = buffers;
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
    if (!this.#buffer && length > recordBytes) this.#buffer = this.#buffers.attach(this.#ssl);
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

  flush(): number {
    if (this.#buffer === undefined) return 0;
    const { ssl } = this.#context.tls;
    if (!ssl.flush(this.#buffer)) return ssl.shouldRetry(this.#buffer) ? again : broken;
    if (this.#buffers.detach(this.#ssl, this.#buffer)) this.#buffer = undefined;
    return 0;
  }

  endWriting(): number {
    const flushed = this.flush();
    if (flushed !== 0) return flushed;
    if (!this.#saidEnd) {
      const answer = this.#context.tls.ssl.shutdown(this.#ssl);
      if (answer < 0 && this.#failed(answer) === again) return again;
      this.#saidEnd = true;
    }
    this.#native.libc.shutdown(this.fd, shutdownHow.write);
    return 0;
  }

  dispose(): void {
    const { tls } = this.#context;
    tls.forget(this.#ssl);
    tls.ssl.freeConnection(this.#ssl);
  }

  #wantsWritable = false;

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
