import type { Duplex } from 'node:stream';
import { Deferred } from '../../../../core/deferred.js';
import type { RateLimit } from './rate.js';

/** Moves one direction of a connection: never faster than the sink takes it or the rate allows. */
export class Pump {
  readonly #source: Duplex;
  readonly #sink: Duplex;
  readonly #rate: RateLimit;
  readonly #moved: (bytes: number) => void;
  readonly #done = new Deferred<void>();
  /** Read, and not allowed to go on yet. */
  #held: Buffer | undefined;
  #blocked = false;
  #ended = false;

  /** `moved` is told of all bytes that go on. */
  constructor(source: Duplex, sink: Duplex, rate: RateLimit, moved: (bytes: number) => void) {
    this.#source = source;
    this.#sink = sink;
    this.#rate = rate;
    this.#moved = moved;
  }

  /** Resolves when the source's end has been handed to the sink's peer. A broken stream is for its owner to notice. */
  run(): Promise<void> {
    this.#source.on('data', (chunk: Buffer) => {
      this.#held = chunk;
      if (!this.#advance()) this.#source.pause();
    });
    const ended = (): void => {
      this.#ended = true;
      this.#advance();
    };
    this.#source.once('end', ended);
    this.#sink.on('drain', () => {
      this.#blocked = false;
      this.#advance();
    });
    // An end right after the handshake has come before anybody could wait for it.
    if (this.#source.readableEnded) ended();
    else this.#source.resume();
    return this.#done.promise;
  }

  /** Lets go of a turn that it may be waiting for. */
  stop(): void {
    this.#held = undefined;
    this.#rate.leave(this);
  }

  /** False when no more can be taken in for now. */
  #advance(): boolean {
    while (this.#held && !this.#blocked) {
      const allowed = this.#rate.take(this.#held.length);
      if (allowed === 0) {
        this.#rate.wait(this, this.#held.length, this.#granted);
        return false;
      }
      this.#pass(this.#held, allowed);
    }
    if (this.#held || this.#blocked) return false;
    if (this.#ended) this.#sink.end(this.#done.resolve);
    else this.#source.resume();
    return true;
  }

  readonly #granted = (bytes: number): void => {
    if (this.#held) this.#pass(this.#held, bytes);
    this.#advance();
  };

  #pass(chunk: Buffer, bytes: number): void {
    this.#held = bytes < chunk.length ? chunk.subarray(bytes) : undefined;
    this.#moved(bytes);
    if (!this.#sink.write(bytes < chunk.length ? chunk.subarray(0, bytes) : chunk)) this.#blocked = true;
  }
}
