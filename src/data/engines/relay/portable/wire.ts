import type net from 'node:net';
import { Duplex } from 'node:stream';
import type tls from 'node:tls';

/**
 * The encrypted bytes between a socket and Node's TLS. Node takes every end of TCP for an end of TLS, even one that the
 * peer did not announce by close_notify: somebody on the way could cut the stream short unnoticed. Only when the bytes
 * pass through here is it known which of the two comes first.
 */
export class Wire extends Duplex {
  readonly #socket: net.Socket;

  /** `socket` is connected and not read by anybody else. */
  constructor(socket: net.Socket, highWaterMark: number) {
    super({ allowHalfOpen: true, highWaterMark });
    this.#socket = socket;
    socket.on('data', (chunk) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.once('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.once('close', () => this.destroy());
  }

  /** From now on an end of TCP without close_notify is an error of `secured`. */
  guard(secured: tls.TLSSocket): void {
    let announced = false;
    const push = secured.push.bind(secured);
    secured.push = (chunk: unknown, encoding) => {
      if (chunk === null) announced = true;
      return push(chunk, encoding);
    };
    // Before Node's own listener, which would make an end of it.
    this.prependOnceListener('end', () => {
      if (!announced) secured.destroy(new Error('the peer ended without close_notify'));
    });
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
