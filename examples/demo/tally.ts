import { createHash } from 'node:crypto';
import { createHistogram } from 'node:perf_hooks';
import type { Header } from './header.js';
import type { ConsumerProgress, Received } from './protocol.js';

const nsPerSecond = 1e9;
const nsPerMs = 1e6;

/** Everything the consumer finds out about the stream. */
export class Tally {
  readonly #hash = createHash('sha256');
  /** Constant memory, however long the stream is. */
  readonly #latency = createHistogram({ figures: 3 });
  #messages = 0;
  #bytes = 0;
  #firstSentAt: bigint | undefined;
  #lastArrivedAt = 0n;

  get messages(): number {
    return this.#messages;
  }

  /** Throws when a message before this one is missing. */
  add({ sequence, sentAt }: Header, payload: Buffer, arrivedAt: bigint): void {
    this.#expect(sequence);
    this.#firstSentAt ??= sentAt;
    this.#lastArrivedAt = arrivedAt;
    this.#latency.record(arrivedAt - sentAt);
    this.#hash.update(payload);
    this.#messages++;
    this.#bytes += payload.length;
  }

  progress(): ConsumerProgress {
    return { kind: 'progress', messages: this.#messages, bytes: this.#bytes, seconds: this.#seconds };
  }

  /** Once the final message, which says how many there were, has arrived. */
  result({ sequence }: Header): Received {
    this.#expect(sequence);
    return {
      kind: 'received',
      messages: this.#messages,
      bytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
      seconds: this.#seconds,
      p50Ms: this.#latency.percentile(50) / nsPerMs,
      p99Ms: this.#latency.percentile(99) / nsPerMs,
    };
  }

  get #seconds(): number {
    return Number(this.#lastArrivedAt - (this.#firstSentAt ?? this.#lastArrivedAt)) / nsPerSecond;
  }

  #expect(sequence: number): void {
    if (sequence === this.#messages) return;
    throw new Error(`Message ${sequence} arrived where message ${this.#messages} was expected.`);
  }
}
